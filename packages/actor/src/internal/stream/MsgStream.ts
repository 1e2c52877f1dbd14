/**
 * The two-way stream of a dialog: a `StreamReader` receives, an `Outlet` sends, and conversions lead to Effect's
 * Stream, Sink and Channel.
 *
 * While a dialog's stream has subscribers, `FanOut` delivers every item to every reader, and `receive` is one of the
 * readers. Each subscriber of a stream chooses its own policy for the case that it is too slow.
 *
 * @since 0.1.0
 */
import * as Payload from "@furrow/protocol/Payload"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { MsgStream, SubscribeOptions } from "../contract/DialogCall.ts"
import { type PayloadReceiver, ruleOf } from "../contract/PayloadReceiver.ts"
import { type ActorError, type ActorId, ChannelClosed, StreamOverrun } from "../errors/ActorError.ts"
import type { Refusals } from "../inspect/Snapshot.ts"
import { suspended } from "../settings/suspended.ts"
import * as FanOut from "./FanOut.ts"
import type { Outlet } from "./Outlet.ts"
import type { Look } from "./Receiving.ts"
import { none, type Pull, type StreamReader } from "./StreamReader.ts"

export interface MsgStreamOptions {
  readonly reader: StreamReader
  readonly outlet: Outlet
  readonly peer: ActorId
  readonly self: ActorId
  readonly endpoint: string
  /** Sends `Stop`, which ends this side's half of the dialog. */
  readonly stop: () => void
  /** True once this side's half of the dialog has ended. */
  readonly isStopped: () => boolean
  /** Returns the failure of `send` when the dialog has failed or ended; `undefined` while the dialog is open. */
  readonly over: () => Effect.Effect<never, unknown> | undefined
}

/** The number of the member that stands for the stream's own `receive`. */
const owner = 0

/** The default number of items by which a subscriber may be behind the newest item. */
const defaultCapacityItems = 64

/** Carries out what `FanOut.step` decides: reads items for the members of the fan-out, and wakes the members. */
class Shared {
  private state = FanOut.initial
  private lastId = owner
  private isScheduled = false
  private readonly reader: StreamReader
  private readonly overrun: () => unknown

  constructor(reader: StreamReader, overrun: () => unknown) {
    this.reader = reader
    this.overrun = overrun
  }

  get isShared(): boolean {
    return FanOut.isShared(this.state)
  }

  /** True when the member `id` of the fan-out has taken all items that were read. */
  hasRead(id: number): boolean {
    return FanOut.unreadBy(this.state, id) === 0
  }

  join(policy: FanOut.Policy, capacity: number): number {
    const id = policy === "owner" ? owner : ++this.lastId
    if (policy !== "owner" || !this.state.members.has(owner)) this.input({ _tag: "Join", id, policy, capacity })
    this.reader.share(this.read)
    // A reader that waits alone for the next item is woken, so that it waits as a member of the fan-out from now on.
    this.reader.notify()
    this.read()
    return id
  }

  /**
   * Registers the reader of a stream made by `toStream`. The reader reads without a fan-out until another reader joins.
   */
  attach(capacity: number): number {
    const id = ++this.lastId
    this.input({ _tag: "Attach", id, capacity })
    return id
  }

  leave(id: number): void {
    const outcome = this.input({ _tag: "Leave", id })
    if (outcome._tag === "Gone") return
    if (outcome._tag === "GiveBack") {
      this.reader.share(undefined)
      this.reader.putBack(outcome.items, outcome.lagged ? this.overrun : undefined)
    } else this.schedule()
    // The reader of a stream is woken because its Scope has closed while it may be waiting.
    this.reader.notify()
  }

  /**
   * Takes the next item for the member with the number `id`, or runs the effect of the argument `gone` if the member
   * has left the fan-out. If no item has arrived yet, the effect `empty` runs; without an effect `empty`, the reader
   * waits for an item.
   */
  take(
    id: number,
    gone: () => Effect.Effect<unknown, unknown>,
    empty?: Effect.Effect<unknown, unknown>
  ): Effect.Effect<unknown, unknown> {
    return Effect.suspend(() => {
      const { failure, receiving } = this.reader
      if (failure !== undefined) return failure
      const again = () => this.take(id, gone, empty)
      const found = this.look(id)
      if (found?._tag === "Undecided") return Effect.flatMap(receiving.decide(found.place), again)
      const outcome = this.input({ _tag: "Take", id })
      switch (outcome._tag) {
        case "Item": {
          this.schedule()
          if (found === undefined) return Effect.succeed(outcome.item)
          if (found._tag === "Skip") return again()
          if (found._tag === "Item") return Effect.succeed(found.item)
          receiving.count("failed", found.refused)
          return found.failure
        }
        case "Lagged":
          return Effect.fail(this.overrun())
        case "Gone":
          return gone()
        default: {
          const { over, undecided } = this.reader
          if (over !== undefined) return over
          if (undecided !== undefined) return Effect.flatMap(receiving.decide(undecided), again)
          if (empty !== undefined) return empty
          this.schedule()
          return Effect.flatMap(this.reader.changed, again)
        }
      }
    })
  }

  /**
   * Checks the next item of the member with the number `id`, but does not take the item. The result is `undefined` if
   * no item has arrived, or if the item needs no check.
   */
  private look(id: number): Look | undefined {
    const next = FanOut.next(this.state, id)
    const { receiving } = this.reader
    if (next === undefined || receiving.isPlain(next.item)) return undefined
    const found = receiving.look(next.item)
    // The decision about an item that does not match its schema is made once for all members of the fan-out.
    if (found.place !== next.item) this.input({ _tag: "Replace", at: next.at, item: found.place })
    return found
  }

  /**
   * Takes the next item for the stream's own `receiveNow`, if an item is there now. The function `takeNow` first reads
   * arrived items from the dialog, as far as the members of the fan-out have room.
   */
  takeNow(gone: () => Effect.Effect<unknown, unknown>): Effect.Effect<Option.Option<unknown>, unknown> {
    const id = this.join("owner", defaultCapacityItems)
    if (this.hasRead(id)) {
      this.input({ _tag: "Take", id })
      if (this.read()) this.reader.notify()
    }
    const taken = this.take(id, gone, Effect.succeed(none))
    return Effect.map(taken, (item) => item === none ? Option.none() : Option.some(item))
  }

  private input(input: FanOut.Input): FanOut.Outcome {
    const [state, outcome] = FanOut.step(this.state, input)
    this.state = state
    return outcome
  }

  /**
   * Reads more items in a later turn of the event loop, so that all members first take the items that are already
   * there.
   */
  private schedule(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    this.reader.turn.later(() => {
      this.isScheduled = false
      // The readers of a stream are also woken when a receiver must decide about a refused item before more items can
      // be read.
      if (this.read() || this.reader.undecided !== undefined) this.reader.notify()
    }, this)
  }

  /** Reads as many items as the members of the fan-out have room for; returns true if at least one item was read. */
  private readonly read = (): boolean => {
    let found = false
    for (let room = FanOut.wanted(this.state); room > 0; room = FanOut.wanted(this.state)) {
      const items: Array<unknown> = []
      do {
        const item = this.reader.poll()
        if (item === none) break
        items.push(item)
      } while (items.length < room && this.reader.hasDecoded)
      if (items.length === 0) break
      this.input({ _tag: "Push", items })
      found = true
    }
    return found
  }
}

/**
 * The stream by which one side of a dialog sends and receives. Conversions of a stream, such as `toStream`, are made at
 * their first use, because making them takes longer than a call over the dialog.
 */
class MsgStreamLive {
  private readonly options: MsgStreamOptions
  private readonly shared: Shared

  constructor(options: MsgStreamOptions) {
    this.options = options
    this.shared = new Shared(
      options.reader,
      () => new StreamOverrun({ actor: options.self, endpoint: options.endpoint })
    )
  }

  readonly send = (message: unknown): Effect.Effect<void, unknown> => this.sendAll([message])

  readonly sendAll = (messages: Iterable<unknown>): Effect.Effect<void, unknown> =>
    Effect.suspend(() => {
      const over = this.options.over()
      if (over !== undefined) return over
      if (this.options.isStopped()) return Effect.fail(this.closedHere())
      return this.options.outlet.send(Array.isArray(messages) ? messages : Array.from(messages))
    })

  readonly receive: Effect.Effect<unknown, unknown> = Effect.suspend(() =>
    this.shared.isShared
      ? this.shared.take(this.shared.join("owner", defaultCapacityItems), () => this.receive)
      : this.options.reader.receiveOr(() => this.receive)
  )

  get receiveNow(): Effect.Effect<Option.Option<unknown>, unknown> {
    return Effect.suspend(() =>
      this.shared.isShared ? this.shared.takeNow(() => this.receive) : this.options.reader.receiveNow
    )
  }

  get toStream(): Stream.Stream<unknown, unknown> {
    return suspended(() => {
      const { leave, pull } = this.plainOrMember()
      return streamOf(pull, leave)
    })
  }

  get toSink(): Sink.Sink<void, unknown, never, unknown> {
    return Sink.mapEffect(
      Sink.forEachArray((items: ReadonlyArray<unknown>) => this.sendAll(items)),
      () => this.end
    )
  }

  /**
   * Sends the items of the Channel's input in a fiber of the Channel's Scope, while another fiber reads the Channel's
   * output.
   */
  readonly toChannel = (): Channel.Channel<any, any, any, any, any, any> =>
    Channel.fromTransform((upstream: Effect.Effect<ReadonlyArray<unknown>, unknown>, scope) => {
      const failed = Deferred.makeUnsafe<never, unknown>()
      const send = Effect.onExit(
        Effect.forever(Effect.flatMap(upstream, (items) => this.sendAll(items))),
        (exit) => {
          const cause = Exit.isFailure(exit) ? exit.cause : undefined
          if (cause !== undefined && !isDone(cause) && !Cause.hasInterruptsOnly(cause)) {
            Deferred.doneUnsafe(failed, Exit.failCause(cause))
          }
          return this.end
        }
      )
      const { leave, pull } = this.plainOrMember()
      return Effect.andThen(
        Scope.addFinalizer(scope, leave),
        Effect.as(Effect.forkIn(send, scope), Effect.raceFirst(pull, Deferred.await(failed)) as never)
      )
    })

  readonly subscribe = (
    { capacity = defaultCapacityItems, policy = "wait" }: SubscribeOptions = {}
  ): Effect.Effect<Stream.Stream<unknown, unknown>, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.sync(() => this.shared.join(policy, Math.max(1, Math.floor(capacity)))),
      (id) => Effect.sync(() => this.shared.leave(id))
    ).pipe(
      Effect.map((id) =>
        streamOf(Effect.map(this.shared.take(id, () => Cause.done()), one), Effect.sync(() => this.shared.leave(id)))
      )
    )

  get end(): Effect.Effect<void> {
    return Effect.sync(() => {
      if (this.options.over() === undefined) this.options.stop()
    })
  }

  get close(): Effect.Effect<ReadonlyArray<unknown>> {
    return Effect.map(this.end, () => {
      this.shared.leave(owner)
      return this.options.reader.close()
    })
  }

  get closed(): Effect.Effect<boolean> {
    return Effect.sync(() => this.options.reader.isEnded && this.shared.hasRead(owner))
  }

  readonly narrow = (schema: Schema.Top): Effect.Effect<this, never, Scope.Scope> =>
    Effect.as(
      Effect.acquireRelease(
        Effect.sync(() => this.options.reader.receiving.narrow(issueWith(schema))),
        (restore) => Effect.sync(restore)
      ),
      this
    )

  readonly receiving = (
    receiver: PayloadReceiver<unknown, unknown, unknown>
  ): Effect.Effect<this, never, Scope.Scope> =>
    Effect.contextWith((context: Context.Context<never>) =>
      Effect.as(
        Effect.acquireRelease(
          Effect.sync(() => this.options.reader.receiving.receive(ruleOf(receiver, context))),
          (restore) => Effect.sync(restore)
        ),
        this
      )
    )

  get refusals(): Effect.Effect<Refusals> {
    return Effect.sync(() => this.options.reader.receiving.refusals)
  }

  /**
   * Makes a reader of the stream that reads alone until the first `subscribe`, and from then on as a member of the
   * fan-out.
   */
  private plainOrMember(): { readonly pull: Pull; readonly leave: Effect.Effect<void> } {
    const { shared } = this
    let id: number | undefined
    const pull: Pull = Effect.suspend(() => {
      const member = id ??= shared.attach(defaultCapacityItems)
      return shared.isShared
        ? Effect.map(shared.take(member, () => Cause.done()), one)
        : this.options.reader.pullOr(() => pull)
    })
    return { pull, leave: Effect.sync(() => id === undefined ? undefined : shared.leave(id)) }
  }

  private closedHere(): ActorError {
    return new ChannelClosed({ side: "local", actor: this.options.peer, dialog: this.options.endpoint })
  }
}

const one = (item: unknown): readonly [unknown] => [item]

/**
 * Makes an Effect Stream of an effect that reads the next items. A reader leaves the dialog's stream only when the
 * Scope of its Effect Stream closes, because a failed read may be repeated.
 */
const streamOf = (pull: Pull, leave: Effect.Effect<void>): Stream.Stream<unknown, unknown> =>
  Stream.fromChannel(
    Channel.fromTransform((_, scope) => Effect.as(Scope.addFinalizer(scope, leave), pull as never)) as Channel.Channel<
      readonly [unknown, ...Array<unknown>],
      unknown
    >
  ) as Stream.Stream<unknown, unknown>

const isDone = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some((reason) => reason._tag === "Fail" && Cause.isDone(reason.error))

/** Makes the stream by which one side of a dialog sends and receives. */
export const make = <Send, Receive, E>(options: MsgStreamOptions): MsgStream<Send, Receive, E> =>
  new MsgStreamLive(options) as unknown as MsgStream<Send, Receive, E>

/**
 * Returns the function that checks decoded items with a narrower schema: it returns an issue, or `undefined` for an
 * item that matches.
 */
const issueWith = (schema: Schema.Top) => {
  const decode = Schema.decodeUnknownSync(Schema.toType(schema) as Schema.Codec<unknown>)
  return (item: unknown): string | undefined => {
    try {
      decode(item)
      return undefined
    } catch (cause) {
      return Payload.issueOf(cause, item)
    }
  }
}
