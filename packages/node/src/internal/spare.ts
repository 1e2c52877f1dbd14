/**
 * A spare in its own process: everything of a start that needs no name, then the wait for one.
 *
 * It rehearses starts in memory, so that the code of the one to come has run. It says that it waits, and becomes the actor
 * that its owner names. Nothing of the program runs before that. It ends where its owner is gone.
 */
import { type NativeProcess, rehearseStart } from "@furrow/actor/ActorProcess"
import type { SpawnRequest } from "@furrow/actor/Spawner"
import type { Connection } from "@furrow/actor/Transport"
import * as Effect from "effect/Effect"
import * as Module from "node:module"
import * as Net from "node:net"
import * as SocketConnection from "../SocketConnection.ts"
import type { importModule, load } from "./load.ts"
import * as Overture from "./overture.ts"

/** The connection of an actor with its parent, by its socket. */
export interface Channel {
  readonly socket: Net.Socket
  readonly connection: Connection
}

/** The connection on fd 3. */
export const channel = (reader: SocketConnection.Reader): Channel => {
  const socket = new Net.Socket({ fd: 3, readable: true, writable: true, onread: reader.onread })
  return { socket, connection: SocketConnection.make(socket, reader) }
}

const ignored = () => {}

/** The endpoint in rehearsed.ts. */
const rehearsedName = "rehearsed"

/** After the first, the code of a start is loaded; after some more, the engine knows what it is called with. */
const rehearsals = 5

interface Options {
  readonly native: NativeProcess
  readonly load: typeof load
  readonly loadModule: typeof importModule
  /** The module that is served in the rehearsal. */
  readonly module: string | undefined
}

const rehearse = async ({ load, loadModule, module, native }: Options): Promise<void> => {
  const transports = ["unix", "tcp"].map((key) => ({ module: "furrow:node", key, settings: "/nowhere" }))
  for (let i = 0; i < rehearsals; i++) {
    // Another URL of the same file is another module: it is looked for, read and evaluated each time.
    const expose = module === undefined ? [] : [{ module: `${module}?${i}`, name: rehearsedName }]
    // A start that could not be rehearsed is only slower.
    await Effect.runPromise(Effect.ignoreCause(rehearseStart({ native, load, loadModule, expose, transports })))
  }
  // Made when they are first looked at; an actor listens to them.
  void process.stdout
  void process.stderr
  // The first listener of a signal opens a pipe of Node's own.
  for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) process.on(signal, ignored).off(signal, ignored)
  Module.flushCompileCache?.()
}

/** Waits as a spare until it is told which actor it is; the process ends where that is never said. */
export const awaitActor = async (
  options: Options
): Promise<Channel & { readonly actor: SpawnRequest["actor"] }> => {
  let line = ""
  const { promise: named, resolve } = Promise.withResolvers<string>()
  const found = channel(Overture.makeReader((bytes) => {
    if (line.endsWith("\n")) return "protocol"
    line += Buffer.from(bytes).toString("latin1")
    if (line.endsWith("\n")) resolve(Buffer.from(line, "latin1").toString())
    return "overture"
  }))
  const gone = () => process.exit(0)
  found.socket.once("close", gone)
  await rehearse(options)
  // Seen from outside: it waits.
  process.title = `furrow[${Overture.spareName}@${process.pid}]`
  found.socket.resume()
  found.socket.write(Overture.ready)
  const actor = Overture.actorOf(await named)
  found.socket.off("close", gone)
  return { ...found, actor }
}
