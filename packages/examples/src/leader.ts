/**
 * Leader election with a fenced resource: a former leader cannot write once the next leader has written.
 *
 * In this example two members of an election want to write invoices, and one member leads at a time. The file of the
 * invoices remembers the largest token of a leader that it has seen, and refuses a write with a smaller token. A write
 * of the first leader arrives at the file after the end of the leader's leadership, as after a long pause of its
 * process. The first program of this user on this host becomes the engine that holds the names of the election. With
 * another Layer, for an engine in PostgreSQL or NATS, the program of this example runs on several hosts:
 *
 *     ENGINE=postgres DATABASE_URL=postgres://user@host/database npm run example -- leader
 *     ENGINE=nats NATS_SERVERS=host:4222 npm run example -- leader
 *
 * Prints:
 *
 *     anna leads, and her invoice is taken
 *     bert leads, his token is larger: true, and his invoice is taken
 *     anna's late invoice is refused: its token is old
 *     the file holds: one of anna, one of bert
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import { Discovery } from "@furrow/actor"
import * as NatsDiscovery from "@furrow/nats/NatsDiscovery"
import { NodeActor } from "@furrow/node"
import * as NodeDiscovery from "@furrow/node/NodeDiscovery"
import * as SqlDiscovery from "@furrow/sql/SqlDiscovery"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"

const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-leader-"))

/** The engines that can hold the names of this example's election, each as one Layer. */
const engines = {
  host: NodeDiscovery.layerHost({ folder }),
  postgres: SqlDiscovery.layer.pipe(Layer.provide(PgClient.layerConfig({ url: Config.Redacted("DATABASE_URL") }))),
  nats: NatsDiscovery.layer({ servers: (process.env["NATS_SERVERS"] ?? "127.0.0.1:4222").split(",") })
}
const engine = engines[(process.env["ENGINE"] ?? "host") as keyof typeof engines]

/** Each member of this example's election has its own lease, as if it were a process of its own. */
const leases = Discovery.layerLeases({ ttl: "15 seconds" }).pipe(Layer.provide(engine))

class TokenIsOld extends Data.TaggedError("TokenIsOld")<{ readonly token: number }> {}

/**
 * The file of the invoices refuses writes of a former leader if the next leader has already written to the file. A
 * program with a database would compare the token of the leader in the `where` of its update.
 */
const invoices = {
  file: Path.join(folder, "invoices.json"),
  read(): { readonly highest: number; readonly of: ReadonlyArray<string> } {
    return Fs.existsSync(this.file) ? JSON.parse(Fs.readFileSync(this.file, "utf8")) : { highest: 0, of: [] }
  },
  write(token: number, who: string) {
    return Effect.suspend(() => {
      const { highest, of } = this.read()
      if (token < highest) return new TokenIsOld({ token })
      Fs.writeFileSync(this.file, JSON.stringify({ highest: token, of: [...of, who] }))
      return Effect.void
    })
  }
}

/** Leads the election until the Effect is interrupted, and prints the token of the leadership. */
const member = (who: string, leads: Deferred.Deferred<number>) =>
  Discovery.elect("invoices")(
    Effect.flatMap(Discovery.Leadership, ({ token }) =>
      Effect.andThen(invoices.write(token, who), Effect.andThen(Deferred.succeed(leads, token), Effect.never)))
  ).pipe(Effect.provide(leases))

const program = Effect.gen(function*() {
  const first = yield* Deferred.make<number>()
  const second = yield* Deferred.make<number>()
  const anna = yield* Effect.forkChild(member("anna", first))
  const old = yield* Deferred.await(first)
  yield* Console.log("anna leads, and her invoice is taken")
  yield* Effect.forkChild(member("bert", second))
  yield* Fiber.interrupt(anna)
  const token = yield* Deferred.await(second)
  yield* Console.log(`bert leads, his token is larger: ${token > old}, and his invoice is taken`)
  yield* invoices.write(old, "anna").pipe(
    Effect.catchTag("TokenIsOld", () => Console.log("anna's late invoice is refused: its token is old"))
  )
  yield* Console.log(`the file holds: one of ${invoices.read().of.join(", one of ")}`)
}).pipe(Effect.ensuring(Effect.sync(() => Fs.rmSync(folder, { recursive: true }))))

NodeActor.runMain(program)
