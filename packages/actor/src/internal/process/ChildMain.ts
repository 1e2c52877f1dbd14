/**
 * The life of an actor below the root, on any platform:
 *
 *   connect -> greet -> Spawn arrives -> import -> layers -> Ready -> serve -> ending -> finalizers -> Bye -> exit
 *
 * It ends because its parent says so, because its parent is gone, or because something in it was not caught. Whatever
 * the reason, the order is the same (features ACT-11): handlers are interrupted in parallel and their last words are
 * sent, then its scope closes, then its last logs and what it has written leave, then it says Bye. Its own children
 * belong to its handlers and are gone before those end. Every step has a bound that nothing in the actor can break.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import { hello } from "../channel/Greeting.ts"
import { PeerChannel } from "../channel/PeerChannel.ts"
import { encodeFailure } from "../dialog/Failures.ts"
import { encodeFarewell } from "../dialog/Farewell.ts"
import type { ActorId } from "../errors/ActorError.ts"
import { box } from "../errors/Boxing.ts"
import { makeEvents } from "../inspect/ActorEvent.ts"
import { monotonicMillis, Timeouts } from "../settings/Timeouts.ts"
import { readyCodec, type SpawnSpec, specCodec } from "../spawn/SpawnSpec.ts"
import { type ActorMainOptions, type Booted, BootFailed, bootUp, type Ending, unlessEnding } from "./BootUp.ts"
import * as Teardown from "./Teardown.ts"

export type { ActorMainOptions } from "./BootUp.ts"

/**
 * The end of an actor, of which the platform makes an exit code.
 *
 * @category models
 * @since 0.1.0
 */
export type Ended = "done" | "boot-failed" | "parent-lost" | "uncaught"

/**
 * Runs an actor until it has ended, over the connection to its parent. It never fails, and is not interrupted from
 * outside: the parent tells it to end.
 *
 * @example
 * ```ts check
 * const reader = SocketConnection.makeReader()
 * const socket = new Net.Socket({ fd: 3, onread: reader.onread })
 * const ended = yield* ActorProcess.run({
 *   actor: frankId,
 *   connection: SocketConnection.make(socket, reader),
 *   load: () => Promise.resolve([isPrime]),
 *   loadModule: native.importModule,
 *   platform: (spec) => ActorProcess.platformOf(spec, native)
 * })
 * ended // "done"
 * ```
 * @category platforms
 * @since 0.1.0
 */
export const run = (options: ActorMainOptions): Effect.Effect<Ended> =>
  Effect.gen(function*() {
    const { actor, connection } = options
    const events = makeEvents()
    const ending = Deferred.makeUnsafe<Ending>()
    const end = (why: Ending) => void Deferred.doneUnsafe(ending, Exit.succeed(why))
    options.onStart?.({
      uncaught: (error) => end({ _tag: "Uncaught", error }),
      end: (reason) => end({ _tag: "Cancelled", cancellation: { by: actor, reason, deadline: 0 } })
    })
    const channel = new PeerChannel({
      connection,
      role: "parent",
      context: yield* Effect.context<never>(),
      handshake: {
        side: "dialler",
        hello: hello(actor, "child")
      },
      events
    })
    const spec = yield* greeted(channel)
    if (spec === undefined) return "boot-failed"
    const settings = Context.mergeAll(
      yield* Effect.context<never>(),
      Context.make(References.MinimumLogLevel, spec.level as LogLevel.LogLevel),
      Context.make(Timeouts, spec.timeouts)
    )
    const life = Effect.gen(function*() {
      const booted = yield* Effect.exit(
        unlessEnding(bootUp(options, spec, channel, events, end), ending, spec.timeouts.finalizers)
      )
      if (Exit.isFailure(booted)) return yield* bootFailed(channel, options.actor, booted.cause)
      options.onReady?.()
      const { reach } = booted.value.local
      return yield* Effect.onInterrupt(
        serve(booted.value, channel, options, ending, spec),
        // Killed: where no process goes, nobody else cuts its connections.
        () => Effect.sync(() => reach?.peers.destroy())
      )
    })
    return yield* Effect.provideContext(life, settings)
  })

/** The spec, once the parent has let us in; nothing if it did not. */
const greeted = (channel: PeerChannel): Effect.Effect<SpawnSpec | undefined> =>
  Effect.callback<SpawnSpec | undefined>((resume) => {
    const none = () => resume(Effect.succeed(undefined))
    channel.onHandshake((greeted) => {
      if (greeted._tag !== "Open") return none()
      channel.route((event) => {
        if (event._tag === "Closed") return none()
        if (event._tag !== "Spawn") return
        const spec = specCodec.decode(event.payload)
        if (spec.ok) return resume(Effect.succeed(spec.value))
        channel.violate({ _tag: "Malformed", word: "Spawn", field: "payload" })
        none()
      })
    })
  })

const bootFailed = (
  channel: PeerChannel,
  actor: ActorId,
  cause: Cause.Cause<BootFailed>
): Effect.Effect<Ended> =>
  Effect.sync(() => {
    const reason = cause.reasons.find((reason) => reason._tag !== "Interrupt")
    const failed = reason?._tag === "Fail"
      ? reason.error
      : new BootFailed("layer", reason?._tag === "Die" ? reason.defect : new Error("interrupted"))
    channel.send({
      _tag: "Error",
      dialog: 0,
      payload: encodeFailure({ _tag: "SpawnFailed", step: failed.step, boxed: box(failed.error, actor) })
    })
    channel.close()
    return "boot-failed"
  })

/** Serves until something ends it, then tears down in order. */
const serve = (
  booted: Booted,
  channel: PeerChannel,
  { actor, written }: ActorMainOptions,
  ending: Deferred.Deferred<Ending>,
  spec: SpawnSpec
): Effect.Effect<Ended> =>
  Effect.gen(function*() {
    const { dispatcher, logs, platformScope, scope, local } = booted
    const ready = readyCodec.encode({ endpoints: Array.from(local.handlers.keys()) })
    if (!ready.ok) return yield* Effect.die(new Error(ready.issue))
    channel.route((event) => {
      switch (event._tag) {
        case "Start":
          return dispatcher.start(event)
        case "CancelActor": {
          const { by, deadline, reason } = event
          channel.send({ _tag: "CancelAck" })
          return void Deferred.doneUnsafe(
            ending,
            Exit.succeed({ _tag: "Cancelled", cancellation: { by, reason, deadline } })
          )
        }
        case "Closed":
          return void Deferred.doneUnsafe(ending, Exit.succeed({ _tag: "ParentLost" }))
      }
    })
    channel.send({ _tag: "Ready", payload: ready.value })
    const why = yield* Deferred.await(ending)
    const { finalizers } = spec.timeouts
    const cancellation = cancellationFor(why, actor, finalizers)
    const clock = yield* Clock.Clock
    const until = monotonicMillis(clock) + cancellation.deadline
    local.ending = { cancellation, until }
    local.refusal = `this actor is ending: ${cancellation.reason}`
    if (why._tag === "Uncaught") {
      const boxed = box(why.error, actor)
      channel.send({ _tag: "Error", dialog: 0, payload: encodeFailure({ _tag: "Defect", boxed, others: [] }) })
    }
    local.reach?.peers.stopListening()
    for (const dispatcher of local.serving) {
      if (why._tag === "Uncaught") dispatcher.failAll(why.error, cancellation)
      else dispatcher.cancelAll(cancellation)
    }
    const failed = yield* Teardown.cleanUp(local.serving, scope, Teardown.cleanupBound(cancellation.deadline))
    if (failed !== undefined) yield* Teardown.report(failed, { actor, channel, logs })
    yield* Teardown.settled(logs.flush, spec.timeouts.logs)
    if (written !== undefined && why._tag !== "ParentLost") {
      const left = until - monotonicMillis(clock) - Teardown.margin / 2
      yield* Teardown.settled(Effect.promise(written), Math.max(0, left))
    }
    const how = why._tag === "Cancelled"
      ? { _tag: why._tag, by: cancellation.by, reason: cancellation.reason } as const
      : { _tag: "Returned" } as const
    local.reach?.peers.close({ how, cleanup: [] })
    if (platformScope.state._tag !== "Empty") {
      const left = until - monotonicMillis(clock) - Teardown.margin
      const cutOff = yield* Teardown.release(platformScope, Exit.void, Math.max(Teardown.margin / 2, left), "platform")
      if (cutOff !== undefined) {
        yield* Teardown.report(cutOff, { actor, channel, logs })
        yield* Teardown.settled(logs.flush, Teardown.margin / 2)
      }
    }
    if (why._tag === "Cancelled") channel.send({ _tag: "Bye", payload: encodeFarewell({ how, cleanup: [] }) })
    channel.close()
    return why._tag === "Cancelled" ? "done" : why._tag === "ParentLost" ? "parent-lost" : "uncaught"
  })

const cancellationFor = (why: Ending, actor: ActorId, finalizers: number): Cancellation => {
  switch (why._tag) {
    case "Cancelled":
      return why.cancellation.deadline > 0 ? why.cancellation : { ...why.cancellation, deadline: finalizers }
    case "ParentLost":
      return { by: actor, reason: "parent-lost", deadline: finalizers }
    case "Uncaught": {
      const { message, type } = box(why.error, actor)
      return { by: actor, reason: `uncaught ${type}: ${message}`, deadline: finalizers }
    }
  }
}
