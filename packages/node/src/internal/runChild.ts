/**
 * An actor's process, from its command line to its exit code.
 *
 * Exit codes: 0 ended as it was told or its main returned, 1 not ready or its parent was lost, 70 an uncaught
 * error or a main that failed (sysexits' EX_SOFTWARE), 143, 129 and 130 ended by SIGTERM, SIGHUP and SIGINT alone.
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
 * Milliseconds to wait for bytes that are still on their way after the last word: half of the time that an owner gives
 * a process to exit (`Timeouts.terminate`), so that a reader that stands still is no reason to kill it.
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
 * Calls back when all that has been written to it so far has left, or it has lost its reader. A program that captures
 * its output has replaced `write` by a function that never calls back: the stream itself is asked.
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

/** From here on actors may be started; a module that has tried to before cannot be served from. */
const imported = async <A>(child: Child, modules: ReadonlyArray<string>, importing: Promise<A>): Promise<A> => {
  const found = await importing
  child.importing = false
  if (child.refused !== undefined) throw new Error(`${Array.from(new Set(modules)).join(", ")}: ${child.refused}`)
  return found
}

/** The exit code of a runtime that itself fails. */
const failedCode = 70

/** Runs the actor of this process, which ends with it: also where the runtime itself fails. */
export const runChild = (args = takeOwnArguments(process.argv, 2)): Promise<never> =>
  live(args).catch((error: unknown) => {
    // This is the only end of the process: its timers and its errors are kept from doing so.
    tell(error, "an actor's runtime failed: ")
    process.exit(failedCode)
  })

/** Uncaught errors by the event of Node, and what the record calls them. */
const uncaughtEvents = [
  ["uncaughtException", tell, "exception"],
  ["unhandledRejection", tellRejection, "rejection"]
] as const

/** Ends the actor at a signal, and at an error that nothing has caught. */
const listen = (
  { end, uncaught }: {
    readonly end: (signal: "SIGTERM" | "SIGHUP" | "SIGINT", code: number) => void
    readonly uncaught: (error: unknown) => void
  },
  recorder: () => FileRecorder | undefined
): void => {
  // Without a reader, writing fails: that is no error of the actor, and reporting it would be the next.
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
  // Before anything is waited for: in a bundle, the program's own code runs meanwhile.
  const child = markChild()
  recordDefinitions()
  // A parent that died before the guard was in place has left us to another process.
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
  // A handler that waits for nothing must not end the process: how it ends is decided below.
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
      // An exit that is not ours is one of the program's.
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
  // Processes that the actor started are in its group. Its parent would kill that now, but is gone itself: its end of
  // the channel is closed a moment before it stops being our parent.
  if (ended.how === "parent-lost" || process.ppid !== Number(parent)) process.kill(-process.pid, "SIGKILL")
  process.exit(ended.code)
}

declare const __filename: string | undefined

/** The file that this module is in; a bundler may have put it with others into one, and into CommonJS. */
const here: string = (import.meta.url as string | undefined) ?? pathToFileURL(__filename ?? process.argv[1]!).href

/** The entry of actors: above this module, or beside the file that holds the whole runtime. */
const entry = [`../childMain.${here.endsWith(".ts") ? "ts" : "js"}`, "./childMain.js"]
  .map((path) => fileURLToPath(new URL(path, here)))
  .find((path) => Fs.existsSync(path))

/** The arguments that make a process of Node one of our actors. In a bundle there is no entry: it is this file again. */
export const script: ReadonlyArray<string> = entry === undefined ? [fileURLToPath(here), mark] : [entry]

/** The module of a rehearsed start. A bundle has none, and no spares. */
const rehearsed = entry === undefined
  ? undefined
  : new URL(`./internal/rehearsed.${entry.endsWith(".ts") ? "ts" : "js"}`, pathToFileURL(entry)).href

/** Flags that keep the runtime bundle where the program preloads something. From the sources there is none. */
export const preload: ReadonlyArray<string> = entry?.endsWith(".js") === true
  ? ["--require", fileURLToPath(new URL("./internal/preload.js", pathToFileURL(entry)))]
  : []

/** Why the actors of this process cannot use the runtime bundle, if there is one. It is looked for in a file of its own. */
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

/** True where an actor runs the main program of this process again, because both are in this file. */
export const isOneFile = (): boolean =>
  entry === undefined && realPath(process.argv[1]) === realPath(fileURLToPath(here))

// The actor begins here, before anything of the program: what that does wrong is then the actor's to report.
if (isBundledActor) void runChild(bundledArguments)
