/**
 * The global state that distinguishes the process of an actor, and that every imported module can read. The function
 * `runMain` must do nothing in a module that an actor imports again. The state of an actor's process is a property of
 * the global object, because an environment variable would be inherited by the actor's subprocesses.
 */
import { isBundledActor } from "@furrow/actor/ActorProcess"

export interface Child {
  /** True while an actor still imports modules, during which no root may be started. */
  importing: boolean
  /**
   * The error about an actor or a root that a module tried to start while the module was imported. An actor cannot
   * serve the endpoints of a module that tries to start an actor at import.
   */
  refused: string | undefined
}

const key = Symbol.for("furrow/child")

export const childOf = (): Child | undefined => (globalThis as { [key]?: Child })[key]

export const markChild = (): Child => {
  const child: Child = { importing: true, refused: undefined }
  ;(globalThis as { [key]?: Child })[key] = child
  return child
}

/** The advice of an error that says how to keep a main program from running in its actors. */
const remedy = "start it with NodeActor.runMain, or write `if (NodeActor.isRoot())` before it"

const errorStartedWhileImporting =
  "an actor was started while a child was importing this file. The child imports the file to find its " +
  `endpoints, so the main program must not run there: ${remedy}`

const errorUnguardedMain =
  "this program and its actors are one file, and every actor runs that file from its first line, so " +
  `its main program must not run there: ${remedy}`

/** True after the main program has called the function `isRoot`, or has been passed to the function `runMain`. */
let isGuarded = false

/** True in a process that is not an actor below a root, so that its main program may run. */
export const isRoot = (): boolean => {
  isGuarded = true
  return childOf() === undefined && !isBundledActor
}

/**
 * Returns the reason why no root may be made in this process now, or undefined where a root may be made. An actor keeps
 * the error about a root that a module tried to make, because the actor cannot serve the endpoints of such a module.
 * The parameter `isOneFile` is true where the actors of this process would run the main program again.
 */
export const refusalOf = (isOneFile: boolean): string | undefined => {
  const child = childOf()
  if (child === undefined) return isOneFile && !isGuarded ? errorUnguardedMain : undefined
  if (!child.importing) return undefined
  child.refused ??= isBundledActor ? errorUnguardedMain : errorStartedWhileImporting
  return child.refused
}
