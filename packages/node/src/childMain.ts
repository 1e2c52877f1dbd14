/**
 * The first lines of every actor's process: what must be in place before anything is imported.
 *
 * The compile cache comes first, so that it covers the runtime itself; the runtime is then imported dynamically, from the
 * bundle where that may be used.
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
  // This comes before any import, so that imports of the user's module get the modules of the bundle.
  installOneEffect(bundle)
  const { runChild } = await import(bundle.entry) as { readonly runChild: typeof RunChild }
  // The bundle has no source map. Enabled earlier, Node would search the whole bundle for one.
  process.setSourceMapsEnabled(true)
  await runChild()
}
