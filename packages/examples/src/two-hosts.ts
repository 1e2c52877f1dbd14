/**
 * The example runs two programs on one host and then on two hosts, with a different Layer `platform`.
 *
 * The program `shop` serves prices. The program `customer` finds the actor `prices` by its name, calls it, gets a typed
 * error, reads a stream, and gives up a call. The finalizer of the given-up call has run in `shop` before `customer`
 * goes on. This example runs the programs `shop` and `customer` in processes of their own, first over Unix sockets and
 * then over mutual TLS. Over mutual TLS each program has an address and a certificate of its own, so the example needs
 * no second computer.
 *
 * On two computers the example needs an engine that both computers can reach, such as NATS, and certificates from
 * openssl (docs/second-machine.md):
 *
 *     NATS_SERVERS=nats.internal:4222 npm run example -- two-hosts
 *
 * Prints:
 *
 *     one host, over a Unix socket:
 *       a spade costs 500
 *       no price of an anvil: UnknownArticle
 *       all prices: 500 300
 *       calls that were given up, and have cleaned up: 1
 *     two hosts, over TLS:
 *       a spade costs 500
 *       no price of an anvil: UnknownArticle
 *       all prices: 500 300
 *       calls that were given up, and have cleaned up: 1
 */
import { Actor, Discovery, Registry } from "@furrow/actor"
import * as NatsDiscovery from "@furrow/nats/NatsDiscovery"
import { NodeActor, NodeCredentials, NodeDiscovery, NodeTransport } from "@furrow/node"
import * as Certificates from "@furrow/testing/Certificates"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"

class UnknownArticle extends Schema.TaggedError<UnknownArticle>()("UnknownArticle", { article: Schema.String }) {}

const catalog = new Map([["spade", 500], ["rake", 300]])
const module = import.meta.url

export const price = Actor.fn("price", {
  module,
  payload: { article: Schema.String },
  success: Schema.Int,
  error: UnknownArticle
})(({ article }) => {
  const found = catalog.get(article)
  return found === undefined ? Effect.fail(new UnknownArticle({ article })) : Effect.succeed(found)
})

export const all = Actor.stream("all", { module, success: Schema.Int })(() => Stream.fromIterable(catalog.values()))

let cleaned = 0

/** An endpoint whose call never ends by itself. */
export const haggle = Actor.fn("haggle", { module })(() =>
  Effect.onInterrupt(Effect.never, () => Effect.sync(() => void cleaned++))
)

export const cleanups = Actor.fn("cleanups", { module, success: Schema.Int })(() => Effect.sync(() => cleaned))

const exposed = [price, all, haggle, cleanups] as const

// ---- the programs shop and customer, whose code is equal on one host and on two hosts -------------------------------

/** The program `shop`, which serves prices until its stdin ends. */
const shop = Effect.scoped(Effect.gen(function*() {
  yield* Actor.startScoped("prices", { expose: exposed, unique: true })
  yield* Effect.promise(() => once(process.stdin.resume(), "end"))
}))

const customer = Effect.scoped(Effect.gen(function*() {
  const prices = yield* Registry.wait(exposed, "prices", { within: "30 seconds" })
  yield* Console.log(`  a spade costs ${yield* prices.run(price({ article: "spade" }))}`)
  const unknown = yield* Effect.flip(prices.run(price({ article: "anvil" })))
  if (unknown instanceof UnknownArticle) yield* Console.log(`  no price of an ${unknown.article}: ${unknown._tag}`)
  yield* Console.log(`  all prices: ${(yield* Stream.runCollect(prices.stream(all()))).join(" ")}`)
  yield* Effect.ignore(Effect.timeout(prices.run(haggle()), "200 millis"))
  yield* Console.log(`  calls that were given up, and have cleaned up: ${yield* prices.run(cleanups())}`)
}))

// ---- the platform of each program: its transport and its Discovery --------------------------------------------------

/** A host with its name, its address, and the files of its certificate. */
interface Host extends Certificates.Files {
  readonly name: string
  readonly address: string
}

/** The place of a program's process: the folder of its files, and its host when the example runs with two hosts. */
interface Place {
  readonly folder: string
  readonly host?: Host
}

const oneHost = ({ folder }: Place) =>
  Layer.merge(
    NodeTransport.layerUnix({ folder }),
    Discovery.layerShared().pipe(Layer.provide(NodeDiscovery.layerHost({ folder })))
  )

const { NATS_SERVERS: servers } = process.env

const ownHost = ({ address, name, ...files }: Host, { folder }: Place) =>
  Layer.merge(
    NodeTransport.layerTls({ host: address, ca: files.ca, cert: files.cert, key: files.key }),
    Discovery.layerShared({ host: name }).pipe(
      Layer.provide(
        // Both hosts of this example have addresses of this computer, so the engine of one computer is enough.
        servers === undefined
          ? NodeDiscovery.layerHost({ folder })
          : NatsDiscovery.layer({ servers: servers.split(",") })
      )
    )
  )

const layerOf = (tree: string, place: Place) => {
  const platform = place.host === undefined ? oneHost(place) : ownHost(place.host, place)
  return Layer.unwrap(Effect.map(
    NodeCredentials.fromFile(Path.join(place.folder, "secret"), { tree, create: true }),
    (credentials) => NodeActor.layer({ credentials }).pipe(Layer.provide(platform))
  ))
}

// ---- the play -------------------------------------------------------------------------------------------------------

const programs = { shop, customer }

type Role = keyof typeof programs

const started = (role: Role, place: Place) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      ChildProcess.spawn(
        process.execPath,
        [...process.execArgv, import.meta.filename, role, JSON.stringify(place)],
        { stdio: ["pipe", "inherit", "inherit"] }
      )
    ),
    (child) =>
      Effect.promise(async () => {
        child.stdin.end()
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
      })
  )

const play = (places: Readonly<Record<Role, Place>>) =>
  Effect.scoped(Effect.gen(function*() {
    yield* started("shop", places.shop)
    const buys = yield* started("customer", places.customer)
    yield* Effect.promise(() => once(buys, "exit"))
  }))

/**
 * The addresses of this example's two hosts. On systems other than Linux the loopback has a single address, which both
 * hosts of this example then share.
 */
const addresses = process.platform === "linux" ? ["127.0.0.2", "127.0.0.3"] : ["127.0.0.1", "127.0.0.1"]

const plays = Effect.gen(function*() {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-hosts-"))
  yield* Effect.addFinalizer(() => Effect.sync(() => Fs.rmSync(folder, { recursive: true })))
  yield* Console.log("one host, over a Unix socket:")
  yield* play({ shop: { folder }, customer: { folder } })
  const authority = Certificates.sign({ name: "authority" })
  const [east, west] = ["east", "west"].map((name, index): Place => {
    const address = addresses[index]!
    const signed = Certificates.sign({ name, hosts: [address], by: authority })
    return { folder, host: { name, address, ...Certificates.write(folder, authority, signed) } }
  })
  yield* Console.log("two hosts, over TLS:")
  yield* play({ shop: east!, customer: west! })
})

const [role, place] = process.argv.slice(2)

if (role === "shop" || role === "customer") {
  NodeActor.runMain(programs[role], { layer: layerOf(role, JSON.parse(place!) as Place) })
} else NodeActor.runMain(Effect.scoped(plays))
