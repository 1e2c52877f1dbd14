/** Runs a PostgreSQL server of its own for a test. */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as SqlDiscovery from "@furrow/sql/SqlDiscovery"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Server from "./Server.ts"

const initdb = Server.installed(["/usr/lib/postgresql/*/bin/initdb", "initdb"])

export const isInstalled = initdb !== undefined

const program = (name: string) => Path.join(Path.dirname(Fs.realpathSync(initdb!)), name)

/**
 * Returns the first message of a PostgreSQL client, with the version of the protocol, the name of the user, and the
 * name of the database.
 */
const startup = () => {
  const words = Buffer.from("user\0furrow\0database\0postgres\0\0")
  const head = Buffer.alloc(8)
  head.writeUInt32BE(head.length + words.length, 0)
  head.writeUInt32BE(3 << 16, 4)
  return Buffer.concat([head, words])
}

export const make = Effect.suspend(() =>
  Server.make({
    prepare: (folder, run) =>
      run(initdb!, [
        "-D",
        Path.join(folder, "data"),
        "-U",
        "furrow",
        "--auth",
        "trust",
        "--no-sync",
        "--encoding",
        "UTF8",
        "--locale",
        "C"
      ]),
    command: initdb === undefined ? "postgres" : program("postgres"),
    args: (folder, port) =>
      ["-D", Path.join(folder, "data"), "-h", "127.0.0.1", "-p", String(port), "-k", folder].concat(
        ["max_connections=200", "shared_buffers=16MB", "log_min_messages=warning"].flatMap((set) => ["-c", set])
      ),
    // A PostgreSQL server that accepts connections answers the first message of a client with a message that begins
    // with the letter `R`.
    ready: (port) => Server.greets(port, /^R/, startup())
  })
)

/** A client for the PostgreSQL server at the given port, which may be the port of a proxy. */
export const client = (port: number) =>
  PgClient.layer({ host: "127.0.0.1", port, username: "furrow", database: "postgres", connectTimeout: "5 seconds" })

export const layer = (port: number, options: SqlDiscovery.SqlOptions = {}) =>
  SqlDiscovery.layer(options).pipe(Layer.provide(client(port)))
