/**
 * The first file of an actor whose program preloads modules.
 *
 * As a flag, it runs before what the program preloads (`--import`, `--require`): their imports of Effect and Furrow, too,
 * are led into the bundle of the runtime, and it can be used. An actor's parent puts it first where something is
 * preloaded. Flags of the runtime's own are taken back: processes that the actor starts with its flags are none of ours.
 * In a thread of the actor, and in a root, it does nothing.
 */
import { installOneEffect } from "./oneEffect.ts"
import { find, findFirst, reasonAgainst } from "./runtimeBundle.ts"
import { takeBackStartFlags } from "./startFlags.ts"

const { fileURLToPath } = process.getBuiltinModule("node:url")

const fileOf = (module: string): string => fileURLToPath(new URL(module, import.meta.url))

const entries = [fileOf("../childMain.js"), fileOf("../childMain.ts")]

if (entries.includes(process.argv[1] ?? "")) {
  takeBackStartFlags()
  const flag = process.execArgv.indexOf(fileOf("./preload.js"))
  if (flag > 0) {
    process.execArgv.splice(flag - 1, 2)
    // The runtime may be loaded by the first preload: the cache has to cover it.
    process.getBuiltinModule("node:module").enableCompileCache?.()
    const bundle = findFirst()
    if (bundle !== undefined) installOneEffect(bundle)
  }
}

export { find, installOneEffect, reasonAgainst }
