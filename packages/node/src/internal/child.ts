/**
 * The mark of a process that is an actor, known to whatever it imports: `runMain` in a module that a child imports
 * again must do nothing. It is a property of the process, so it lives on the global object; an environment variable
 * would leak into the actor's own subprocesses.
 */
import { isBundledActor } from "@furrow/actor/ActorProcess"

export interface Child {
  /** Modules are still being imported: nothing may be started yet. */
  importing: boolean
  /** The start that was tried nevertheless: the module cannot be served from. */
  refused: string | undefined
}

const key = Symbol.for("furrow/child")

export const childOf = (): Child | undefined => (globalThis as { [key]?: Child })[key]

export const markChild = (): Child => {
  const child: Child = { importing: true, refused: undefined }
  ;(globalThis as { [key]?: Child })[key] = child
  return child
}

const errorStartedWhileImporting =
  "an actor was started while a child was importing this file. The child imports the file to find its " +
  "endpoints, so the main program must not run there: start it with NodeActor.runMain, or guard it with " +
  "`if (import.meta.main)`"

const errorUnguardedMain =
  "this process is an actor of a single-file bundle, started from it again: the main program must not run " +
  "here. Start it with NodeActor.runMain, which serves the actor instead"

/** Why no root may be made in this process now, if so. A child remembers it: its module cannot be served from. */
export const refusalOf = (): string | undefined => {
  const child = childOf()
  if (child === undefined) return isBundledActor ? errorUnguardedMain : undefined
  if (!child.importing) return undefined
  child.refused ??= errorStartedWhileImporting
  return errorStartedWhileImporting
}
