/** Trees of one process that can reach each other, and the engine at which they meet. */
import { type Actor, Credentials, Discovery, MemoryActor, Timeouts, Transport } from "@furrow/actor"
import { make } from "@furrow/actor/internal/leases/MemoryDriver"
import * as MemoryTransport from "@furrow/actor/internal/transport/MemoryTransport"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { settle } from "./Time.ts"

type Driver = Discovery.DiscoveryDriver["Service"]

/** An engine that is out of reach for some of its users, or has forgotten everything, when it is told to. */
export const engine = Effect.gen(function*() {
  let driver = yield* make()
  const cut = new Set<string>()
  const asked: Array<string> = []
  const seenBy = (who: string): Driver => {
    const ask = <A, E>(what: string, question: () => Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.suspend(() => {
        asked.push(`${who} ${what}`)
        return cut.has(who) ? Effect.never : question()
      })
    return {
      create: (key, value, lease) => ask(`create ${key}`, () => driver.create(key, value, lease)),
      renew: (lease) => ask("renew", () => driver.renew(lease)),
      remove: (key, token) => ask(`remove ${key}`, () => driver.remove(key, token)),
      get: (key) => ask(`get ${key}`, () => driver.get(key)),
      list: (prefix, after) => ask(`list ${prefix}`, () => driver.list(prefix, after)),
      changes: (prefix) => Stream.suspend(() => cut.has(who) ? Stream.never : driver.changes(prefix))
    }
  }
  return {
    seenBy,
    asked,
    cut: (who: string) => void cut.add(who),
    heal: (who: string) => void cut.delete(who),
    wipe: Effect.map(make(), (empty) => void (driver = empty))
  }
})

export type Engine = Effect.Success<typeof engine>

const secret = new Uint8Array(32).fill(7)

export interface Tree {
  readonly name: string
  readonly run: <A, E>(program: Effect.Effect<A, E, Actor.ActorRuntime | Scope.Scope>) => Effect.Effect<A, E>
  readonly end: Effect.Effect<void>
}

/** One Discovery for each engine, each over the one before. */
const stacked = (name: string, engines: ReadonlyArray<Pick<Engine, "seenBy">>, options: Discovery.SharedOptions) =>
  engines.reduce<Layer.Layer<Discovery.Discovery>>(
    (below, { seenBy }) =>
      Discovery.layerShared(options).pipe(
        Layer.provide([below, Layer.succeed(Discovery.DiscoveryDriver, seenBy(name))])
      ),
    Discovery.layerTree
  )

/** Trees that share a transport, which each may wrap. */
export const forest = Effect.gen(function*() {
  const hub = MemoryTransport.hub()
  const at = yield* engine
  /** Plants a tree: it stands until it is ended, or the Scope closes. */
  const plant = (
    name: string,
    options: Discovery.SharedOptions & {
      readonly expose?: ReadonlyArray<any>
      readonly secret?: Uint8Array
      readonly timeouts?: Timeouts.Bounds
      /** The engines at which the tree is listed. Default: the one of the forest. */
      readonly engines?: ReadonlyArray<Pick<Engine, "seenBy">>
      readonly between?: MemoryActor.Between
      readonly around?: (driver: Transport.TransportDriver["Service"]) => Transport.TransportDriver["Service"]
    } = {}
  ) =>
    Effect.gen(function*() {
      const { around = (driver) => driver, between, engines = [at], expose, timeouts, ...shared } = options
      const plan = { module: "furrow:memory", key: "memory" }
      const transport = Layer.succeed(Transport.Transport, {
        parts: [{
          ...plan,
          data: Effect.succeed({ ...plan, settings: "null" }),
          layer: Layer.succeed(Transport.TransportDriver, around(hub))
        }]
      })
      const credentials = Credentials.make({ tree: name, secret: options.secret ?? secret })
      const layer = MemoryActor.layer({ name, credentials, expose: expose ?? [], between }).pipe(
        Layer.provide([transport, stacked(name, engines, shared)])
      )
      const scope = yield* Scope.fork(yield* Effect.scope)
      const built = Layer.buildWithScope(layer, scope)
      const context = yield* Effect.orDie(timeouts === undefined ? built : Timeouts.provide(built, timeouts))
      const tree: Tree = {
        name,
        run: (program) => {
          const provided = Effect.provideContext(
            program,
            Context.add(context, Scope.Scope, scope) as Context.Context<any>
          )
          return (timeouts === undefined ? provided : Timeouts.provide(provided, timeouts)) as Effect.Effect<any, any>
        },
        end: Scope.close(scope, Exit.void)
      }
      yield* settle
      return tree
    })
  return { ...at, plant, hub }
})
