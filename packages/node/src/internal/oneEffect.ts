/**
 * One copy of Effect in an actor.
 *
 * Two copies fail in odd ways (a service of one is not found by the other). A module of the user that resolves
 * `effect` to another copy of the same version is given ours; another version is refused, by name and path.
 */
import * as Fs from "node:fs"
import * as Module from "node:module"
import { fileURLToPath } from "node:url"

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

export const installOneEffect = (): void => {
  const ours = copyOf(import.meta.resolve("effect/Effect"))
  if (ours === undefined) return
  const same = new Set<string>()
  Module.registerHooks({
    resolve: (specifier, context, next) => {
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
            `${
              context.parentURL ?? "a module"
            } imports effect ${theirs.version} (${theirs.root}), but this actor runs ` +
              `on effect ${ours.version} (${ours.root}): two versions cannot share a process. Install one version`
          )
        }
        same.add(root)
      }
      // As if we had imported it.
      return next(specifier, { ...context, parentURL: import.meta.url })
    }
  })
}
