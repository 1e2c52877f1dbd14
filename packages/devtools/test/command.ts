/** The command `furrow` as a test runs it, on trees in processes of their own. */
import { assert, it } from "@effect/vitest"
import * as Eventually from "@furrow/testing/Eventually"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { fileURLToPath } from "node:url"

export const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** The line of a file in which a text stands first. */
export const lineIn = (file: string, text: string): number =>
  Fs.readFileSync(file, "utf8").split("\n").findIndex((line) => line.includes(text)) + 1

/** The ports at which a process listens, by the sockets that it holds. */
export const listening = (pid: number): ReadonlyArray<string> => {
  const held = new Set(
    Fs.readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(Fs.readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
      } catch {
        return []
      }
    })
  )
  return Fs.readFileSync(`/proc/${pid}/net/tcp`, "utf8").split("\n").slice(1).map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === "0A" && held.has(inode!)).map(([, address]) => address!)
}

export const patient = { within: "60 seconds" } as const

/** Starts the tree of a file in one kind of trouble. */
export const tree = (
  kind: string,
  env: { readonly [name: string]: string } = {},
  file = pathOf("./fixtures/main.ts"),
  execArgv: ReadonlyArray<string> = []
) =>
  Effect.gen(function*() {
    const program = yield* Program.start(file, { args: [kind], env, execArgv })
    yield* program.says(/^ready$/m, patient)
    return program
  })

export const furrow = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const program = yield* Program.start(pathOf("../src/cli/main.ts"), { args })
    const { code } = yield* program.ended(patient)
    return { code, text: program.stdout(), errors: program.stderr() }
  })

/** Asks until the answer holds: a tree needs a moment to come into its trouble. */
export const answers = (
  args: ReadonlyArray<string>,
  check: (answer: { readonly code: number | null; readonly text: string }) => void
) =>
  Eventually.succeeds(
    Effect.flatMap(Effect.scoped(furrow(...args)), (answer) => Effect.sync(() => check(answer))),
    { within: "90 seconds" }
  )

/** The process of an actor of the tree: other trees of this machine may have one of its name. */
export const pidOf = (root: number | undefined, name: string) =>
  Effect.gen(function*() {
    let found = ""
    yield* answers(["tree", String(root)], ({ text }) => {
      const [, pid] = new RegExp(`^ *${name} +(\\d+)`, "m").exec(text) ?? []
      assert.isDefined(pid)
      found = pid!
    })
    return found
  })

export const test = (title: string, body: Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live.skipIf(process.platform !== "linux")(title, () => Effect.scoped(body), 120_000)
