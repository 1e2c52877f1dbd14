/** Drivers of a program that throw, answer with nonsense or never answer: each is a named error in time, and hangs nothing. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, Ambient, Discovery, MemoryActor, Registry, Spawner, Timeouts, Transport } from "@furrow/actor"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { hub, where } from "./fixtures/platform.ts"

const module = import.meta.url

/** What the next driver does instead of answering. */
let answer: () => any = () => undefined

export const Spawning = Spawner.portable("spawning", { module }, () =>
  Layer.effect(
    Spawner.SpawnerDriver,
    Effect.map(Spawner.NativeSpawner, (native) => ({ ...native, spawn: () => answer() }))
  ))

let doing: Partial<Transport.TransportDriver["Service"]> = {}
export const Talking = Transport.portable(
  "talking",
  { module },
  () => Layer.effect(Transport.TransportDriver, Effect.sync(() => ({ ...hub, ...doing })))
)

class DbDown extends Data.TaggedError("DbDown")<{ readonly host: string }> {}
export const Failing = Ambient.portable("failing", { module }, () => Layer.effectDiscard(new DbDown({ host: "db1" })))
export const Silent = Ambient.portable("silent", { module }, () => Layer.effectDiscard(Effect.never))

/** Calls the host, and says what comes of it. */
export const visit = Actor.fn("visit", { module, success: Schema.String })(() =>
  Effect.match(
    Effect.scoped(Effect.flatMap(Registry.wait([where], "host", { within: "5 seconds" }), (host) => host.run(where()))),
    { onFailure: (error) => error.message, onSuccess: (where) => where }
  )
)

const short = Timeouts.provide({ spawn: "400 millis", connect: "300 millis" })

/** Fails where it hangs. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.orDie(Effect.timeout(short(effect), "10 seconds"))

const start = Actor.runInActor(where())

const messageOf = <A, E extends { readonly message: string }>(
  program: Effect.Effect<A, E, Actor.ActorRuntime>,
  layer: Layer.Layer<Actor.ActorRuntime, any>
) => inTime(Effect.map(Effect.flip(Effect.provide(program, layer)), (error) => error.message))

const thrown = () => {
  throw new Error("out of luck")
}

/** Is not asked in a tree in memory: what is around it is. */
const native = Layer.succeed(Spawner.Spawner, { plan: undefined, native: () => Effect.never })

describe("A spawner that breaks its duties fails the start of its actor", () => {
  const around = MemoryActor.layer.pipe(Layer.provide(Spawning.pipe(Layer.provide(native))))
  const ways: Record<string, readonly [() => any, RegExp]> = {
    "that throws": [thrown, /step: process\): the spawner threw: out of luck/],
    "that dies": [() => Effect.die("no luck"), /the spawner threw: no luck/],
    "that never answers": [() => Effect.never, /did not answer within 400 ms; raise Timeouts\.spawn/],
    "that answers with nonsense": [() => Effect.succeed({ pid: 4 }), /the spawner answered with no handle/]
  }
  for (const [title, [does, expected]] of Object.entries(ways)) {
    it.live(`the start of an actor fails with SpawnFailed at the step \`process\` if the spawner breaks (case: a spawner ${title})`, () =>
      Effect.gen(function*() {
        answer = does
        assert.match(yield* messageOf(start, around), expected)
      }))
  }
})

/** The last lines are read when the process has ended, and not before. */
export const Reading = Spawner.portable("reading", { module }, () =>
  Layer.effect(
    Spawner.SpawnerDriver,
    Effect.map(Spawner.NativeSpawner, (native) => ({
      ...native,
      spawn: (request) =>
        Effect.map(native.spawn(request), (handle) => {
          let lines: ReadonlyArray<string> = []
          handle.whenExited(() => {
            lines = ["said before it failed"]
          })
          return { ...handle, lastLines: () => lines }
        })
    }))
  ))

export const unbuildable = Actor.fn("unbuildable", {
  module,
  layer: Layer.effectDiscard(Effect.die(new Error("no configuration")))
})(() => Effect.void)

it.live("a failed start of an actor carries the last lines of stderr, even lines that were read after the failure", () =>
  inTime(Effect.gen(function*() {
    const layer = MemoryActor.layer.pipe(Layer.provide(Reading.pipe(Layer.provide(native))))
    const error = yield* Effect.flip(Effect.provide(Actor.runInActor(unbuildable()), layer))
    if (error._tag !== "SpawnFailed") return assert.fail(String(error))
    assert.deepStrictEqual([error.step, error.stderr], ["layer", ["said before it failed"]])
  })))

describe("A transport that breaks its duties fails its dials, and delays no end of an actor", () => {
  const layer = MemoryActor.layer.pipe(Layer.provide(Talking))
  /** One actor dials another, which listens for it. */
  const call = Actor.nursery(Effect.gen(function*() {
    yield* Actor.start("host", { expose: [where] })
    const guest = yield* Actor.start("guest", { expose: [visit] })
    return yield* guest.run(visit())
  }))

  const ways: Record<string, readonly [typeof doing, RegExp]> = {
    "whose listen throws": [{ listen: thrown }, /the transport threw when asked to listen: out of luck/],
    "whose listen dies": [{ listen: () => Effect.die("no luck") }, /the transport threw when asked to listen: no luck/],
    "that listens without an address": [
      { listen: () => Effect.succeed({ address: 4 } as any) },
      /answered with nonsense when asked to listen/
    ],
    "whose dial throws": [{ dial: thrown }, /the transport threw when asked to dial .*: out of luck/],
    "that dials nothing": [
      { dial: () => Effect.succeed(undefined as any) },
      /answered with nonsense when asked to dial/
    ],
    "whose dials throws": [{ dials: thrown }, /a transport threw when asked whether it dials: out of luck/]
  }
  for (const [title, [change, expected]] of Object.entries(ways)) {
    it.live(`a dial fails with an error that names the fault if the driver of the transport breaks (case: a transport ${title})`, () =>
      inTime(Effect.gen(function*() {
        doing = change
        assert.match(yield* Effect.provide(call, layer), expected)
      })))
  }

  it.live("a transport that throws while it cleans up after an actor does not delay the end of any actor", () =>
    inTime(Effect.gen(function*() {
      doing = { forget: thrown }
      assert.strictEqual(yield* Effect.provide(call, layer), "nowhere")
    })))
})

describe("A root's Discovery that does not answer fails the requests that wait for it", () => {
  const over = (change: (below: Discovery.Directory) => Discovery.Directory) =>
    MemoryActor.layer.pipe(Layer.provide(
      Layer.effect(
        Discovery.Discovery,
        Effect.map(Discovery.Discovery, (below) => ({
          open: (tree: Discovery.DiscoveryTree) => Effect.map(below.open(tree), change)
        }))
      ).pipe(Layer.provide(Discovery.layerTree))
    ))
  const opening = (open: () => any) =>
    MemoryActor.layer.pipe(Layer.provide(Layer.succeed(Discovery.Discovery, { open })))
  const silent = /its Discovery did not answer within 300 ms \(Timeouts\.connect\)/

  it.live("a claim of a name that the root's Discovery never answers fails with ActorUnreachable", () =>
    Effect.gen(function*() {
      const layer = over((below) => ({ ...below, claim: () => Effect.never }))
      assert.match(yield* messageOf(start, layer), silent)
    }))

  it.live("a Registry.list that the root's Discovery never answers fails with ActorUnreachable", () =>
    Effect.gen(function*() {
      const layer = over((below) => ({ ...below, list: () => Effect.never }))
      assert.match(yield* messageOf(Registry.list(), layer), silent)
    }))

  const ways: Record<string, readonly [() => any, RegExp]> = {
    "throws": [thrown, /the discovery "open" of the root's program cannot be built \(step: layer\): out of luck/],
    "never ends": [() => Effect.never, /it was not opened within 400 ms: raise Timeouts\.spawn/],
    "opens nothing": [() => Effect.succeed(undefined), /it opened no directory/]
  }
  for (const [title, [open, expected]] of Object.entries(ways)) {
    it.live(`each use of the registry fails with RuntimeLayerError if the function \`open\` of the Discovery breaks (case: \`open\` ${title})`, () =>
      Effect.gen(function*() {
        assert.match(yield* messageOf(Registry.list(), opening(open)), expected)
      }))
  }
})

describe("An ambient Layer that cannot be built is reported by an error", () => {
  it.live("an ambient Layer that fails with a tagged error is reported with the error's tag and fields", () =>
    Effect.gen(function*() {
      const message = yield* messageOf(Registry.list(), MemoryActor.layer({ ambient: Failing }))
      assert.match(message, /the ambient "failing" of .* cannot be built \(step: layer\): DbDown .*db1/)
    }))

  it.live("an ambient Layer that is never built is reported by its name after Timeouts.spawn", () =>
    Effect.gen(function*() {
      const message = yield* messageOf(Registry.list(), MemoryActor.layer({ ambient: Silent }))
      assert.match(message, /the ambient "silent" of .*: it was not built within 300 ms: raise Timeouts\.spawn/)
    }))
})
