/**
 * The steps of a program: each makes a call, or does something to an actor.
 */
import { Actor, Pool, Registry, Supervisor } from "@furrow/actor"
import type { Portal } from "@furrow/actor/Portal"
import { defaults } from "@furrow/actor/Timeouts"
import * as Simulation from "@furrow/testing/Simulation"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import {
  clinging,
  exposed,
  feed,
  hop,
  job,
  leaky,
  listen,
  never,
  pause,
  reply,
  talk,
  weigh,
  type Work
} from "./actors.ts"
import { howOf, record } from "./History.ts"
import * as Peers from "./peers.ts"
import type { Kind, Step } from "./Program.ts"
import * as Services from "./services.ts"

export const served = [...exposed, Peers.far, Peers.retire, Peers.seek, Peers.leave, Peers.chat, Peers.watch] as const
export type Served = Portal<typeof served[number]>

export interface Call {
  readonly key: number
  readonly actor: string
  readonly fiber: Fiber.Fiber<unknown, unknown>
}

/** One step with all it may use. */
export interface Stage {
  readonly key: number
  readonly step: Step
  /** The actor of the step, by its name and its portal, and another one where there is one. */
  readonly name: string
  readonly portal: Served
  readonly other: Served
  readonly otherName: string
  /** The calls before it. */
  readonly calls: ReadonlyArray<Call>
  readonly world: Simulation.World["Service"]
  /** From now on its connection throws at its parent. */
  readonly breakConnection: (actor: string) => void
}

/** Keys of the calls that a step makes beside its own. */
const keyBelow = (key: number, i: number): number => (key + 1) * 10_000 + i

type Does = (stage: Stage) => Effect.Effect<unknown, unknown, any>

const waits = [0, 0, 5, 40, 200, 1] as const
const cleanups = [0, 3, 20, 60, 300, never] as const
const ends = ["return", "return", "fail", "die", "hang", "hang"] as const
const counts = [3, 10, 70, 150, 500, 1] as const
const batches = [1, 2, 5, 20, 64, 3] as const
const windows = [64, 1, 4, 16, 2, 8] as const
const stops = [3, 30, 400, 9_000, 100, 1_500] as const

const workOf = ({ key, step: { a, b, c } }: Stage): Work => ({
  key,
  wait: waits[a]!,
  end: ends[b]!,
  cleanup: cleanups[c]!
})

const read = (key: number, reader: string) => (item: number) => record({ _tag: "Read", key, reader, item })

const completed = (key: number, reader: string, count: number) => record({ _tag: "Completed", key, reader, count })

const stream = ({ key, portal, step: { a, b, c } }: Stage, bytes: number) => {
  const count = bytes > 0 ? Math.min(counts[a]!, 20) : counts[a]!
  const fails = c === 5
  const all = portal.stream(
    feed({ key, count, every: b === 1 ? 4 : 0, chunk: batches[c]!, bytes, fails }),
    bytes > 0 ? { window: { items: 64, bytes: 4096 } } : {}
  )
  const part = c % 2 === 1 ? Stream.take(all, 1 + c * 9) : all
  const slow = b === 2 || b === 3
  const whole = Stream.runForEach(
    part,
    ({ item }) => Effect.andThen(read(key, "caller")(item), pause(slow && item < 10 ? 3 : 0))
  )
  return Effect.andThen(whole, completed(key, "caller", c % 2 === 1 ? Math.min(count, 1 + c * 9) : count))
}

const converse: Does = ({ key, portal, step: { a, b, c } }) => {
  const count = counts[a]!
  return portal.open(
    talk({ key, count, batch: batches[b]!, window: windows[b]!, end: ends[c]!, cleanup: cleanups[a]! }),
    ({ stream }) => {
      const one = Effect.flatMap(stream.receive, read(key, "caller"))
      const some = (items: number) => Effect.forEach(Array.from({ length: items }), () => one, { discard: true })
      return Effect.andThen(
        some(b),
        Effect.catchIf(Effect.forever(one), Cause.isDone, () => completed(key, "caller", count))
      )
    },
    { window: { items: windows[b]! } }
  )
}

/** Subscribers come and go, one after the other and beside each other; between them one reader reads alone. */
const subscribe: Does = ({ key, portal, step: { a, b, c } }) => {
  const count = counts[a]!
  return portal.open(
    talk({ key, count, batch: batches[b]!, window: windows[b]!, end: "return", cleanup: 0 }),
    ({ stream }) => {
      const alone = Effect.flatMap(stream.receive, read(key, "all"))
      const first = Effect.scoped(Effect.flatMap(
        stream.subscribe(),
        (subscription) => Stream.runForEach(Stream.take(subscription, 1 + c), read(key, "all"))
      ))
      const two = Effect.scoped(Effect.gen(function*() {
        const one = yield* stream.subscribe()
        const other = yield* stream.subscribe()
        yield* Effect.all([
          Stream.runForEach(one, read(key, "all")),
          Stream.runForEach(Stream.take(other, 2 + b), read(key, "beside"))
        ], { concurrency: 2 })
      }))
      const rest = Effect.andThen(b % 2 === 0 ? two : Effect.forever(alone), Effect.void)
      return Effect.catchIf(
        Effect.andThen(a > 0 ? first : Effect.void, Effect.andThen(pause(waits[c]!), rest)),
        Cause.isDone,
        () => Effect.void
      ).pipe(Effect.andThen(completed(key, "all", count)))
    },
    { window: { items: windows[b]! } }
  )
}

/** The callee reads what we say, at its own pace. */
const say: Does = ({ key, portal, step: { a, b } }) =>
  portal.open(listen({ key, every: b > 2 ? 1 : 0 }), (dialog) =>
    Effect.gen(function*() {
      const count = Math.min(counts[a]!, 100)
      for (let item = 0; item < count; item++) yield* dialog.stream.send(item)
      yield* dialog.stream.end
      const heard = yield* dialog.result
      if (heard !== count) yield* record({ _tag: "Wrong", text: `${key}: the callee heard ${heard} of ${count} items` })
    }))

/** Each side waits for the other: no later item can hide a missed one. */
const ask: Does = ({ key, portal, step: { a, b } }) =>
  portal.open(reply({ key }), ({ result, stream }) =>
    Effect.gen(function*() {
      const rounds = Math.min(counts[a]!, 10)
      for (let item = 0; item < rounds; item++) {
        yield* stream.send(item * 2)
        yield* pause(b === 1 ? 1 : 0)
        const heard = yield* stream.receive
        if (heard !== item * 2 + 1) {
          yield* record({ _tag: "Wrong", text: `${key}: ${item * 2} was answered with ${heard}` })
        }
      }
      yield* stream.end
      yield* result
    }), { window: { items: windows[b]! } })

/** An actor of its own for one call; its handler may hang in its cleanup. */
const own: Does = (stage) => {
  const actor = `own${stage.key}`
  return Effect.andThen(
    record({ _tag: "Started", actor, parent: "root" }),
    Effect.ensuring(Actor.runInActor(job({ work: workOf(stage) }), { name: actor }), record({ _tag: "Gone", actor }))
  )
}

/** An actor of its own whose layer cannot be released. A release that dies fails its owner; one that is cut off does not. */
const release: Does = ({ key, step: { a, b } }) => {
  const actor = `own${key}`
  const dies = b % 2 === 0
  const call = dies ? leaky({ key, wait: waits[a]! }) : clinging({ key, wait: waits[a]! })
  return Effect.andThen(
    record({ _tag: "Started", actor, parent: "root" }),
    Effect.onExit(Actor.runInActor(call, { name: actor }), (exit) => {
      const isWrong = Exit.isSuccess(exit) ? dies : !dies && !Cause.hasInterrupts(exit.cause)
      return isWrong
        ? record({
          _tag: "Wrong",
          text: `${key}: a release that ${dies ? "dies" : "hangs"}, and its owner heard ${Simulation.how(exit)}`
        })
        : Effect.void
    })
  )
}

const unique: Does = ({ key, step: { a, b } }) => {
  const name = `only${a % 2}`
  return Effect.scoped(Effect.gen(function*() {
    yield* Actor.startScoped(name, { expose: [job], unique: true })
    yield* record({ _tag: "Holds", key, name })
    yield* Effect.ensuring(pause(waits[b]!), record({ _tag: "LetGo", key, name }))
  }))
}

const find: Does = ({ key, name, other, step: { b } }) =>
  b % 2 === 0
    ? other.run(Peers.seek({ name, work: { key: keyBelow(key, 0), wait: 0, end: "return", cleanup: 0 } }))
    : Effect.scoped(Effect.flatMap(
      Registry.find([job], name),
      Option.match({
        onNone: () => Effect.succeed(-1),
        onSome: (portal) => portal.run(job({ work: { key: keyBelow(key, 0), wait: 0, end: "return", cleanup: 0 } }))
      })
    ))

const graph: Does = ({ key, step: { a, b } }) =>
  Effect.gen(function*() {
    for (let i = 0; i <= a; i++) yield* Services.Shop.calls.order({ key: keyBelow(key, i) })
    yield* pause(waits[b]!)
  }).pipe(Effect.provide(Services.Shop.layer), Effect.provide(Services.Stock.layer))

/** Calls that have not begun in one incarnation reach the next one. */
const supervised: Does = ({ key, step: { a, b } }) =>
  Effect.gen(function*() {
    for (let i = 0; i <= a; i++) {
      if (i % 2 === 0 && i <= b) yield* Effect.exit(Services.Stock.calls.crash({ key: keyBelow(key, 2 * i) }))
      const exit = yield* Effect.exit(Services.Stock.calls.take({ key: keyBelow(key, 2 * i + 1) }))
      if (Exit.isFailure(exit) && !Cause.hasInterrupts(exit.cause)) {
        yield* record({ _tag: "Answered", key: keyBelow(key, 2 * i + 1), how: howOf(exit) })
      }
    }
  }).pipe(
    Effect.provide(Supervisor.layer({ intensity: { restarts: 100, within: "1 minute" } }, [Services.Stock]))
  )

const pool: Does = ({ key, step: { a, b, c } }) =>
  Effect.scoped(Effect.gen(function*() {
    const pool = yield* Pool.make({ expose: [job], name: `pool${key}`, size: { min: 1, max: 1 + b % 3 }, queue: 100 })
    yield* Effect.forEach(Array.from({ length: 2 + a }), (_, i) => {
      const work = { key: keyBelow(key, i), wait: waits[(a + i) % 6]!, end: ends[(c + i) % 4]!, cleanup: 0 }
      const done = pool.run(job({ work }), c === 4 ? { within: "20 millis" } : {})
      return Effect.flatMap(
        Effect.exit(done),
        (exit) => record({ _tag: "Answered", key: work.key, how: howOf(exit) })
      )
    }, { concurrency: "unbounded", discard: true })
  }))

const rpc: Does = ({ key, step: { a, b } }) =>
  Effect.scoped(Effect.gen(function*() {
    const client = yield* Actor.rpcClient(yield* Services.Adder, Services.Sums)
    const sum = yield* client.Add({ key: keyBelow(key, 0), to: waits[a]! })
    if (sum !== waits[a]! + 1) yield* record({ _tag: "Wrong", text: `${key}: the sum is ${sum}` })
    const count = counts[b]!
    yield* Stream.runForEach(client.Count({ key, to: count }), read(key, "caller"))
    yield* completed(key, "caller", count)
  })).pipe(Effect.provide(Services.Adder.layer))

const far: Does = ({ key, other, portal, step: { a, b } }) =>
  other.run(Peers.far({
    key,
    times: 1 + a,
    whom: portal.ref as never,
    work: { key: keyBelow(key, 0), wait: waits[b]!, end: "return", cleanup: 0 }
  }))

/** Two actors dial each other in the same moment. */
const cross: Does = (stage) =>
  Effect.all([
    far(stage),
    far({ ...stage, key: stage.key + 5000, portal: stage.other, other: stage.portal })
  ], { concurrency: 2, discard: true })

/** Calls of one loop: enough to meet what happens to the actor. */
const maxLoops = 40

const loop: Does = ({ key, portal }) =>
  Effect.gen(function*() {
    for (let i = 0; i < maxLoops; i++) {
      yield* portal.run(job({ work: { key: keyBelow(key, i), wait: 0, end: "return", cleanup: 0 } }))
    }
  })

const hurt = (actor: string, what: string, does: Effect.Effect<void>) =>
  Effect.andThen(record({ _tag: "Hurt", actor, what }), does)

/** A tree below the actor, which loses its parent while it works or cleans up. */
const orphan: Does = (stage) => {
  const { key, name, portal, step: { a, c }, world } = stage
  const work: Work = { key, wait: 0, end: "hang", cleanup: cleanups[c]! }
  const kill = hurt(name, "kill", world.kill(name))
  return Effect.raceFirst(portal.run(hop({ depth: a % 2, work })), Effect.andThen(pause(30 + waits[a]!), kill))
}

/** Calls whose payloads leave in parts, and a small one behind them; half are cancelled, begun or not. */
const lift = ({ key, portal, step: { a, b } }: Stage) => {
  const one = weighed(key, portal, (b + 3) * 400_000)
  const call = Effect.all([one, one, weighed(key, portal, 10)], { concurrency: 3, discard: true })
  return a % 2 === 0 ? call : Effect.raceFirst(call, pause(waits[a]!))
}

const weighed = (key: number, portal: Stage["portal"], size: number) =>
  Effect.flatMap(
    portal.run(weigh({ text: "x".repeat(size) })),
    (heard) =>
      heard === size ? Effect.void : record({ _tag: "Wrong", text: `${key}: ${heard} letters of ${size} were heard` })
  )

/** Calls: steps that are answered. Those of `elsewhere` use other actors than the one of the step. */
export const calls: Partial<Record<Kind, Does>> = {
  run: (stage) => stage.portal.run(job({ work: workOf(stage) })),
  stream: (stage) => stream(stage, 0),
  bytes: (stage) =>
    stage.step.c === 5 ? lift(stage) : stream(stage, [100, 1000, 1_200_000, 70_000, 1, 300][stage.step.b]!),
  talk: (stage) => stage.step.c === 5 ? say(stage) : converse(stage),
  ask,
  subscribe,
  hop: (stage) => stage.portal.run(hop({ depth: stage.step.c % 2, work: workOf(stage) })),
  own,
  release,
  loop,
  far,
  cross,
  exit: ({ key, name, portal, step: { a } }) =>
    Effect.andThen(
      Effect.forkDetach(Effect.andThen(portal.wait, record({ _tag: "Gone", actor: name }))),
      portal.run(Peers.leave({ key, cleanup: cleanups[a]! }))
    ),
  orphan,
  unique,
  find,
  service: graph,
  supervised,
  pool,
  rpc,
  log: ({ key, portal, step: { a } }) => portal.run(Peers.chat({ key, lines: 1 + a * 3 }))
}

export const elsewhere: ReadonlySet<Kind> = new Set<Kind>([
  "own",
  "release",
  "unique",
  "service",
  "supervised",
  "pool",
  "rpc"
])

/** Ends an actor in the name of its owner, or of another actor that was given a reference. */
const end = (
  actor: string,
  by: string,
  reason: string,
  cancel: Effect.Effect<unknown, unknown, any>
): Effect.Effect<unknown, never, any> =>
  Effect.andThen(
    record({ _tag: "Ending", actor, by, reason, bound: defaults.cancel + defaults.finalizers }),
    Effect.flatMap(Effect.exit(cancel), (exit) => Exit.isSuccess(exit) ? record({ _tag: "Gone", actor }) : Effect.void)
  )

const interrupt: Does = ({ calls, step: { c } }) => {
  const call = calls.length === 0 ? undefined : calls[c % calls.length]
  if (call === undefined || call.fiber.pollUnsafe() !== undefined) return Effect.void
  const { fiber, key } = call
  return Effect.andThen(
    record({ _tag: "Interrupting", key }),
    Effect.andThen(Fiber.interrupt(fiber), record({ _tag: "Interrupted", key }))
  )
}

/** Steps that are done and not answered. */
export const deeds: Partial<Record<Kind, Does>> = {
  interrupt,
  end: ({ key, name, portal }) => end(name, "root", `end ${key}`, portal.cancel(`end ${key}`)),
  retire: ({ key, name, other, otherName, portal }) =>
    end(
      name,
      otherName,
      `retire ${key}`,
      other.run(Peers.retire({ whom: portal.ref as never, reason: `retire ${key}` }))
    ),
  kill: ({ name, world }) => hurt(name, "kill", world.kill(name)),
  stop: ({ name, step: { a }, world }) => hurt(name, "stop", world.stop(name, stops[a]!)),
  break: ({ breakConnection, name }) => hurt(name, "break", Effect.sync(() => breakConnection(name))),
  watch: ({ name, other, portal }) =>
    Effect.all([
      Effect.flatMap(portal.wait, (exit) => record({ _tag: "Heard", actor: name, watcher: "root", exit: exit._tag })),
      other.run(Peers.watch({ actor: name, whom: portal.ref as never }))
    ], { concurrency: 2, discard: true }),
  cut: ({ name, world }) => hurt(name, "cut", world.cut(name)),
  clock: ({ name, step: { a }, world }) => world.setClock(name, [3_600_000, -3_600_000, 1, -1, 60_000, -60_000][a]!)
}
