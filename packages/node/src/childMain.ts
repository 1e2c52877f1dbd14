/**
 * The first lines of every actor's process must run before any module is imported.
 *
 * The process of an actor turns on the compile cache in its first line, so that the cache covers the runtime itself. An
 * actor's process imports the runtime dynamically, from the runtime bundle where the bundle may be used.
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
  // An actor's process installs the hooks of the module loader before any import, so that the user's module gets the
  // modules of the runtime bundle.
  installOneEffect(bundle)
  const { runChild } = await import(bundle.entry) as { readonly runChild: typeof RunChild }
  // An actor's process turns on source maps after it has loaded the runtime bundle, which has no source map. With
  // source maps turned on earlier, Node would search the whole runtime bundle for a source map.
  process.setSourceMapsEnabled(true)
  await runChild()
}
