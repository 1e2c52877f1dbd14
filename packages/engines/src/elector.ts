/**
 * The program of a process that wants to lead an election, and that takes its arguments from the command line:
 * `elector.ts <engine> <port> <name> <resource> <ttl millis>`. While the program leads the election, it writes its
 * token to the resource every 20 milliseconds. The resource of an election refuses a token that is smaller than the
 * largest token it has accepted.
 */
import * as Discovery from "@furrow/actor/Discovery"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import * as Nats from "./Nats.ts"
import * as Postgres from "./Postgres.ts"

const [engine, port, name, resource, ttl] = process.argv.slice(2) as [string, string, string, string, string]

const write = (token: number) =>
  Effect.sync(() => {
    const highest = Math.max(0, ...Fs.readFileSync(resource, "utf8").split("\n").map(Number))
    if (token < highest) return console.log(`refused ${token}`)
    if (token > highest) Fs.appendFileSync(resource, `${token}\n`)
    console.log(`written ${token}`)
  })

const work = Effect.gen(function*() {
  const { token } = yield* Discovery.Leadership
  console.log(`leads ${token}`)
  return yield* Effect.forever(Effect.andThen(write(token), Effect.sleep(20)))
}).pipe(Effect.onInterrupt(() => Effect.sync(() => console.log("stops"))))

const layer: Layer.Layer<Discovery.DiscoveryDriver, unknown> = engine === "nats"
  ? Nats.layer(Number(port))
  : Postgres.layer(Number(port))
const leases = Discovery.layerLeases({ ttl: Number(ttl) }).pipe(Layer.provide(layer))

console.log("up")
Effect.runFork(Discovery.elect(name)(work).pipe(Effect.provide(leases)))
