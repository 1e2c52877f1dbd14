/**
 * The two programs of this example, each with a tree of its own, find each other by a name.
 *
 * The file of this example runs itself a second time as the program `shop`, which serves prices. The first program of
 * this example finds the actor `prices` by its name, and calls this actor. The first program of this example gets a
 * typed error of `prices` as an instance of its class, and learns when `shop` has ended. Both programs of this example
 * read a file with the same secret, which the first program has made. The two programs of this example share only their
 * secret; one of the user's programs on this host holds the names.
 *
 * On two hosts the programs of this example differ only in the Layer `platform`. On two hosts each host has a
 * certificate with its name (docs/second-machine.md shows how to make it), and NATS holds the names:
 *
 *     const platform = Layer.merge(
 *       NodeTransport.layerTls({ host: "0.0.0.0", ports: [47_000, 47_100], advertise: "db1.internal", ca, cert, key }),
 *       Discovery.layerShared().pipe(Layer.provide(NatsDiscovery.layer({ servers: ["nats.internal:4222"] })))
 *     )
 *
 * Prints:
 *
 *     prices is found in the tree shop, in another process: true
 *     a spade costs 500
 *     no price of an anvil: UnknownArticle
 *     the shop closes
 *     prices is gone
 */
import { Actor, Discovery, Registry } from "@furrow/actor"
import { NodeActor, NodeCredentials, NodeDiscovery, NodeTransport } from "@furrow/node"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"

class UnknownArticle extends Schema.TaggedError<UnknownArticle>()("UnknownArticle", { article: Schema.String }) {}

const catalog = new Map([["spade", 500], ["rake", 300]])

export const price = Actor.fn("price", {
  module: import.meta.url,
  payload: { article: Schema.String },
  success: Schema.Int,
  error: UnknownArticle
})(({ article }) => {
  const found = catalog.get(article)
  return found === undefined ? Effect.fail(new UnknownArticle({ article })) : Effect.succeed(found)
})

/**
 * The folder in which the two programs of this example find each other. The second program of this example gets the
 * folder as its argument.
 */
const [given] = process.argv.slice(2)
const folder = given ?? Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-two-"))

/** The transport and the discovery of a program in this example, which are the only parts that differ on two hosts. */
const platform = Layer.merge(
  NodeTransport.layerUnix({ folder }),
  Discovery.layerShared().pipe(Layer.provide(NodeDiscovery.layerHost({ folder })))
)

const layerOf = (tree: string) =>
  Layer.unwrap(Effect.map(
    NodeCredentials.fromFile(Path.join(folder, "secret"), { tree, create: true }),
    (credentials) => NodeActor.layer({ credentials }).pipe(Layer.provide(platform))
  ))

/** The program `shop` of this example, which serves prices until its stdin ends. */
const shop = Effect.scoped(Effect.gen(function*() {
  yield* Actor.startScoped("prices", { expose: [price], unique: true })
  yield* Effect.promise(() => once(process.stdin.resume(), "end"))
}))

const openShop = Effect.acquireRelease(
  Effect.sync(() =>
    ChildProcess.spawn(process.execPath, [...process.execArgv, import.meta.filename, folder], {
      stdio: ["pipe", "inherit", "inherit"]
    })
  ),
  (child) =>
    Effect.promise(async () => {
      child.stdin.end()
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
    })
)

const customer = Effect.scoped(Effect.gen(function*() {
  const gone = yield* Deferred.make<void>()
  yield* Effect.forkScoped(Stream.runForEach(
    Registry.watch({ name: "prices" }),
    (change) => change._tag === "Down" ? Deferred.succeed(gone, undefined) : Effect.void
  ))
  const program = yield* openShop
  const prices = yield* Registry.wait([price], "prices", { within: "30 seconds" })
  const entry = Option.getOrThrow(yield* Registry.query("prices"))
  yield* Console.log(
    `prices is found in the tree ${entry.tree}, in another process: ${prices.actor.pid !== process.pid}`
  )
  yield* Console.log(`a spade costs ${yield* prices.run(price({ article: "spade" }))}`)
  const unknown = yield* Effect.flip(prices.run(price({ article: "anvil" })))
  if (unknown instanceof UnknownArticle) yield* Console.log(`no price of an ${unknown.article}: ${unknown._tag}`)
  yield* Console.log("the shop closes")
  program.stdin.end()
  yield* Deferred.await(gone)
  yield* Console.log("prices is gone")
})).pipe(Effect.ensuring(Effect.sync(() => Fs.rmSync(folder, { recursive: true }))))

NodeActor.runMain(given === undefined ? customer : shop, { layer: layerOf(given === undefined ? "town" : "shop") })
