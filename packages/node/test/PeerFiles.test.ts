/** Tests the visible traces of a tree whose actors dial each other: its folder and sockets, and never its secret. */
import { assert, describe, it } from "@effect/vitest"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Leaks from "@furrow/testing/Leaks"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { meet } from "./fixtures/peers.ts"
import { entries, inTree, listsOnly, treeFolder } from "./fixtures/peersTree.ts"
import { fixture } from "./support.ts"

const patient = { within: "25 seconds" } as const

const mode = (path: string) => (Fs.lstatSync(path).mode & 0o777).toString(8)

/** Returns the names of the actors that have a socket in a folder. */
const listening = (folder: string) => entries(folder).map((name) => name.replace(/@\d+\.sock$/, "")).sort()

const nothingIn = (runtime: string) =>
  Eventually.succeeds(
    Effect.sync(() => assert.deepStrictEqual(entries(runtime), [])),
    { within: "20 seconds", what: "the tree's folder is gone" }
  )

const nobodyLeft = (program: Program.Program) =>
  Eventually.succeeds(
    Effect.sync(() => assert.deepStrictEqual(program.left().map(Processes.describe), [])),
    { within: "20 seconds", what: "nothing is left of the program" }
  )

/** Runs the main program until it is ready. */
const start = (how: string, ...guard: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const folder = yield* Folder.make()
    const runtime = Path.join(folder, "run")
    const program = yield* Program.start(fixture("mains/peers.ts"), {
      args: [how, runtime, Path.join(folder, "said"), ...guard]
    })
    yield* program.says(/^ready$/m, patient)
    return { program, runtime }
  })

const test = (title: string, effect: Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(title, () => Leaks.withoutLeaks(Effect.scoped(effect)))

describe("The folder of a tree's sockets is private, and is removed with the tree", () => {
  it.live("a tree's folder and its sockets are private, and each socket is removed with its actor, however the actor ends", () =>
    inTree(["a", "p", "p/b", "q", "q/c"], (tree) =>
      Effect.gen(function*() {
        const a = yield* tree.at("a")
        for (const name of ["b", "c"]) yield* a.run(meet({ name, file: tree.file }))
        yield* (yield* tree.at("p")).run(meet({ name: "a", file: tree.file }))
        const folder = treeFolder(tree.runtime)
        assert.match(Path.basename(folder), new RegExp(`^${process.pid}-[0-9a-f]{8}$`))
        assert.deepStrictEqual([mode(tree.runtime), mode(folder)], ["700", "700"])
        assert.deepStrictEqual(listening(folder), ["a", "b", "c"])
        for (const name of entries(folder)) {
          assert.strictEqual(mode(Path.join(folder, name)), "600")
          assert.isTrue(Fs.lstatSync(Path.join(folder, name)).isSocket())
        }
        process.kill((yield* tree.at("b")).actor.pid, "SIGKILL")
        yield* listsOnly(["root", "a", "p", "q", "c"])
        yield* Eventually.succeeds(
          Effect.sync(() => assert.deepStrictEqual(listening(folder).filter((name) => name !== "root"), ["a", "c"])),
          { what: "the socket of the dead is gone" }
        )
        yield* (yield* tree.at("c")).cancel()
        yield* Eventually.succeeds(
          Effect.sync(() => assert.deepStrictEqual(listening(folder).filter((name) => name !== "root"), ["a"])),
          { what: "the socket of who was cancelled is gone" }
        )
      })))

  for (const lost of ["the socket of an actor", "the folder"]) {
    it.live(`G76: the folder of a tree and its sockets are made again after a deletion when an actor asks for another actor's address (deleted: ${lost})`, () =>
      inTree(["a", "b", "p", "p/c"], (tree) =>
        Effect.gen(function*() {
          const [a, b] = [yield* tree.at("a"), yield* tree.at("b")]
          const c = (yield* tree.at("c")).actor
          yield* a.run(meet({ name: "c", file: tree.file }))
          const folder = treeFolder(tree.runtime)
          if (lost === "the folder") Fs.rmSync(tree.runtime, { recursive: true })
          else for (const name of entries(folder)) Fs.rmSync(Path.join(folder, name))
          const met = yield* b.run(meet({ name: "c", file: tree.file }))
          assert.strictEqual(met.pid, c.pid)
          // The connection from before is still the same.
          assert.strictEqual((yield* a.run(meet({ name: "c", file: tree.file }))).pid, c.pid)
          assert.deepStrictEqual(mode(treeFolder(tree.runtime)), "700")
          assert.include(listening(treeFolder(tree.runtime)), "c")
          yield* listsOnly(["root", "a", "b", "p", "c"])
        })))
  }

  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    test(
      `when a signal ends a root, the names of its actors are removed first and then the folder of the tree (signal: ${signal})`,
      Effect.gen(function*() {
        const { program, runtime } = yield* start("tree")
        assert.deepStrictEqual(listening(treeFolder(runtime)), ["a", "b"])
        yield* program.signal(signal)
        assert.deepStrictEqual(yield* program.ended(patient), { code, signal: null })
        assert.deepStrictEqual(entries(runtime), [])
        assert.match(program.stdout(), /listed: a b p root\n/)
        assert.match(program.stdout(), /left: root\n/)
        yield* nobodyLeft(program)
      })
    )
  }

  test(
    "the folder of a tree is removed by the warden after SIGKILL of the root",
    Effect.gen(function*() {
      const { program, runtime } = yield* start("tree")
      yield* program.signal("SIGKILL")
      assert.deepStrictEqual(yield* program.ended(patient), { code: null, signal: "SIGKILL" })
      yield* nobodyLeft(program)
      yield* nothingIn(runtime)
    })
  )

  test(
    "the folder of a tree is removed after a second Ctrl-C although a listening actor hangs, even without a warden",
    Effect.gen(function*() {
      const { program, runtime } = yield* start("stuck", "none")
      assert.deepStrictEqual(listening(treeFolder(runtime)), ["a", "b", "stuck"])
      yield* program.signal("SIGINT")
      yield* Eventually.succeeds(
        Effect.sync(() => assert.deepStrictEqual(listening(treeFolder(runtime)), ["stuck"])),
        { within: "20 seconds", what: "those that can have ended" }
      )
      assert.isTrue(Processes.isAlive(program.pid))
      // A second SIGINT within one second would count as the same Ctrl-C.
      yield* Eventually.pause("1200 millis")
      yield* program.signal("SIGINT")
      assert.deepStrictEqual(yield* program.ended(patient), { code: 130, signal: null })
      assert.deepStrictEqual(entries(runtime), [])
      yield* nobodyLeft(program)
    })
  )
})

/** Returns the forms in which bytes may be printed. */
const forms = (secret: Buffer): ReadonlyArray<string> => {
  const piece = secret.subarray(4, 16)
  const numbers = Array.from(piece)
  return [
    piece.toString("hex"),
    numbers.map((n) => n.toString(16).padStart(2, "0")).join(" "),
    // The base64 of a part equals a part of the whole base64 where it begins at a multiple of three bytes.
    secret.subarray(3, 18).toString("base64"),
    secret.subarray(3, 18).toString("base64url"),
    numbers.join(","),
    numbers.join(", "),
    numbers.map((n, i) => `"${i + 4}":${n}`).join(",")
  ]
}

/** The form that `inspect` prints, over several lines or in one. */
const flat = (text: string) => text.replace(/\s+/g, " ")

describe("The secret of a tree appears nowhere outside of the tree's processes", () => {
  test(
    "the secret of a tree appears in no command line, no environment, no file and no output of a program",
    Effect.gen(function*() {
      const folder = yield* Folder.make()
      const [runtime, secretFile, said] = ["run", "secret", "said"].map((name) => Path.join(folder, name))
      const program = yield* Program.start(fixture("mains/noisy.ts"), {
        args: [runtime!, secretFile!, said!]
      })
      yield* program.says(/^ready$/m, patient)
      const secret = Fs.readFileSync(secretFile!)
      assert.strictEqual(secret.length, 32)
      const processes = [program.pid, ...program.left().map(({ pid }) => pid)]
      // The processes are the root, its five remaining actors, and the warden.
      assert.isAtLeast(processes.length, 7)
      const raw = processes.flatMap((pid) =>
        ["cmdline", "environ"].map((name) => [`${name} of ${pid}`, Fs.readFileSync(`/proc/${pid}/${name}`)] as const)
      )
      yield* program.signal("SIGINT")
      assert.deepStrictEqual(yield* program.ended(patient), { code: 130, signal: null })
      const shown = program.stdout() + program.stderr()
      // Every searched place did contain output, so that the search means something.
      const signs = "PeerConnected SpawnFailed ActorLost ActorUnreachable statistics everything DEBUG TRACE channel"
      for (const sign of signs.split(" ")) assert.include(shown, sign)
      const texts = [...raw, ["output", Buffer.from(shown)], ["what was said", Fs.readFileSync(said!)]] as const
      for (const [where, bytes] of texts) {
        assert.isFalse(bytes.includes(secret.subarray(4, 12)), `the secret itself is in the ${where}`)
        const text = flat(bytes.toString("latin1"))
        for (const form of forms(secret)) assert.isFalse(text.includes(form), `${form} is in the ${where}`)
      }
      yield* nobodyLeft(program)
    })
  )

  it("the test helper that searches for a secret finds the secret in a text in every encoding, such as hex, base64 or JSON", () => {
    const secret = Buffer.from(Array.from({ length: 32 }, (_, n) => (n * 37 + 11) % 256))
    const bytes = new Uint8Array(secret)
    const shown = [
      secret.toString("hex"),
      secret.toString("base64"),
      secret.toString("base64url"),
      JSON.stringify(bytes),
      JSON.stringify([...bytes]),
      [...bytes].join(", ")
    ]
    for (const text of shown) assert.isTrue(forms(secret).some((form) => flat(text).includes(form)), text)
  })
})
