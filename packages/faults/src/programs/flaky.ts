/** A module that no actor can import before the file `mended` exists, and that counts the attempts to import it. */
import { Actor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"

if (process.env["IN_ACTOR"] !== undefined) {
  Fs.appendFileSync("imports", ".")
  if (!Fs.existsSync("mended")) throw new Error("not yet")
}

export const count = Actor.fn("count", { module: import.meta.url, success: Schema.Int })(() => Effect.succeed(7))
