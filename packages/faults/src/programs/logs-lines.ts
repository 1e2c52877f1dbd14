/** Two actors log JSON lines of 100 KB, each line in pieces, as structured loggers write to a pipe. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"

export const log = Actor.fn("log", { module: import.meta.url })(() =>
  Effect.sync(() => {
    const line = `${JSON.stringify({ msg: "x".repeat(100_000) })}\n`
    for (let n = 0; n < 5; n++) {
      for (let at = 0; at < line.length; at += 30_000) process.stdout.write(line.slice(at, at + 30_000))
    }
  })
)

NodeActor.runMain(Effect.all([Actor.runInActor(log()), Actor.runInActor(log())], { concurrency: 2, discard: true }))
