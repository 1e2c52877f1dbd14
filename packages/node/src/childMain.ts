/**
 * The first lines of every actor's process: what must be in place before anything is imported.
 *
 * The compile cache comes first, so that it covers the runtime itself; the runtime is then imported dynamically.
 *
 * @since 0.1.0
 */
import * as Module from "node:module"

Module.enableCompileCache?.()
process.setSourceMapsEnabled(true)

const { runChild } = await import("./internal/runChild.ts")
await runChild()
