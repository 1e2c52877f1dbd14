/**
 * Calls, streams and cancels, between two processes that are already there.
 *
 * Each sample of a round is taken raw and through Furrow, right after each other; rounds alternate who goes first.
 */
import * as Actor from "@furrow/actor/Actor"
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { echo, hang, items, user } from "./furrow/endpoints.ts"
import { Echo, Echoes } from "./furrow/groups.ts"
import { givenJob, type Job } from "./job.ts"
import type { Amounts } from "./measures.ts"
import * as Raw from "./raw/client.ts"
import { type AllTwins, sample, thousands, type Twins, warmUp } from "./twins.ts"

const width = 64
const window = 1024

const micros = <E>(count: number, work: Effect.Effect<unknown, E>): Effect.Effect<number, E> =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(work, () => (performance.now() - start) * 1000 / count)
  })

const expect = (ok: boolean, what: string): void => {
  if (!ok) throw new Error(`wrong ${what}`)
}

// ---- the baseline ---------------------------------------------------------------------------------------------------

const rawCalls = async (client: Raw.Client, count: number): Promise<void> => {
  for (let i = 0; i < count; i++) expect((await client.call(user)).limit === user.limit, "answer")
}

const rawFlights = (client: Raw.Client, count: number): Promise<unknown> => {
  let left = count
  const worker = async () => {
    while (left-- > 0) expect((await client.call(user)).limit === user.limit, "answer")
  }
  return Promise.all(Array.from({ length: width }, worker))
}

const rawStream = async (client: Raw.Client, count: number, chunk: number): Promise<void> =>
  expect(await client.stream(count, chunk, window) === count, "number of items")

// ---- Furrow ---------------------------------------------------------------------------------------------------------

type Portal = Actor.Portal<typeof echo | typeof items | typeof hang>
type Echoing = () => Effect.Effect<typeof user, Actor.ActorError>

const calls = Effect.fnUntraced(function*(call: Echoing, count: number) {
  for (let i = 0; i < count; i++) expect((yield* call()).limit === user.limit, "answer")
})

const flights = (call: Echoing, count: number) => {
  let left = count
  const worker = Effect.whileLoop({
    while: () => left-- > 0,
    body: call,
    step: (answer) => expect(answer.limit === user.limit, "answer")
  })
  return Effect.all(Array.from({ length: width }, () => worker), { concurrency: "unbounded", discard: true })
}

const stream = (portal: Portal, count: number, chunk: number) =>
  Effect.suspend(() => {
    let got = 0
    const read = Stream.runForEachArray(portal.stream(items({ count, chunk })), (some) =>
      Effect.sync(() => {
        got += some.length
      }))
    return Effect.map(read, () => expect(got === count, "number of items"))
  })

/** The average time from the interrupt to the last word of a handler that is known to run. */
const cancels = Effect.fnUntraced(function*(portal: Portal, count: number) {
  let total = 0
  for (let i = 0; i < count; i++) {
    const fiber = yield* Effect.forkChild(portal.run(hang()), { startImmediately: true })
    yield* portal.run(echo(user))
    const start = performance.now()
    yield* Fiber.interrupt(fiber)
    total += performance.now() - start
  }
  return total * 1000 / count
})

// ---- together -------------------------------------------------------------------------------------------------------

const twins = (
  client: Raw.Client,
  portal: Portal,
  procedure: Echoing,
  amounts: Amounts
): AllTwins => {
  const plain = () => portal.run(echo(user))
  const raw = (work: () => Promise<unknown>) => Effect.promise(work)
  const roundTrip = micros(amounts.calls, raw(() => rawCalls(client, amounts.calls)))
  const streams = (count: number, chunk: number): Twins => ({
    raw: thousands(count, raw(() => rawStream(client, count, chunk))),
    furrow: thousands(count, stream(portal, count, chunk))
  })
  return {
    "call": { raw: roundTrip, furrow: micros(amounts.calls, calls(plain, amounts.calls)) },
    "flight": {
      raw: thousands(amounts.flights, raw(() => rawFlights(client, amounts.flights))),
      furrow: thousands(amounts.flights, Effect.suspend(() => flights(plain, amounts.flights)))
    },
    "stream-single": streams(amounts.singles, 1),
    "stream-chunks": streams(amounts.chunked, 64),
    // The bare minimum of an acknowledged cancel is one round trip.
    "cancel": { raw: roundTrip, furrow: cancels(portal, amounts.cancels) },
    "group-call": {
      raw: micros(amounts.calls, calls(plain, amounts.calls)),
      furrow: micros(amounts.calls, calls(procedure, amounts.calls))
    },
    "group-flight": {
      raw: micros(amounts.flights, Effect.suspend(() => flights(plain, amounts.flights))),
      furrow: micros(amounts.flights, Effect.suspend(() => flights(procedure, amounts.flights)))
    }
  }
}

/**
 * Repeats both sides until the engine has compiled what it will compile: the more code a side has, the longer that
 * takes, on one core above all.
 */
/** The procedure of a group, where it is measured: another actor would not leave the others alone. */
const procedureOf = (job: Job) =>
  Effect.gen(function*() {
    if (!job.run.names.some((name) => name.startsWith("group"))) return () => Effect.never
    const echoes = yield* Actor.rpcClient(yield* Actor.start(Echo, { execArgv: job.flags }), Echoes)
    return () => echoes.echo(user)
  })

const measure = (job: Job, client: Raw.Client) =>
  Effect.scoped(Actor.nursery(Effect.gen(function*() {
    const portal = yield* Actor.start("measured", { expose: [echo, items, hang], execArgv: job.flags })
    const all = twins(client, portal, yield* procedureOf(job), job.amounts)
    yield* warmUp(all.flight!, job.amounts.warmUp)
    yield* sample(all, job)
  })))

const program = Effect.suspend(() => {
  const job = givenJob()
  return Effect.acquireUseRelease(
    Effect.sync(() => Raw.start(job.flags)),
    (client) => measure(job, client),
    (client) => Effect.promise(() => client.close())
  )
})

await Effect.runPromise(Effect.provide(program, NodeActor.layer))
process.disconnect()
