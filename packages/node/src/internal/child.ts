/**
 * Whether this process is an actor, known to whatever it imports: `runMain` in a module that a child imports again must
 * do nothing. It is a property of the process, so it lives on the global object; an environment variable would leak
 * into the actor's own subprocesses.
 */
export interface Child {
  /** Modules are still being imported: nothing may be started yet. */
  importing: boolean
  /** What was started nevertheless: the module cannot be served from. */
  refused: string | undefined
}

const key = Symbol.for("furrow/child")

export const childOf = (): Child | undefined => (globalThis as { [key]?: Child })[key]

export const markChild = (): Child => {
  const child: Child = { importing: true, refused: undefined }
  ;(globalThis as { [key]?: Child })[key] = child
  return child
}
