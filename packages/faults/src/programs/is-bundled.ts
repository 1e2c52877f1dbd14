/**
 * Bundles a program with esbuild into the current folder. The first argument names the form of the bundle, and the
 * second says how the bundle is run.
 */
import * as Esbuild from "esbuild"
import * as ChildProcess from "node:child_process"
import * as Path from "node:path"

const [form, how] = process.argv.slice(2)
const format = form === "cjs" ? "cjs" : "esm"
const outfile = Path.resolve(format === "esm" ? "shop.mjs" : "shop.cjs")

await Esbuild.build({
  entryPoints: [Path.join(import.meta.dirname, "bundled", "shop.ts")],
  outfile,
  bundle: true,
  platform: "node",
  target: "node22",
  format,
  conditions: ["furrow-source"],
  mainFields: ["module", "main"],
  external: ["msgpackr-extract"],
  logLevel: "silent"
})
const { status } = ChildProcess.spawnSync(process.execPath, [outfile, how!], { stdio: "inherit" })
process.exitCode = status ?? 1
