/**
 * Reads values of this process that JavaScript does not show: a function's captured variables, and the line at which a
 * suspended generator stands. The inspector of this thread reads captured variables and lines without stopping any
 * code.
 */
import type { Session } from "node:inspector"
import type { Origins, Place, Script } from "./origins.ts"

type Post = (method: string, params?: object) => any

export interface Looking {
  /**
   * Returns the variables that a function has captured, from the scopes nearest to the function. The captured variables
   * of a function do not include the variables of its module.
   */
  readonly captured: (fn: object) => ReadonlyArray<unknown>
  /** The line of a suspended generator in its source file. */
  readonly locate: (generator: object) => Place | undefined
}

/** The number of scopes around a function whose variables are read, beginning with the innermost scope. */
const maxScopes = 3

const slot = "__furrowLook"

/** The scripts of this process by the inspector's numbers for them, which do not change while the process lives. */
const scripts = new Map<string, Script>()

interface Parsed {
  readonly scriptId: string
  readonly url: string
  readonly sourceMapURL?: string
}

const findScripts = (session: Session, post: Post): void => {
  const heard = ({ params: { scriptId, sourceMapURL = "", url } }: { readonly params: Parsed }) => {
    scripts.set(scriptId, { url, map: sourceMapURL })
  }
  session.on("Debugger.scriptParsed", heard)
  post("Debugger.enable", { maxScriptsCacheSize: 0 })
  // The enabled debugger of the inspector makes all code slower, so it is disabled at once.
  post("Debugger.disable")
  session.off("Debugger.scriptParsed", heard)
}

const capturedBy = (
  post: Post,
  shared: { value: unknown; out: Array<unknown> },
  fn: object
): ReadonlyArray<unknown> => {
  shared.value = fn
  shared.out = []
  const { result } = post("Runtime.evaluate", { expression: `globalThis.${slot}.value`, objectGroup: slot })
  const { internalProperties } = post("Runtime.getProperties", { objectId: result.objectId, ownProperties: true })
  const scopes = internalProperties?.find(({ name }: { readonly name: string }) => name === "[[Scopes]]")?.value
  if (scopes === undefined) return []
  const { result: listed } = post("Runtime.getProperties", { objectId: scopes.objectId, ownProperties: true })
  for (const { value } of listed.slice(0, maxScopes)) {
    if (value?.objectId === undefined || /^(Global|Module|Script)/.test(value.description ?? "")) continue
    post("Runtime.callFunctionOn", {
      objectId: value.objectId,
      functionDeclaration: `function() {
        const scope = this.object ?? this
        for (const name of Object.getOwnPropertyNames(scope)) { try { globalThis.${slot}.out.push(scope[name]) } catch {} }
      }`
    })
  }
  return shared.out
}

const noScript: Script = { url: "", map: "" }

/** Runs a function with access to the inspector of this process, which is disconnected afterwards. */
export const looking = <A>(origins: Origins, body: (look: Looking) => A): A => {
  const { Session } = process.getBuiltinModule("node:inspector")
  const session = new Session()
  session.connect()
  const post: Post = (method, params = {}) => {
    let out: unknown
    session.post(method, params, (error, result) => {
      if (error !== null) throw error
      out = result
    })
    return out
  }
  const shared = { value: undefined as unknown, out: [] as Array<unknown> }
  Object.defineProperty(globalThis, slot, { value: shared, configurable: true, enumerable: false })
  try {
    return body({
      captured: (fn) => capturedBy(post, shared, fn),
      locate: (generator) => {
        shared.value = generator
        const { result } = post("Runtime.evaluate", { expression: `globalThis.${slot}.value`, objectGroup: slot })
        const { internalProperties } = post("Runtime.getProperties", { objectId: result.objectId, ownProperties: true })
        const at = internalProperties?.find(({ name }: { readonly name: string }) => name === "[[GeneratorLocation]]")
          ?.value?.value
        if (at === undefined) return undefined
        if (!scripts.has(at.scriptId)) findScripts(session, post)
        return origins.of(scripts.get(at.scriptId) ?? noScript, at.lineNumber + 1, at.columnNumber + 1)
      }
    })
  } finally {
    delete (globalThis as { [slot]?: unknown })[slot]
    post("Runtime.releaseObjectGroup", { objectGroup: slot })
    session.disconnect()
  }
}
