/**
 * Runs a NATS server of its own for a test. The variable `NATS_SERVER` names the program of the NATS server that tests
 * start instead of the installed one.
 */
import * as NatsDiscovery from "@furrow/nats/NatsDiscovery"
import * as Path from "node:path"
import * as Server from "./Server.ts"

const program = Server.installed([process.env["NATS_SERVER"] ?? "nats-server"])

export const isInstalled = program !== undefined

export const make = Server.make({
  prepare: (folder, run) => run("mkdir", [Path.join(folder, "data")]),
  command: program ?? "nats-server",
  args: (folder, port) => ["-a", "127.0.0.1", "-p", String(port), "-js", "-sd", Path.join(folder, "data")],
  ready: (port) => Server.greets(port, /^INFO /)
})

/** The engine over a NATS server at the given port, which may be the port of a proxy. */
export const layer = (port: number) => NatsDiscovery.layer({ servers: `127.0.0.1:${port}` })
