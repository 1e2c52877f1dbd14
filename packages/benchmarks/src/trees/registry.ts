/**
 * Measures how long a registry with many actors blocks the event loop: `npm run trees -- registry [count]`. Each line
 * of the output says how long the event loop was blocked at most while trees published, followed and removed many
 * actors. The exit code of the registry's measurement is 1 where a turn of the event loop took more processor time than
 * the gate.
 */
import { Actor, Credentials, Discovery, MemoryActor, Registry } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Held, held } from "./hold.ts"

export const listAll = Actor.fn("listAll", { module: import.meta.url, success: Schema.Int })(() =>
  Actor.orDie(Effect.map(Registry.list(), ({ length }) => length))
)

export const watchAll = Actor.fn("watchAll", { module: import.meta.url, success: Schema.Int })(() =>
  Actor.orDie(Effect.map(
    Stream.runHead(Registry.watch()),
    (head) => head._tag === "Some" && head.value._tag === "Snapshot" ? head.value.entries.length : 0
  ))
)

/** Makes a Discovery that calls the function `opened` each time a directory is opened for a tree. */
const watched = (opened: (tree: Discovery.DiscoveryTree) => void) =>
  Layer.effect(
    Discovery.Discovery,
    Effect.map(Discovery.Discovery, (below) => ({
      open: (tree: Discovery.DiscoveryTree) => {
        opened(tree)
        return below.open(tree)
      }
    }))
  )

const secret = new Uint8Array(32)

const tree = (driver: Discovery.DiscoveryDriver["Service"], name: string) =>
  Effect.gen(function*() {
    let opened: Discovery.DiscoveryTree | undefined
    const shared = Discovery.layerShared().pipe(Layer.provide(Layer.succeed(Discovery.DiscoveryDriver, driver)))
    const context = yield* Layer.build(
      MemoryActor.layer({ name, credentials: Credentials.make({ tree: name, secret }) }).pipe(
        Layer.provide(watched((tree) => void (opened = tree)).pipe(Layer.provide(shared)))
      )
    )
    return { context, tree: opened! }
  })

const until = <E, R>(ready: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.flatMap(ready, (is) => is ? Effect.void : Effect.andThen(Effect.sleep(20), until(ready)))

const claimed = (registrar: Discovery.TreeRegistrar, root: Discovery.Entry, count: number) =>
  Effect.gen(function*() {
    for (let n = 0; n < count; n++) {
      const uuid = `actor-${n}`
      const exposed = [{ name: "ping", module: "file:///app/worker.ts" }]
      const actor = { name: `worker-${n % 1_000}`, uuid, pid: 0 }
      yield* registrar.claim({ actor, path: [...root.path, uuid], service: null, exposed, unique: false })
      yield* registrar.ready(uuid, n)
      if (n % 64 === 0) yield* Effect.yieldNow
    }
  })

/** The gate of the registry's measurement: the most processor time of one turn of the event loop, in milliseconds. */
const gateMillis = 50

const row = (what: string, { processor, seconds, wall }: Held) => {
  if (processor > gateMillis) process.exitCode = 1
  console.log(
    `${what.padEnd(44)} held at most ${processor.toFixed(1)} ms of processor, ${wall.toFixed(1)} ms by the clock; ` +
      `${seconds.toFixed(1)} s in all`
  )
}

const program = (count: number) =>
  Effect.gen(function*() {
    const driver = yield* Discovery.makeDriver()
    const scope = yield* Scope.make()
    const first = yield* Scope.provide(tree(driver, "first"), scope)
    const { registrar, root } = first.tree
    const pages = Math.ceil((count + 1) / 64)
    const published = until(Effect.map(driver.list("trees/everyone/"), ({ held }) =>
      held.some(({ value }) =>
        (JSON.parse(value) as { readonly pages: ReadonlyArray<number> }).pages.length >= pages
      )))
    const [, publishing] = yield* held(Effect.andThen(claimed(registrar, root, count), published))
    row(`a tree publishes ${count} actors`, publishing)
    const second = yield* tree(driver, "second")
    const known = until(Effect.map(
      Effect.provideContext(Registry.list({ name: "worker-1" }), second.context),
      ({ length }) =>
        length >= Math.ceil((count - 1) / 1_000)
    ))
    const [, following] = yield* held(Effect.andThen(known, Effect.sleep(500)))
    row(`another tree follows them`, following)
    const reading = Effect.scoped(Effect.gen(function*() {
      const reader = yield* Actor.startScoped("reader", { expose: [listAll, watchAll], listed: "tree" })
      const [listed, listing] = yield* held(reader.run(listAll()))
      row(`an actor below it lists ${listed}`, listing)
      const [seen, watching] = yield* held(reader.run(watchAll()))
      row(`an actor below it watches ${seen}`, watching)
    }))
    yield* Effect.provideContext(reading, second.context)
    const lost = until(Effect.map(
      Effect.provideContext(Registry.list(), second.context),
      ({ length }) => length <= 2
    ))
    const [, losing] = yield* held(Effect.andThen(Scope.close(scope, Exit.void), lost))
    row("the first tree ends, and the other loses them", losing)
  })

export const run = (count: number): Promise<void> => Effect.runPromise(Effect.scoped(program(count)))
