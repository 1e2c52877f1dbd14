import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import { pipe, type Progress, Screen, terminal } from "../src/Screen.ts"

const sources = { folder: "/f", files: Array.from({ length: 8 }, (_, n) => ({ file: `f${n}`, bytes: 10 })) }

const shown = <E>(
  screen: (write: (text: string) => void) => Layer.Layer<Screen>,
  use: (progress: Progress) => Effect.Effect<void, E>
) =>
  Effect.gen(function*() {
    const written: Array<string> = []
    const run = Effect.flatMap(Screen, ({ during }) => during(sources, use))
    yield* Effect.exit(Effect.provide(run, screen((text) => void written.push(text))))
    return written
  })

const clear = "\r\u001b[2K"

const work = (progress: Progress) =>
  Effect.andThen(
    Effect.forEach(sources.files, ({ bytes }) => progress.advance(bytes), { discard: true }),
    progress.say("said")
  )

describe("A census that prints to a pipe shows its progress", () => {
  it.effect("the progress of a census that prints to a pipe is a plain line at each quarter", () =>
    Effect.gen(function*() {
      const written = yield* shown(pipe, work)
      assert.deepStrictEqual(
        written.map((line) => line.replace(/[\d.]+ s/, "T s")),
        [
          "  2 of 8 files, 20 B, T s\n",
          "  4 of 8 files, 40 B, T s\n",
          "  6 of 8 files, 60 B, T s\n",
          "  8 of 8 files, 80 B, T s\n",
          "  said\n"
        ]
      )
    }))
})

describe("A census that prints to a terminal shows its progress", () => {
  it.effect("the progress of a census that prints to a terminal is a bar that is redrawn in place and removed at the end", () =>
    Effect.gen(function*() {
      const text = (yield* shown((write) => terminal(write, 40), work)).join("")
      for (const part of text.replaceAll(clear, "\n").split("\n")) assert.isBelow(part.length, 40)
      assert.include(text, "█")
      assert.include(text, `${clear}said\n`)
      assert.isTrue(text.endsWith(clear))
    }))

  it.effect("the progress of a census is cleared from the terminal when the counting fails", () =>
    Effect.gen(function*() {
      const written = yield* shown((write) => terminal(write, 40), () => Exit.fail("no"))
      assert.strictEqual(written.at(-1), clear)
    }))
})
