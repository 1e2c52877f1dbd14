/** Tests `furrow ls` and `furrow watch` with the engine of this host and running trees. */
import { assert, describe, it } from "@effect/vitest"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"

const pathOf = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const patient = { within: "60 seconds" } as const

const tree = (folder: string, name: string, actor: string) =>
  Effect.tap(
    Program.start(pathOf("./fixtures/listed.ts"), { args: [folder, name, actor] }),
    ({ says }) => says(/^ready$/m, patient)
  )

const follow = (...args: ReadonlyArray<string>) => Program.start(pathOf("../src/cli/main.ts"), { args })

const furrow = (...args: ReadonlyArray<string>) =>
  Effect.scoped(Effect.gen(function*() {
    const program = yield* follow(...args)
    const { code } = yield* program.ended(patient)
    return { code, text: program.stdout(), errors: program.stderr() }
  }))

/**
 * Runs the command until its output is as expected, because a tree is listed some milliseconds after its actors are
 * ready.
 */
const answers = (
  args: ReadonlyArray<string>,
  check: (answer: { readonly code: number | null; readonly text: string }) => void
) =>
  Eventually.succeeds(
    Effect.flatMap(furrow(...args), (answer) => Effect.sync(() => check(answer))),
    { within: "60 seconds" }
  )

interface Row {
  readonly name: string
  readonly pid: number
  readonly tree: string
  readonly host: string
  readonly exposed: ReadonlyArray<string>
}

const test = (title: string, body: Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live.skipIf(process.platform !== "linux")(title, () => Effect.scoped(body), 120_000)

/** A name that clears the screen, with both forms of the escape, and reverses the direction of the text. */
const wicked = "a\u001b[2Jb\u009b2Jc\u202ed"

describe("The verbs `ls` and `watch` of furrow read an engine", () => {
  test(
    "G290: `furrow ls` lists the actors of all trees with their tree and host, or the actors of one host, also as JSON",
    Effect.gen(function*() {
      const folder = yield* Folder.make()
      const shop = yield* tree(folder, "shop", "prices")
      const bank = yield* tree(folder, "bank", "accounts")
      const here = ["ls", "--folder", folder, "--host", "here"]
      yield* answers(here, ({ code, text }) => {
        assert.strictEqual(code, 0)
        assert.match(text, /^host +tree +actor +pid +exposes$/m)
        assert.match(text, /^here +shop +prices +\d+ +count$/m)
        assert.match(text, /^here +bank +accounts +\d+ +count$/m)
        assert.lengthOf(text.match(/ neighbour /g) ?? [], 2)
      })
      const rows = JSON.parse((yield* furrow(...here, "--json")).text) as ReadonlyArray<Row>
      const prices = rows.find(({ name }) => name === "prices")!
      assert.isTrue(Processes.isAlive(prices.pid))
      assert.deepInclude(prices, { tree: "shop", host: "here", exposed: ["count"] })
      assert.include(rows.map(({ pid }) => pid), bank.pid)
      // A filter for another host leaves out the actors of this host.
      const { text } = yield* furrow("ls", "--folder", folder, "--host", "there")
      assert.include(text, "prices")
      assert.notInclude(text, "neighbour")
      yield* shop.signal("SIGTERM")
      yield* answers(here, ({ text }) => {
        assert.notInclude(text, "prices")
        assert.include(text, "accounts")
      })
    })
  )

  test(
    "G290: `furrow watch` prints actors that exist, actors that end, and actors that are lost with their tree",
    Effect.gen(function*() {
      const folder = yield* Folder.make()
      const shop = yield* tree(folder, "shop", "prices")
      const watch = yield* follow("watch", "--folder", folder)
      yield* watch.says(/ up {3}prices \(\d+\) of shop on here: exposes count$/m, patient)
      const bank = yield* tree(folder, "bank", "accounts")
      yield* watch.says(/ up {3}accounts \(\d+\) of bank on here: exposes count$/m, patient)
      yield* bank.signal("SIGUSR1")
      yield* watch.says(/ down accounts \(\d+\) of bank on here: ended$/m, patient)
      assert.notMatch(watch.stdout(), / down root/)
      yield* bank.signal("SIGTERM")
      yield* watch.says(/ down root \(\d+\) of bank on here: stale$/m, patient)
      assert.isTrue(Processes.isAlive(shop.pid))
      assert.lengthOf(watch.stdout().match(/ up {3}prices/g)!, 1)
    })
  )

  test(
    "G290: `furrow ls` and `furrow watch` escape control characters in names of actors, in text and in JSON",
    Effect.gen(function*() {
      const folder = yield* Folder.make()
      yield* tree(folder, wicked, wicked)
      yield* answers(["ls", "--folder", folder], ({ text }) => assert.include(text, "count"))
      for (const verb of ["ls", "watch"]) {
        for (const json of [[], ["--json"]]) {
          const program = yield* follow(verb, "--folder", folder, ...json)
          yield* program.says(/count/, patient)
          const text = program.stdout()
          assert.notMatch(text.replaceAll("\n", ""), /[\p{Cc}\p{Cf}]/u, text)
          assert.match(
            text,
            json.length === 0 ? /a\\u\{1b\}\[2Jb\\u\{9b\}2Jc\\u\{202e\}d/ : /a\\u001b\[2Jb\\u009b2Jc\\u202ed/
          )
        }
      }
      const rows = JSON.parse((yield* furrow("ls", "--folder", folder, "--json")).text) as ReadonlyArray<Row>
      assert.include(rows.map(({ name }) => name), wicked)
    })
  )

  test(
    "G290: `furrow ls` and `furrow watch` report a folder in which no tree was listed, and do not change the folder",
    Effect.gen(function*() {
      const folder = Path.join(yield* Folder.make(), "mistyped")
      Fs.mkdirSync(folder, { mode: 0o755 })
      for (const verb of ["ls", "watch"]) {
        const { code, errors } = yield* furrow(verb, "--folder", folder)
        assert.strictEqual(code, 4)
        assert.include(errors, `no tree has been listed in ${folder}`)
      }
      assert.deepStrictEqual(Fs.readdirSync(folder), [])
      assert.strictEqual(Fs.statSync(folder).mode & 0o777, 0o755)
    })
  )
})
