/**
 * The first file of an actor whose program preloads modules.
 *
 * As a flag, it runs before what the program preloads (`--import`, `--require`): their imports of Effect and Furrow, too,
 * are led into the bundle of the runtime, and it can be used. An actor's parent puts it first where something is
 * preloaded. The flag is taken back: processes that the actor starts with its own flags are none of ours. In a thread of
 * the actor it does nothing.
 */
import { installOneEffect } from "./oneEffect.ts"
import { find, findFirst } from "./runtimeBundle.ts"

const { fileURLToPath } = process.getBuiltinModule("node:url")

const fileOf = (module: string): string => fileURLToPath(new URL(module, import.meta.url))

const flag = process.execArgv.indexOf(fileOf("./preload.js"))
if (flag > 0 && process.argv[1] === fileOf("../childMain.js")) {
  process.execArgv.splice(flag - 1, 2)
  // The runtime may be loaded by the first preload: the cache has to cover it.
  process.getBuiltinModule("node:module").enableCompileCache?.()
  const bundle = findFirst()
  if (bundle !== undefined) installOneEffect(bundle)
}

export { find, installOneEffect }
