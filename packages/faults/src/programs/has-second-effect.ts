/** Defines an endpoint with a schema of a second copy of Effect, as a package manager may install it. */
import { Actor } from "@furrow/actor"
import type * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Path from "node:path"
import { pathToFileURL } from "node:url"

const ours = Path.dirname(createRequire(import.meta.url).resolve("effect/package.json"))
const second = Path.resolve("node_modules/effect")
const isNeeded = (file: string): boolean => !/\.(map|ts)$/.test(file) && !file.startsWith(Path.join(ours, "src"))
Fs.cpSync(ours, second, { recursive: true, filter: isNeeded })

const url = pathToFileURL(Path.join(second, "dist/Schema.js")).href
const Second = (await import(url)) as typeof Schema
try {
  Actor.endpoint("put", { payload: { text: Second.String } })
} catch (error) {
  console.log(String(error).replace(ours, "<ours>"))
}
