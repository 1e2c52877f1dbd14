/**
 * The actors that `SpawnerSuite` starts: they report about themselves, and end in different ways.
 */
import * as Actor from "@furrow/actor/Actor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ChildProcess from "node:child_process"
import * as Inspector from "node:inspector"
import * as V8 from "node:v8"

const module = import.meta.url

export const echo = Actor.fn("furrow/testing/echo", {
  module,
  payload: { text: Schema.String },
  success: Schema.String
})(({ text }) => Effect.succeed(text))

export const surroundings = Actor.fn("furrow/testing/surroundings", {
  module,
  success: Schema.Struct({
    cwd: Schema.String,
    env: Schema.Record(Schema.String, Schema.String),
    argv: Schema.Array(Schema.String),
    execArgv: Schema.Array(Schema.String),
    heapLimit: Schema.Finite,
    debugged: Schema.Boolean
  })
})(() =>
  Effect.sync(() => ({
    cwd: process.cwd(),
    env: Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value ?? ""])),
    argv: process.argv.slice(2),
    execArgv: process.execArgv,
    heapLimit: V8.getHeapStatistics().heap_size_limit,
    debugged: Inspector.url() !== undefined
  }))
)

/** Ends the actor's own process, after the actor has written the given lines to stderr. */
export const exit = Actor.fn("furrow/testing/exit", {
  module,
  payload: { code: Schema.Int, lines: Schema.Array(Schema.String) }
})(({ code, lines }) =>
  Effect.callback<void>(() => {
    process.stderr.write(lines.map((line) => `${line}\n`).join(""), () => process.exit(code))
  })
)

/** Writes the same bytes, which are no text and contain no newline, to the actor's stdout and stderr. */
export const print = Actor.fn("furrow/testing/print", { module, payload: { bytes: Schema.Uint8Array } })(({ bytes }) =>
  Effect.sync(() => {
    process.stdout.write(bytes)
    process.stderr.write(bytes)
  })
)

/** Blocks the event loop of the actor for ever. */
export const block = Actor.fn("furrow/testing/block", { module })(() =>
  Effect.sync(() => {
    for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000)
  })
)

/** Starts a subprocess that knows nothing of Furrow, and returns its pid. */
export const subprocess = Actor.fn("furrow/testing/subprocess", { module, success: Schema.Int })(() =>
  Effect.sync(() => ChildProcess.spawn("sleep", ["3600"], { stdio: "ignore" }).pid ?? 0)
)

export const all = [echo, surroundings, exit, print, block, subprocess] as const
