/**
 * Finds the successor of a connection that was closed because neither side used the connection. The successor of a
 * closed connection takes over the calls that had not begun, and the callbacks that wait for the end of the connection.
 *
 *   open --Bye of an idle peer, or said by this side--> retired --the next use--> the successor
 *
 * @since 0.2.0
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { type ActorError, type ActorId, ActorLost } from "../errors/ActorError.ts"
import { withoutStack } from "../errors/stack.ts"
import type { ActorRefData } from "../settings/ActorRef.ts"
import { suspended } from "../settings/suspended.ts"
import { Waiters } from "../settings/Waiters.ts"
import type { PeerChannel } from "./PeerChannel.ts"

/** The way in which a retired connection finds its successor. */
export class Succession {
  /** The reference by which this side asked for the connection; `undefined` while this side has not asked for it. */
  ref: ActorRefData | undefined
  private next: PeerChannel | undefined
  private readonly context: Context.Context<never>
  /** Callbacks for the end of the retired connection that have not been moved to a successor yet. */
  private readonly resting = new Waiters<PeerChannel | undefined>()
  /** Gives the successor of the retired connection, and dials the successor if no successor is open. */
  readonly successor: Effect.Effect<PeerChannel, ActorError>

  constructor(
    dial: (ref: ActorRefData | undefined) => Effect.Effect<PeerChannel, ActorError>,
    context: Context.Context<never>
  ) {
    this.context = context
    this.successor = Effect.onExit(Effect.suspend(() => dial(this.ref)), (exit) =>
      Effect.sync(() => {
        if (Exit.isSuccess(exit)) this.next = exit.value
        // An interrupted dial of the connection's successor does not show whether the peer can be reached.
        else if (Cause.hasInterruptsOnly(exit.cause)) return
        this.resting.wake(Exit.isSuccess(exit) ? exit.value : undefined)
      }))
  }

  /** The latest known successor of the retired connection; `undefined` while no successor is known. */
  get latest(): PeerChannel | undefined {
    return this.next?.latest
  }

  /**
   * Calls `callback` once, when the successor of the retired connection can begin no more calls, or when the successor
   * cannot be dialled. If the parameter `rests` of `watch` is true, `watch` does not dial the successor, and waits
   * until a call dials the successor.
   */
  watch(callback: () => void, rests: boolean): () => void {
    let isOver = false
    let forget = this.resting.add((next) => {
      if (isOver) return
      if (next === undefined) callback()
      else forget = next.whenCallsOver(callback, rests)
    })
    if (!rests) Effect.runForkWith(this.context)(Effect.ignore(this.successor))
    return () => {
      isOver = true
      forget()
    }
  }
}

/** The errors of dialogs that had not begun when their connection retired. */
const retirements = new WeakSet<object>()

/**
 * Makes the error of a dialog that has not begun because its connection retired. Code that uses a connection's
 * successor catches the error of a dialog that has not begun, and repeats the dialog on this successor.
 */
export const retirement = (actor: ActorId): ActorError => {
  const how = { _tag: "ConnectionClosed", reason: "its connection was closed, because neither side used it" } as const
  const error = withoutStack(() => new ActorLost({ actor, how, began: "no", stderr: [], failure: null }))
  retirements.add(error)
  return error
}

const isRetirement = (error: unknown): boolean => typeof error === "object" && error !== null && retirements.has(error)

/**
 * Uses a connection or its successor: work that has surely not begun on a retired connection is begun again on the
 * connection's successor.
 */
export const following = <A, E, R>(
  channel: PeerChannel,
  use: (channel: PeerChannel) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | ActorError, R> => {
  const { parting, parting: { succession } } = channel
  if (succession === undefined) return use(channel)
  const next = Effect.flatMap(succession.successor, (next) => following(next, use))
  return Effect.suspend((): Effect.Effect<A, E | ActorError, R> =>
    parting.isRetired ? next : Effect.catchIf(use(channel), isRetirement, () => next)
  )
}

/**
 * Reads a stream from a connection or its successor: a stream that has not begun on a retired connection is opened on
 * the connection's successor.
 */
export const followingStream = <A, E, R>(
  channel: PeerChannel,
  read: (channel: PeerChannel) => Stream.Stream<A, E, R>
): Stream.Stream<A, E | ActorError, R> => {
  const { parting, parting: { succession } } = channel
  if (succession === undefined) return read(channel)
  const next = Stream.unwrap(Effect.map(succession.successor, (next) => followingStream(next, read)))
  return suspended((): Stream.Stream<A, E | ActorError, R> =>
    parting.isRetired ? next : Stream.catchIf(read(channel), isRetirement, () => next)
  )
}
