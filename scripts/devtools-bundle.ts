/**
 * Builds the command `furrow` and the chunks that it loads on demand, after the compiler: `packages/devtools/dist/furrow.js` sets up the compile cache and
 * loads `main.js` beside it. Loading each module of Effect by itself would take longer than the look. It holds all that it needs,
 * so the package has no dependencies.
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

// Chunks of an earlier build would be packed with the others.
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
