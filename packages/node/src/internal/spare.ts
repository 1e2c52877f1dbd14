/**
 * Runs a spare in its own process: the spare rehearses starts in memory, so that the code of the later start has
 * already run once. After its rehearsals a spare greets its parent like an actor, and waits for the word `Spawn`, which
 * says which actor the spare becomes. No code of the program runs in a spare before the word `Spawn`.
 */
import { type NativeProcess, rehearseStart } from "@furrow/actor/ActorProcess"
import * as Effect from "effect/Effect"
import * as Module from "node:module"
import type { importModule, load } from "./load.ts"

/**
 * The name in the process title of a waiting spare. The spare also uses this text as its uuid, until it becomes an
 * actor and gets a uuid.
 */
export const spareName = "spare"

/**
 * The number of rehearsals of a spare: the first one loads the code of a start, and more than three make a start no
 * faster.
 */
const rehearsals = 3

const ignored = () => {}

/** The name of the endpoint that rehearsed.ts serves. */
const rehearsedName = "rehearsed"

interface Options {
  readonly native: NativeProcess
  readonly load: typeof load
  readonly loadModule: typeof importModule
  /** The URL of the module rehearsed.ts, which a spare loads when it rehearses the start of an actor. */
  readonly module: string | undefined
}

/**
 * Rehearses one start of an actor. Each rehearsal appends a different number to the URL of rehearsed.ts, so that Node
 * finds, reads and evaluates the file again.
 */
export const rehearseOnce = ({ load, loadModule, module, native }: Options, number: number) =>
  rehearseStart({
    native,
    load,
    loadModule,
    expose: module === undefined ? [] : [{ module: `${module}?${number}`, name: rehearsedName }],
    transports: [{ module: "furrow:node", key: "unix", settings: "/nowhere" }]
  })

/**
 * Does the whole work of an actor's start that does not need the name of the actor. A failed rehearsal of a start is
 * ignored, because the failure only makes the later start slower.
 */
export const rehearse = async (options: Options): Promise<void> => {
  for (let i = 0; i < rehearsals; i++) await Effect.runPromise(Effect.ignoreCause(rehearseOnce(options, i)))
  // Node makes the streams stdout and stderr at their first use, and every actor adds listeners to them.
  void process.stdout
  void process.stderr
  // The first listener of a signal makes Node open a pipe, so a spare adds and removes a listener before its start.
  for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) process.on(signal, ignored).off(signal, ignored)
  Module.flushCompileCache?.()
}
