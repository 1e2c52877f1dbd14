/**
 * Makes all modules of an actor use the same copy of Effect.
 *
 * Two copies of Effect in one process fail in odd ways: for example, a service of one copy is not found by the other. A
 * module of the user that would load another copy of the same version of Effect gets the runtime's copy. A module that
 * imports another version of Effect fails with an error that contains the versions and paths of both copies. An actor
 * that runs on the runtime bundle uses the bundle's copy of Effect.
 */
import type * as Module from "node:module"
import type { RuntimeBundle } from "./runtimeBundle.ts"

/**
 * Modules of Node come from `process.getBuiltinModule`, because an `import` would read each of their properties and
 * load further modules.
 */
const Fs = process.getBuiltinModule("node:fs")
const { registerHooks } = process.getBuiltinModule("node:module")
const { fileURLToPath } = process.getBuiltinModule("node:url")

interface Copy {
  readonly root: string
  readonly version: string
}

const marker = "/node_modules/effect/"

const copyOf = (url: string): Copy | undefined => {
  const at = url.lastIndexOf(marker)
  if (at < 0) return undefined
  const root = url.slice(0, at + marker.length)
  const manifest: unknown = JSON.parse(Fs.readFileSync(fileURLToPath(`${root}package.json`), "utf8"))
  return { root, version: (manifest as { readonly version: string }).version }
}

/**
 * The hook that resolves every import of the package `effect` to the runtime's copy of Effect. An import of Effect that
 * already leads to the runtime's copy stays as it is.
 */
const resolveOurs = (ours: Copy): Module.ResolveHookSync => {
  const same = new Set<string>()
  return (specifier, context, next) => {
    const resolved = next(specifier, context)
    if (specifier !== "effect" && !specifier.startsWith("effect/")) return resolved
    if (resolved.url.startsWith(ours.root)) return resolved
    const at = resolved.url.lastIndexOf(marker)
    if (at < 0) return resolved
    const root = resolved.url.slice(0, at + marker.length)
    if (!same.has(root)) {
      const theirs = copyOf(resolved.url)
      if (theirs !== undefined && theirs.version !== ours.version) {
        throw new Error(
          `${context.parentURL ?? "a module"} imports effect ${theirs.version} (${theirs.root}), but this actor runs ` +
            `on effect ${ours.version} (${ours.root}): two versions cannot share a process. Install one version`
        )
      }
      same.add(root)
    }
    // Resolves a specifier of an import as if the module `oneEffect.ts` had imported it.
    const own = next(specifier, { ...context, parentURL: import.meta.url })
    // For `require`, Node ignores the given `parentURL` and finds the user's copy of Effect. The two copies have the
    // same version and files, so the path within the user's copy is used in the runtime's copy.
    return own.url.startsWith(ours.root) ? own : { ...own, url: ours.root + resolved.url.slice(root.length) }
  }
}

/**
 * The copy of Effect that the runtime uses, or undefined before the copy was looked up. The runtime's copy of Effect is
 * looked up only once, because the hooks lead later imports into the runtime bundle.
 */
let found: { readonly copy: Copy | undefined } | undefined

/**
 * Installs the hooks that lead all imports of Effect to the runtime's copy. A second call of the function
 * `installOneEffect` puts the runtime's hooks of the module loader before the hooks of preloaded modules.
 */
export const installOneEffect = (bundle: RuntimeBundle | undefined): void => {
  found ??= { copy: copyOf(import.meta.resolve("effect/Effect")) }
  const ours = found.copy
  const resolve: Module.ResolveHookSync = ours === undefined
    ? (specifier, context, next) => next(specifier, context)
    : resolveOurs(ours)
  if (bundle === undefined) {
    if (ours !== undefined) registerHooks({ resolve })
    return
  }
  registerHooks({
    resolve: (specifier, context, next) => {
      const resolved = resolve(specifier, context, next)
      const instead = bundle.insteadOf(resolved.url)
      return instead === undefined ? resolved : { url: instead, format: "module", shortCircuit: true }
    }
  })
}
