/**
 * The first file that runs in an actor whose program preloads modules.
 *
 * The file preload.ts is given as a flag, and so runs before the modules that the program preloads by `--import` or
 * `--require`. The imports of Effect and Furrow in preloaded modules then lead into the bundle of the runtime, so that
 * the bundle can be used. An actor's parent puts the flag of preload.ts before the program's own flags. The runtime's
 * own flags are removed from `process.execArgv`, so that processes which the actor starts do not get these flags. The
 * file preload.ts does nothing in a thread of the actor, nor in a root.
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
    // The compile cache is turned on in preload.ts, because the first preloaded module may load the runtime.
    process.getBuiltinModule("node:module").enableCompileCache?.()
    const bundle = findFirst()
    if (bundle !== undefined) installOneEffect(bundle)
  }
}

export { find, installOneEffect, reasonAgainst }
