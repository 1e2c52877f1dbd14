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

/** After the first, the code of a start is loaded; more than these make no start faster. */
const rehearsals = 3

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

/** Rehearses one start. Another number is another URL of the same file: it is looked for, read and evaluated each time. */
export const rehearseOnce = ({ load, loadModule, module, native }: Options, number: number) =>
  rehearseStart({
    native,
    load,
    loadModule,
    expose: module === undefined ? [] : [{ module: `${module}?${number}`, name: rehearsedName }],
    transports: [{ module: "furrow:node", key: "unix", settings: "/nowhere" }]
  })

/** Does everything of a start that needs no actor. A start that cannot be rehearsed is only slower. */
export const rehearse = async (options: Options): Promise<void> => {
  for (let i = 0; i < rehearsals; i++) await Effect.runPromise(Effect.ignoreCause(rehearseOnce(options, i)))
  // Made when they are first looked at; an actor listens to them.
  void process.stdout
  void process.stderr
  // The first listener of a signal opens a pipe of Node's own.
  for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) process.on(signal, ignored).off(signal, ignored)
  Module.flushCompileCache?.()
}
