/**
 * Runs an actor's process, from its command line to its exit code.
 *
 * The exit code of an actor is 0 after an orderly end, and 1 where the actor never became ready or lost its parent. The
 * exit code 70 of an actor means an uncaught error or a failed main (EX_SOFTWARE). The exit codes 143, 129 and 130 of
 * an actor mean that only SIGTERM, SIGHUP or SIGINT ended the actor.
 */
import {
  bundledArguments,
  forgetDefinitions,
  isBundledActor,
  mark,
  platformOf,
  recordDefinitions,
  run,
  takeOwnArguments
} from "@furrow/actor/ActorProcess"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Net from "node:net"
import { Writable } from "node:stream"
import { fileURLToPath, pathToFileURL } from "node:url"
import * as NodeTransport from "../NodeTransport.ts"
import * as SocketConnection from "../SocketConnection.ts"
import { afterReady } from "./afterReady.ts"
import { authenticator } from "./authenticate.ts"
import { Autopsy } from "./autopsy.ts"
import { type Child, markChild } from "./child.ts"
import { Living } from "./entered.ts"
import { inherited, watches, watchParent } from "./guard.ts"
import { offer } from "./hatch.ts"
import { limitedHeap } from "./launch.ts"
import { importModule, load } from "./load.ts"
import { groupGuard, make } from "./processes.ts"
import { exitedAt, type FileRecorder, open as openRecord, thrownAt } from "./recorder.ts"
import { rehearse, spareName } from "./spare.ts"
import { Starts } from "./starts.ts"
import { tell, tellRejection } from "./told.ts"

/**
 * Milliseconds to wait, after the actor's last word, for bytes that the process has still to send. The bound for an
 * actor's last bytes is half of `Timeouts.terminate`, so that a slow reader causes no kill of the process.
 */
const flushBoundMillis = 250

const flushed = (write: (done: () => void) => void): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, flushBoundMillis)
    write(() => {
      clearTimeout(timer)
      resolve()
    })
  })

/**
 * Calls a function when all bytes that were written to a stream have left, or when the stream has lost its reader. A
 * program that captures its output has replaced the method `write` of the stream by a function that may never call
 * back. The function `whenWritten` reads the state of the stream, and does not wait for a callback of the method
 * `write`.
 */
const whenWritten = (stream: Writable, done: () => void): void => {
  const write: (this: Writable, chunk: string, done: () => void) => boolean = Writable.prototype.write
  write.call(stream, "", done)
}

const written = async (): Promise<void> => {
  await Promise.all(
    [process.stdout, process.stderr].map((stream) => new Promise<void>((resolve) => whenWritten(stream, resolve)))
  )
}

/**
 * Imports the modules of the actor, and afterwards allows the actor to start other actors. An actor cannot serve a
 * module that tried to start an actor while the module was imported.
 */
const imported = async <A>(child: Child, modules: ReadonlyArray<string>, importing: Promise<A>): Promise<A> => {
  const found = await importing
  child.importing = false
  if (child.refused !== undefined) throw new Error(`${Array.from(new Set(modules)).join(", ")}: ${child.refused}`)
  return found
}

/** The exit code of an actor's process whose runtime has failed. */
const failedCode = 70

/**
 * Runs the actor of this process. The process of an actor ends with the actor, and also when the actor's runtime fails.
 */
export const runChild = (args = takeOwnArguments(process.argv, 2)): Promise<never> =>
  live(args).catch((error: unknown) => {
    // The actor's process reports the failure of its runtime and exits, because timers and listeners would keep it
    // running.
    tell(error, "an actor's runtime failed: ")
    process.exit(failedCode)
  })

/** The events of Node for uncaught errors, and the name of each event in the actor's record. */
const uncaughtEvents = [
  ["uncaughtException", tell, "exception"],
  ["unhandledRejection", tellRejection, "rejection"]
] as const

/** Ends the actor of this process at a signal or an uncaught error. */
const listen = (
  { end, uncaught }: {
    readonly end: (signal: "SIGTERM" | "SIGHUP" | "SIGINT", code: number) => void
    readonly uncaught: (error: unknown) => void
  },
  recorder: () => FileRecorder | undefined
): void => {
  // A write to an output stream without a reader fails. The actor ignores a failed write to its output, because a
  // report would need the stream without a reader.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})
  for (const [event, say, what] of uncaughtEvents) {
    process.on(event, (error: unknown) => {
      recorder()?.ending(what, thrownAt(error))
      say(error)
      uncaught(error)
    })
  }
  for (const [signal, code] of [["SIGTERM", 143], ["SIGHUP", 129], ["SIGINT", 130]] as const) {
    process.on(signal, () => end(signal, code))
  }
}

const live = async ([name, uuid, mode, parent, heap]: ReadonlyArray<string>): Promise<never> => {
  if (name === undefined || uuid === undefined) {
    process.stderr.write("this file is the entry of Furrow's actors: it is started by a parent, not by hand\n")
    process.exit(64)
  }
  // The process becomes known as an actor's process before the first `await`, because a bundle runs the program's code
  // during the `await`.
  const child = markChild()
  recordDefinitions()
  // A parent that died before the guard was ready has left the actor's process to another parent process.
  if (process.ppid !== Number(parent)) process.exit(1)
  const watch = watches(mode) ? await watchParent() : undefined
  const living = new Living()
  const guard = inherited(mode, watch)
  const autopsy = new Autopsy(undefined)
  const native = {
    spawner: make(
      new Starts(guard, living),
      { script, preload, limited: heap === limitedHeap },
      undefined,
      autopsy
    ),
    guard: groupGuard(guard, living),
    authenticator,
    builtin: NodeTransport.builtin,
    importModule
  }
  // A timer keeps the actor's process running while a handler waits without a timer of its own. The function `live`
  // decides when the actor's process ends.
  setInterval(() => {}, 2 ** 30)
  if (uuid === spareName) await rehearse({ native, load, loadModule: importModule, module: rehearsed })
  const entitle = (name: string) => {
    process.title = `furrow[${name}@${process.pid}]`
  }
  if (uuid === spareName) process.title = `furrow-spare[${process.pid}]`
  else entitle(name)
  const reader = SocketConnection.makeReader()
  const socket = new Net.Socket({ fd: 3, readable: true, writable: true, onread: reader.onread })
  let stopWork = () => {}
  let recorder: FileRecorder | undefined
  const ended = await Effect.runPromise(run({
    actor: { name, uuid, pid: process.pid },
    connection: SocketConnection.make(socket, reader),
    platform: (spec) => {
      autopsy.folder = spec.graves ?? undefined
      return platformOf(spec, native)
    },
    record: (actor, above, spec) => {
      recorder = openRecord(actor, above, spec)
      // An exit of the process that the runtime did not begin was caused by the program.
      process.on("exit", () => recorder?.ending("exit", exitedAt()))
      return recorder
    },
    load: (exposed) => imported(child, exposed.map(({ module }) => module), load(exposed)),
    loadModule: (module) => imported(child, [module], importModule(module)),
    observe: offer,
    onStart: (main) => listen(main, () => recorder),
    onNamed: (actor) => {
      if (uuid === spareName) entitle(actor.name)
    },
    onReady: (rehearsal) => {
      forgetDefinitions()
      stopWork = afterReady(rehearsal)
    },
    onEnding: () => {
      recorder?.ending("release", undefined)
      stopWork()
    },
    written
  }))
  await Promise.all([
    flushed((done) => socket.writableFinished || socket.destroyed ? done() : socket.end(done)),
    flushed((done) => whenWritten(process.stdout, done)),
    flushed((done) => whenWritten(process.stderr, done))
  ])
  if (ended.how !== "parent-lost") recorder?.close()
  // Kills the processes that the actor has started, which are in the actor's process group. Usually the parent kills
  // the process group of its actor, but a dead parent cannot. The actor's connection to its parent may end a moment
  // before the process gets another parent process.
  if (ended.how === "parent-lost" || process.ppid !== Number(parent)) process.kill(-process.pid, "SIGKILL")
  process.exit(ended.code)
}

declare const __filename: string | undefined

/**
 * The file of the module that starts actors' processes. A bundler may have put the module `runChild.ts` into one file
 * with other modules, and into CommonJS.
 */
const here: string = (import.meta.url as string | undefined) ?? pathToFileURL(__filename ?? process.argv[1]!).href

/** The entry file of actors, which is in the folder above runChild.ts, or beside the runtime bundle. */
const entry = [`../childMain.${here.endsWith(".ts") ? "ts" : "js"}`, "./childMain.js"]
  .map((path) => fileURLToPath(new URL(path, here)))
  .find((path) => Fs.existsSync(path))

/**
 * The arguments that make a process of Node an actor. An actor of a bundled program has no separate entry file, so its
 * process runs the bundle itself again.
 */
export const script: ReadonlyArray<string> = entry === undefined ? [fileURLToPath(here), mark] : [entry]

/**
 * The module that a spare serves in its rehearsed start. A bundled program has no module for rehearsals, and no spares.
 */
const rehearsed = entry === undefined
  ? undefined
  : new URL(`./internal/rehearsed.${entry.endsWith(".ts") ? "ts" : "js"}`, pathToFileURL(entry)).href

/**
 * Flags of Node that load preload.ts before the modules that a program preloads, so that the actor can use the runtime
 * bundle. Without a build there is no runtime bundle, so the list of flags is empty.
 */
export const preload: ReadonlyArray<string> = entry?.endsWith(".js") === true
  ? ["--require", fileURLToPath(new URL("./internal/preload.js", pathToFileURL(entry)))]
  : []

/**
 * Returns the reason why the actors of this process cannot use the runtime bundle, or undefined where they can, and
 * where there is no bundle. The search for the runtime bundle is in a separate file, which is loaded only for the
 * search.
 */
export const reasonAgainstBundle = async (): Promise<string | undefined> => {
  if (entry?.endsWith(".js") !== true) return undefined
  const file = new URL("./internal/preload.js", pathToFileURL(entry)).href
  return (await import(file) as { readonly reasonAgainst: () => string | undefined }).reasonAgainst()
}

const realPath = (path: string | undefined): string | undefined => {
  try {
    return path === undefined ? undefined : Fs.realpathSync(path)
  } catch {
    return undefined
  }
}

/** True where an actor of this process runs the main program again, because the program and its actors are one file. */
export const isOneFile = (): boolean =>
  entry === undefined && realPath(process.argv[1]) === realPath(fileURLToPath(here))

// The runtime of an actor begins before any code of the program, so that the actor can report faults of this code.
if (isBundledActor) void runChild(bundledArguments)
