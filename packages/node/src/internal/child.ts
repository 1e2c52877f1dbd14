/**
 * The state that marks this process as an actor, readable from every imported module. The function `runMain` in a
 * module that a child imports again must do nothing. The mark of an actor is a property of the global object, because
 * an environment variable would leak into the actor's own subprocesses.
 */
import { isBundledActor } from "@furrow/actor/ActorProcess"

export interface Child {
  /** True while modules are still being imported, when no root may be started. */
  importing: boolean
  /**
   * The start of an actor or a root that a module tried while the module was imported. An actor cannot serve the
   * endpoints of a module that has tried to start one while it was imported.
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

/** The advice of an error: how to keep a main program from running in its actors. */
const remedy = "start it with NodeActor.runMain, or write `if (NodeActor.isRoot())` before it"

const errorStartedWhileImporting =
  "an actor was started while a child was importing this file. The child imports the file to find its " +
  `endpoints, so the main program must not run there: ${remedy}`

const errorUnguardedMain =
  "this program and its actors are one file, and every actor runs that file from its first line, so " +
  `its main program must not run there: ${remedy}`

/** True once the main program has called `isRoot`, or has been passed to `runMain`. */
let isGuarded = false

/** True in a process that is not an actor below a root, so that its main program may run. */
export const isRoot = (): boolean => {
  isGuarded = true
  return childOf() === undefined && !isBundledActor
}

/**
 * Returns why no root may be made in this process now; undefined where a root may be made. An actor keeps the refusal
 * to make a root, because it cannot serve the endpoints of a module that starts a root. The parameter `isOneFile` is
 * true where the actors of this process would run the main program again.
 */
export const refusalOf = (isOneFile: boolean): string | undefined => {
  const child = childOf()
  if (child === undefined) return isOneFile && !isGuarded ? errorUnguardedMain : undefined
  if (!child.importing) return undefined
  child.refused ??= isBundledActor ? errorUnguardedMain : errorStartedWhileImporting
  return child.refused
}
