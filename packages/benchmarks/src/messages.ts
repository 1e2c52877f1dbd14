/** Measures calls, streams, dialogs and cancels between processes that already run, and payloads of all sizes. */
import * as Actor from "@furrow/actor/Actor"
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Echo, furrow, ofEffects, peers } from "./echoes.ts"
import { echo } from "./furrow/echo.ts"
import * as Far from "./furrow/endpoints.ts"
import { Echo as Group, Echoes } from "./furrow/groups.ts"
import { givenJob, type Job } from "./job.ts"
import type { Amounts, Name, Side } from "./measures.ts"
import { large, user } from "./payloads.ts"
import * as Raw from "./raw/client.ts"
import { micros, sample, type Sides, type Take, thousands } from "./sides.ts"

const width = 64
const window = 1024
const exposed = [
  echo,
  Far.echoText,
  Far.echoBytes,
  Far.echoRows,
  Far.sink,
  Far.fail,
  Far.conversation,
  Far.items,
  Far.hang
] as const

type Portal = Actor.Portal<(typeof exposed)[number]>
type Takes = { readonly [S in Side]?: Take }

const expect = (ok: boolean, what: string): void => {
  if (!ok) throw new Error(`wrong ${what}`)
}

/** Repeats an Effect a number of times, one after the other. */
const repeated = (count: number, body: () => Effect.Effect<unknown, unknown>): Take =>
  micros(
    count,
    Effect.suspend(() => {
      let left = count
      return Effect.whileLoop({ while: () => left-- > 0, body, step: () => {} })
    })
  )

const streams = (portal: Portal, raw: Raw.Client, count: number, chunk: number): Takes => ({
  raw: thousands(
    count,
    Effect.promise(async () => expect(await raw.stream(count, chunk, window) === count, "number of items"))
  ),
  furrow: thousands(
    count,
    Effect.suspend(() => {
      let got = 0
      const read = Stream.runForEachArray(portal.stream(Far.items({ count, chunk })), (some) =>
        Effect.sync(() => {
          got += some.length
        }))
      return Effect.map(read, () => expect(got === count, "number of items"))
    })
  )
})

/** Returns the average time, in milliseconds, from an interruption to the last word of a running handler. */
const cancels = Effect.fnUntraced(function*(portal: Portal, count: number) {
  let total = 0
  for (let i = 0; i < count; i++) {
    const fiber = yield* Effect.forkChild(portal.run(Far.hang()), { startImmediately: true })
    yield* portal.run(echo(user))
    const start = performance.now()
    yield* Fiber.interrupt(fiber)
    total += performance.now() - start
  }
  return total / count
})

/**
 * Measures the time of a cancel that a caller sends directly after a given number of payload bytes on the same
 * connection.
 */
const cancelBehind = (portal: Portal, bytes: number): Take => {
  const value = new Uint8Array(bytes)
  return Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(portal.run(Far.hang()), { startImmediately: true })
    yield* portal.run(echo(user))
    const sent = yield* Effect.forkChild(portal.run(Far.sink({ value })), { startImmediately: true })
    const start = performance.now()
    yield* Fiber.interrupt(fiber)
    const millis = performance.now() - start
    yield* Fiber.join(sent)
    return millis
  })
}

const dialog = (portal: Portal) =>
  portal.open(
    Far.conversation({ n: 1 }),
    Effect.fnUntraced(function*({ result, stream }) {
      yield* stream.send(1)
      expect((yield* stream.receive) === 1, "echo")
      yield* stream.send(-1)
      return yield* result
    })
  )

/** Returns the functions that take samples of Furrow alone, for measures without another library. */
const ownSides = (portal: Portal, group: Echo, amounts: Amounts): Sides => {
  const ask = furrow(portal)
  const call = micros(amounts.calls, ask(user, amounts.calls, 1))
  const flight = micros(amounts.flights, ask(user, amounts.flights, width))
  return {
    "failure": {
      call,
      furrow: repeated(amounts.calls, () => Effect.flip(portal.run(Far.fail({ n: 1 }))))
    },
    "dialog": { call, furrow: repeated(amounts.cancels, () => dialog(portal)) },
    "cancel": { call, furrow: Effect.map(cancels(portal, amounts.cancels), (millis) => millis * 1000) },
    "group-call": { call, furrow: micros(amounts.calls, group(user, amounts.calls, 1)) },
    "group-flight": { call: flight, furrow: micros(amounts.flights, group(user, amounts.flights, width)) },
    "behind": { call: cancels(portal, 1), furrow: cancelBehind(portal, 60 * 1024 * 1024) }
  }
}

const echoSides = (name: Name, sides: ReadonlyMap<Side, Echo>, amounts: Amounts): Takes => {
  const takes: { [S in Side]?: Take } = {}
  const payload = name in large ? large[name as keyof typeof large] : undefined
  const value = payload?.make() ?? user
  const count = payload === undefined ? amounts.calls : Math.max(1, Math.round(amounts.payload / payload.mib))
  for (const [side, echo] of sides) {
    takes[side] = name === "flight"
      ? thousands(amounts.flights, echo(user, amounts.flights, width))
      : micros(count, echo(value, count, 1))
  }
  return takes
}

/**
 * Starts the actor with an RpcGroup only where it is measured, because another process would disturb the other
 * measures.
 */
const groupOf = (job: Job) =>
  Effect.gen(function*() {
    if (!job.run.measures.some(({ name }) => name.startsWith("group"))) return () => Effect.never
    const client = yield* Actor.rpcClient(yield* Actor.startScoped(Group, { execArgv: job.flags }), Echoes)
    return ofEffects((payload) => client.echo(payload))
  })

const rawStreams = (job: Job) =>
  job.run.measures.some(({ name }) => name.startsWith("stream"))
    ? Effect.acquireRelease(Effect.sync(() => Raw.start(job.flags)), (client) => Effect.promise(() => client.close()))
    : Effect.undefined

const sidesOf = Effect.fnUntraced(function*(job: Job): Effect.fn.Return<
  Sides,
  unknown,
  Scope.Scope | Actor.ActorRuntime
> {
  const { amounts, flags, run } = job
  const portal = yield* Actor.startScoped("measured", { expose: exposed, execArgv: flags })
  const group = yield* groupOf(job)
  const raw = yield* rawStreams(job)
  const echoes = new Map<Side, Echo>([["furrow", furrow(portal)]])
  for (const side of new Set(run.measures.flatMap(({ sides }) => sides))) {
    const open = peers[side]
    if (open !== undefined) echoes.set(side, yield* open)
  }
  const own = ownSides(portal, group, amounts)
  const streamed = raw === undefined ? {} : {
    "stream-single": streams(portal, raw, amounts.singles, 1),
    "stream-chunks": streams(portal, raw, amounts.chunked, 64)
  }
  const echoed = run.measures
    .filter(({ name }) => !(name in own) && !name.startsWith("stream"))
    .map(({ name, sides }) => {
      const some = new Map([...echoes].filter(([side]) => sides.includes(side)))
      return [name, echoSides(name, some, amounts)] as const
    })
  return { ...own, ...streamed, ...Object.fromEntries(echoed) }
})

const program = Effect.suspend(() => {
  const job = givenJob()
  return Effect.scoped(Effect.flatMap(sidesOf(job), (sides) => sample(sides, job)))
})

await Effect.runPromise(Effect.provide(program, NodeActor.layer))
process.disconnect()
