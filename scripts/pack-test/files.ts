/**
 * Checks the files of Furrow that a root loads. Finding, reading and linking a file costs more than the content of most
 * files.
 */
import assert from "node:assert/strict"
import { registerHooks } from "node:module"

/**
 * The largest number of files: the public modules that only export, and one file behind them in each of the three
 * packages.
 */
const maxFiles = 30

const loaded: Array<string> = []
registerHooks({
  load: (url, context, next) => {
    if (/\/node_modules\/@furrow\//.test(url)) loaded.push(url)
    return next(url, context)
  }
})
await import("@furrow/actor")
await import("@furrow/node")
assert.ok(loaded.length <= maxFiles, `a root loads ${loaded.length} files of Furrow:\n${loaded.join("\n")}`)
assert.equal(loaded.filter((url) => url.endsWith("/dist/internal/modules.js")).length, 3, loaded.join("\n"))
console.log(`a root loads ${loaded.length} files of Furrow`)
