/**
 * One copy of Effect in an actor.
 *
 * Two copies fail in odd ways (a service of one is not found by the other). A module of the user that resolves
 * `effect` to another copy of the same version is given ours; another version is refused, by name and path.
 * A runtime that is a bundle gives the copy of the bundle.
 */
import type * as Module from "node:module"
import type { RuntimeBundle } from "./runtimeBundle.ts"

/** Parts of Node, taken from the process instead of imported, as runtimeBundle.ts explains. */
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

/** The resolution as it should have been: `next` as far as it is not our copy of Effect. */
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
    // Resolves a module as if this one had imported it.
    const own = next(specifier, { ...context, parentURL: import.meta.url })
    // `require` resolves from where it stands, whatever we say: the same version has the same files.
    return own.url.startsWith(ours.root) ? own : { ...own, url: ours.root + resolved.url.slice(root.length) }
  }
}

/** The runtime's copy of Effect. It is looked up once, because the hooks lead later imports into the bundle. */
let found: { readonly copy: Copy | undefined } | undefined

/** Installs the hooks that lead to one copy of Effect. A second call puts them before the hooks of preloaded modules. */
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
