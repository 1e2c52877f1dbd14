/**
 * Builds the command `furrow` from the compiler's output, as one file and some files that the command loads on
 * demand. The file `packages/devtools/dist/furrow.js` sets up the compile cache and loads `main.js` beside it. The
 * command `furrow` is bundled, because loading each module of Effect separately would take longer than the command's
 * work. The bundle of `furrow` contains all its dependencies, so the package of `furrow` has no dependencies.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { rolldown } from "rolldown"

const root = Path.resolve(import.meta.dirname, "..")
const source = Path.join(root, "packages/devtools/src/cli/main.ts")
const dist = Path.join(root, "packages/devtools/dist")

const entry = `#!/usr/bin/env node
import Module from "node:module"
Module.enableCompileCache?.()
await import("./main.js")
`

// Files of an earlier build of `furrow` are deleted, because npm would pack these files as well.
for (const name of Fs.existsSync(dist) ? Fs.readdirSync(dist) : []) {
  if (name.endsWith(".js")) Fs.rmSync(Path.join(dist, name))
}

const build = await rolldown({
  input: source,
  platform: "node",
  treeshake: { moduleSideEffects: false },
  external: [/^node:/],
  resolve: { conditionNames: ["furrow-source", "import", "node"] }
})
await build.write({
  dir: dist,
  format: "esm",
  minify: true,
  entryFileNames: "main.js",
  chunkFileNames: "[name].js"
})
await build.close()
Fs.writeFileSync(Path.join(dist, "furrow.js"), entry, { mode: 0o755 })
