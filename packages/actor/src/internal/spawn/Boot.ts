/**
 * Takes a started process through the handshake, `Spawn` and `Ready`, until it is a ready actor.
 *
 * A start ends with the first of three events: the word `Ready`, the exit of the process, or the deadline of the start.
 * If a booting child ends in any way, the start fails with an error that names the step that the child had reached.
 *
 * @since 0.1.0
 */
import type { Start } from "@furrow/protocol/Message"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { welcome } from "../channel/Greeting.ts"
import { PeerChannel } from "../channel/PeerChannel.ts"
import { endpoint } from "../contract/Call.ts"
import { type ActorError, type ActorId, ActorLost, SpawnFailed, type SpawnStep } from "../errors/ActorError.ts"
import { withoutStack } from "../errors/stack.ts"
import type { Events } from "../inspect/ActorEvent.ts"
import { elapsed } from "../settings/Elapsed.ts"
import type { ProcessHandle } from "./Spawner.ts"
import { readyCodec, type SpawnSpec, specCodec } from "./SpawnSpec.ts"

export interface BootOptions {
  readonly handle: ProcessHandle
  readonly self: ActorId
  readonly spec: SpawnSpec
  readonly events: Events
  readonly context: Context.Context<never>
  readonly deadline: number
  readonly explain: (done: (error: ActorError) => void) => void
  /**
   * Answers a call that an actor makes to its parent before the actor is ready: its layers may call, or it sends its
   * first logs.
   */
  readonly start: (message: Start, channel: PeerChannel) => void
  /** Records the step that the start of the actor has reached. */
  readonly reached?: ((step: SpawnStep) => void) | undefined
  /**
   * A callback for the moment at which the actor has said `Ready`, even if its start was given up before. After `Ready`
   * the caller of `boot` handles the words on the actor's connection. A ready actor may have finalizers, so an owner
   * that asks the actor to end must wait for the actor's answer.
   */
  readonly ready: (channel: PeerChannel) => void
  /** Reads the payload of a word `Error` for dialog 0; `undefined` when the payload does not report a failed start. */
  readonly failure: (
    payload: Uint8Array
  ) => { readonly step: SpawnStep; readonly error: Omit<StartFailure, "step"> } | undefined
}

interface StartFailure {
  readonly step: SpawnStep
  readonly reason: string
  readonly failure: SpawnFailed["failure"]
  readonly hint?: SpawnFailed["hint"]
}

const lostDuring = (error: ActorError): Omit<StartFailure, "step"> => ({
  reason: error instanceof ActorLost && error.stderr.length > 0
    // The reason of a failed start leaves out the last lines of stderr, because the error shows these lines in another
    // place.
    ? error.message.split("\nits last lines")[0]!
    : error.message,
  failure: error instanceof ActorLost ? error.failure : null,
  hint: error instanceof ActorLost ? error.hint : null
})

/** The call with which an actor reports that all its modules are imported, and that its layers are being built. */
export const building = endpoint("furrow/building")

/**
 * Returns the open connection to a ready actor, or fails with the error of the actor's start. The caller of `boot` has
 * to end the actor's process, whether the start succeeds or fails.
 */
export const boot = (options: BootOptions): Effect.Effect<PeerChannel, SpawnFailed> => {
  const { deadline, handle, spec } = options
  let step: SpawnStep = "process"
  const come = (to: SpawnStep) => {
    step = to
    options.reached?.(to)
  }
  const fail = (failure: Omit<StartFailure, "step">, at: SpawnStep = step) =>
    Effect.fail(withoutStack(() =>
      new SpawnFailed({
        actor: spec.actor,
        step: at,
        reason: failure.reason,
        stderr: handle.lastLines(),
        failure: failure.failure,
        hint: failure.hint ?? null
      })
    ))
  const channel = new PeerChannel({
    connection: handle.connection,
    role: "child",
    context: options.context,
    handshake: {
      side: "acceptor",
      welcome: welcome(options.self),
      judge: (hello) =>
        hello.actor.uuid === spec.actor.uuid
          ? undefined
          : { reason: "role", detail: "this connection was made for another actor" }
    },
    events: options.events,
    explain: options.explain
  })
  const booting = Effect.callback<PeerChannel, SpawnFailed>((resume) => {
    channel.onHandshake((result) => {
      if (result._tag === "Refused") {
        return resume(fail({ reason: result.refusal.detail, failure: null }, "handshake"))
      }
      if (result._tag === "Ended") return resume(fail(lostDuring(result.error)))
      come("import")
      channel.route((event) => {
        switch (event._tag) {
          case "Start":
            if (event.endpoint === building.endpoint.name) come("layer")
            return options.start(event, channel)
          case "Ready": {
            const report = readyCodec.decode(event.payload)
            if (!report.ok) return resume(fail({ reason: report.issue, failure: null }, "ready"))
            options.ready(channel)
            return resume(Effect.succeed(channel))
          }
          case "Error": {
            const report = options.failure(event.payload)
            return report === undefined ? undefined : resume(fail(report.error, report.step))
          }
          case "Leave":
            return resume(fail({ reason: `its process was told to end: ${event.reason}`, failure: null }))
          case "Closed":
            return resume(fail(lostDuring(event.error)))
        }
      })
      const encoded = specCodec.encode(spec)
      if (!encoded.ok) return resume(fail({ reason: encoded.issue, failure: null }, "ready"))
      channel.send({ _tag: "Spawn", payload: encoded.value })
    })
  })
  return Effect.raceFirst(
    booting,
    Effect.flatMap(
      elapsed(deadline),
      () =>
        fail({
          reason: `it was not ready after ${deadline} ms; raise Timeouts.spawn if it needs longer`,
          failure: null
        })
    )
  )
}
