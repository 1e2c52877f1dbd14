/**
 * The first lines of every actor's process must run before any module is imported.
 *
 * The process of an actor turns on the compile cache first, so that the cache covers the runtime itself. The runtime of
 * the actor is then imported dynamically, from the bundle where the bundle may be used.
 *
 * @since 0.1.0
 */
import type { runChild as RunChild } from "./internal/runChild.ts"

process.getBuiltinModule("node:module").enableCompileCache?.()

const { find, installOneEffect } = await import("./internal/preload.ts")
const bundle = find()
if (bundle === undefined) {
  process.setSourceMapsEnabled(true)
  const { runChild } = await import("./internal/runChild.ts")
  installOneEffect(undefined)
  await runChild()
} else {
  // The hooks of the module loader are installed before any import, so that imports of the user's module get the
  // modules of the bundle.
  installOneEffect(bundle)
  const { runChild } = await import(bundle.entry) as { readonly runChild: typeof RunChild }
  // Source maps are turned on after the runtime bundle was loaded, because the bundle has no source map. If source maps
  // were on earlier, Node would search the whole bundle for a source map.
  process.setSourceMapsEnabled(true)
  await runChild()
}
