/**
 * The first file that runs in an actor whose program preloads modules.
 *
 * The file preload.ts is named by a flag of Node, and so runs before the modules that the program preloads by
 * `--import` or `--require`. With preload.ts, imports of Effect and Furrow in preloaded modules lead into the runtime
 * bundle, so that the actor can use the bundle. An actor's parent puts the flag that names preload.ts before the
 * program's own flags. The file preload.ts removes the runtime's own flags from `process.execArgv`, so that processes
 * of the actor do not inherit them. The file preload.ts does nothing in a thread of the actor, nor in a root.
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
    // Turns on the compile cache before the preloaded modules of the program, because these modules may already import
    // the runtime.
    process.getBuiltinModule("node:module").enableCompileCache?.()
    const bundle = findFirst()
    if (bundle !== undefined) installOneEffect(bundle)
  }
}

export { find, installOneEffect, reasonAgainst }
