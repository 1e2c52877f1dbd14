/** A private NATS server. `NATS_SERVER` names the program where it is not the one of the machine. */
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

/** An engine at this port, which may be that of a proxy. */
export const layer = (port: number) => NatsDiscovery.layer({ servers: `127.0.0.1:${port}` })
