/**
 * The actors of the tree that `npm run attack` attacks. The actors of the attacked tree call each other and read
 * streams all the time, and report the times and errors of their calls.
 */
import * as Actor from "@furrow/actor/Actor"
import type { LocalActor } from "@furrow/actor/internal/local/LocalActor"
import { ActorRuntime } from "@furrow/actor/internal/settings/ActorRuntime"
import * as Registry from "@furrow/actor/Registry"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Seen } from "./lines.ts"

const module = import.meta.url

export const echo = Actor.fn("echo", { module, payload: { n: Schema.Int }, success: Schema.Int })(({ n }) =>
  Effect.succeed(n)
)

export const count = Actor.stream("count", { module, payload: { to: Schema.Int }, success: Schema.Int })(({ to }) =>
  Stream.range(1, to)
)

let opened = 0

/** An endpoint that no member of the attacked tree calls, so that each run of its handler is a call of a stranger. */
export const door = Actor.fn("door", { module, success: Schema.Int })(() => Effect.sync(() => ++opened))

export const hang = Actor.fn("hang", { module })(() => Effect.never)

/** An endpoint whose handler never reads the items of its caller. */
export const talk = Actor.dialog("talk", {
  module,
  started: Schema.Int,
  input: Schema.String,
  output: Schema.String
})((_, dialog) => Effect.andThen(Actor.orDie(dialog.started(1)), Effect.never))

const exposed = [echo, count] as const

/**
 * The pace of the attacked tree: milliseconds between two reports of an actor, milliseconds of pause after each call
 * and after each stream, and the items of a stream.
 */
const pace = { slice: 100, call: 4, stream: 20, items: 1_000 }

const LoadSchema = Schema.Struct({
  at: Schema.Finite,
  millis: Schema.Array(Schema.Finite),
  items: Schema.Int,
  errors: Schema.Array(Schema.String)
})

/**
 * Returns the work of one actor of the attacked tree: calls of another actor, or questions to the registry of the root.
 */
const work = (to: Actor.ActorRef<typeof exposed[number]> | null) =>
  Stream.unwrap(Effect.gen(function*() {
    const tally = { millis: [] as Array<number>, items: 0, errors: [] as Array<string> }
    const portal = to === null ? undefined : yield* Actor.portal(to)
    let n = 0
    const ask = portal === undefined
      ? Effect.map(Registry.list(), (entries) => entries.length >= 5)
      : Effect.suspend(() => {
        const asked = ++n
        return Effect.map(portal.run(echo({ n: asked })), (answer) => answer === asked)
      })
    const failed = (cause: Cause.Cause<unknown>) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.failCause(cause as Cause.Cause<never>)
        : Effect.andThen(Effect.sync(() => tally.errors.push(String(Cause.squash(cause)))), Effect.sleep(pace.slice))
    const call = Effect.suspend(() => {
      const start = performance.now()
      return Effect.map(ask, (right) => {
        tally.millis.push(performance.now() - start)
        if (!right) tally.errors.push("a wrong answer")
      })
    })
    const stream = portal === undefined ? Effect.never : Effect.suspend(() => {
      let next = 1
      const each = (item: number) =>
        Effect.sync(() => {
          if (item !== next++) tally.errors.push(`item ${item} instead of ${next - 1}`)
        })
      return Effect.map(Stream.runForEach(portal.stream(count({ to: pace.items })), each), () => {
        if (next === pace.items + 1) tally.items += pace.items
        else tally.errors.push(`a stream ended before item ${next}`)
      })
    })
    for (const [effect, pause] of [[call, pace.call], [stream, pace.stream]] as const) {
      const guarded = Effect.catchCause(effect as Effect.Effect<void, unknown, ActorRuntime>, failed)
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(guarded, Effect.sleep(pause))))
    }
    return Stream.fromEffectRepeat(Effect.map(Effect.sleep(pace.slice), () => {
      const slice = { ...tally, at: Date.now() }
      Object.assign(tally, { millis: [], items: 0, errors: [] })
      return slice
    }))
  }))

/** Calls another actor of the attacked tree, or asks the registry, until the work is interrupted. */
export const drive = Actor.stream("drive", {
  module,
  payload: { to: Schema.NullOr(Actor.ref(exposed)) },
  success: LoadSchema
})(({ to }) => Stream.orDie(work(to)))

/**
 * Calls another actor of the attacked tree once, and returns the error of the call, or undefined for a call that
 * succeeded.
 */
export const visit = Actor.fn("visit", {
  module,
  payload: { to: Actor.ref([echo]) },
  success: Schema.NullOr(Schema.String)
})(
  ({ to }) =>
    Effect.scoped(Effect.flatMap(Actor.portal(to), (portal) => portal.run(echo({ n: 7 })))).pipe(
      Effect.match({
        onFailure: (error) => `${error._tag}: ${error.message}`,
        onSuccess: (n) => n === 7 ? null : `answered ${n}`
      })
    )
)

/** Asks the registry at the address of a root, and returns the reason why the question failed, or null. */
export const ask = Actor.fn("ask", { module, payload: { at: Schema.String }, success: Schema.NullOr(Schema.String) })(
  ({ at }) =>
    Effect.match(Effect.flatMap(Registry.at(at), (there) => there.list()), {
      onFailure: (error) => `${error._tag}: ${error.message}`,
      onSuccess: () => null
    })
)

const SeenSchema = Schema.Struct({
  at: Schema.Finite,
  events: Schema.Record(Schema.String, Schema.Int),
  reasons: Schema.Array(Schema.String),
  opened: Schema.Int,
  peers: Schema.Int,
  dialogs: Schema.Int
})

/** A stream of an actor's reports about its work and events, with one report every 100 milliseconds. */
export const seen: Stream.Stream<Seen, never, ActorRuntime> = Stream.unwrap(Effect.gen(function*() {
  let events: Record<string, number> = {}
  let reasons = new Set<string>()
  const note = (event: Actor.ActorEvent) =>
    Effect.sync(() => {
      events[event._tag] = (events[event._tag] ?? 0) + 1
      if (event._tag === "StrangerRefused") reasons.add(event.reason)
      if (event._tag === "Violation") reasons.add(event.text)
    })
  yield* Effect.forkScoped(Stream.runForEach(Actor.events, note))
  return Stream.fromEffectRepeat(Effect.gen(function*() {
    yield* Effect.sleep(pace.slice)
    const { peers } = yield* Actor.statistics
    const slice = {
      at: Date.now(),
      events,
      reasons: [...reasons],
      opened,
      peers: peers.length,
      dialogs: peers.reduce((sum, { channel }) => sum + channel.dialogs, 0)
    }
    events = {}
    reasons = new Set()
    return slice
  }))
}))

export const watch = Actor.stream("watch", { module, success: SeenSchema })(() => seen)

/** Returns the secrets of the tree that a malicious member gives to the attacker. */
export const betray = Actor.fn("betray", { module, success: Schema.String })(() =>
  Effect.map(ActorRuntime, ({ inside }) => Buffer.from((inside as LocalActor).reach!.platform.secret).toString("hex"))
)

/** Asks the registry from an actor below another actor, so that the root has to listen too. */
export const below = Actor.stream("below", { module, success: LoadSchema })(() =>
  Stream.unwrap(Effect.gen(function*() {
    const deep = yield* Actor.orDie(Actor.startScoped("deep", { expose: [drive] }))
    yield* Effect.forkScoped(Effect.ignore(Effect.asVoid(deep.wait)))
    return Stream.orDie(deep.stream(drive({ to: null })))
  }))
)

export const everything = [echo, count, door, hang, talk, drive, visit, ask, watch, betray, below] as const

/** Runs effects that should never end, and waits for the first effect that ends. */
export const together = <E, R>(effects: ReadonlyArray<Effect.Effect<unknown, E, R>>) =>
  Effect.flatMap(
    Effect.forEach(effects, (effect) => Effect.forkChild(effect)),
    (fibers) => Effect.raceAll(fibers.map((fiber) => Fiber.join(fiber)))
  )
