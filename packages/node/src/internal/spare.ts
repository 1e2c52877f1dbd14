/**
 * A spare in its own process: it rehearses starts in memory, so that the code of the one to come has run. Then it greets its
 * parent as any actor, and waits for `Spawn`, which says which actor it is. Nothing of the program runs before that.
 */
import { type NativeProcess, rehearseStart } from "@furrow/actor/ActorProcess"
import * as Effect from "effect/Effect"
import * as Module from "node:module"
import type { importModule, load } from "./load.ts"

/** The name of a spare, which its process title shows when it waits, and its uuid until it is an actor. */
export const spareName = "spare"

/** After the first, the code of a start is loaded; after some more, the engine knows what it is called with. */
const rehearsals = 5

const ignored = () => {}

/** The endpoint in rehearsed.ts. */
const rehearsedName = "rehearsed"

interface Options {
  readonly native: NativeProcess
  readonly load: typeof load
  readonly loadModule: typeof importModule
  /** The module that is served in the rehearsal. */
  readonly module: string | undefined
}

export const rehearse = async ({ load, loadModule, module, native }: Options): Promise<void> => {
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
