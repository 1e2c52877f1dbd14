import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { PassThrough } from "node:stream"
import { promisify } from "node:util"
import { environment, inheritedFlags, isPreloading, resolvedFlags } from "../src/internal/arguments.ts"
import { open } from "../src/internal/outlet.ts"
import { copy, maxHoldMillis, maxLineBytes, Tail, unfinishedLineMillis } from "../src/internal/output.ts"
import { flood, line, mumble, print, shout } from "./fixtures/talking.ts"
import { evidence, fixture, withActors } from "./support.ts"

const many = 10_000

/** Checks that the text has every line of every speaker, whole and in order, and nothing else. */
const check = (text: string, count: number, step: number, last: boolean) => {
  assert.isTrue(text.endsWith("\n"))
  const lines = text.slice(0, -1).split("\n")
  for (const speaker of ["anna", "bert"]) {
    const expected = Array.from({ length: count / step }, (_, i) => line(speaker, i * step))
    if (last) expected.push(`${speaker} has no more to say`)
    const said = lines.filter((line) => line.startsWith(`${speaker} `))
    // Only the lengths are compared first, because a difference of the texts would print megabytes.
    assert.strictEqual(said.length, expected.length)
    assert.isUndefined(said.find((line, i) => line !== expected[i]))
  }
  assert.strictEqual(lines.filter((line) => !/^(anna|bert) /.test(line)).join("\n"), "")
  return lines
}

describe("The output of actors", () => {
  it.live(
    "the output of two actors that write concurrently is passed on in whole lines",
    () =>
      Effect.gen(function*() {
        const program = yield* Program.start(fixture("mains/talk.ts"), { args: [yield* evidence, String(many)] })
        assert.deepStrictEqual(yield* program.ended({ within: "40 seconds" }), { code: 0, signal: null })
        const lines = check(program.stdout(), many, 1, true)
        check(program.stderr(), many, 10, false)
        // The speakers did write at once, because otherwise the test would prove nothing.
        const changes = lines.filter((line, i) => i > 0 && line.slice(0, 4) !== lines[i - 1]!.slice(0, 4)).length
        assert.isAbove(changes, 5)
      }).pipe(Effect.scoped),
    60_000
  )

  it.live("the output of an actor whose streams are inherited goes directly to its parent's streams", () =>
    Effect.gen(function*() {
      const program = yield* Program.start(fixture("mains/talk.ts"), { args: [yield* evidence, "100", "inherit"] })
      assert.deepStrictEqual(yield* program.ended(), { code: 0, signal: null })
      assert.include(program.stdout(), line("anna", 99))
      assert.include(program.stderr(), line("bert", 90))
    }).pipe(Effect.scoped))

  it.live("the characters in an actor's output are joined again where their bytes arrive in several chunks", () =>
    withActors(Effect.gen(function*() {
      const written: Array<Buffer> = []
      const write = process.stderr.write.bind(process.stderr)
      process.stderr.write = ((chunk: Buffer) => {
        written.push(chunk)
        return true
      }) as typeof process.stderr.write
      yield* Effect.ensuring(
        Actor.runInActor(mumble()),
        Effect.sync(() => {
          process.stderr.write = write
        })
      )
      assert.strictEqual(Buffer.concat(written).toString(), "první řádek 🐎\ndruhý řádek 🦄\n")
    })))

  it.live("an actor that has answered ends only when its output has been read to the end by a slow reader", () =>
    withActors(Effect.gen(function*() {
      let lines = 0
      const write = process.stderr.write.bind(process.stderr)
      process.stderr.write = ((chunk: string) => {
        // The first pause is longer than the time that an actor has to exit after its Bye.
        setTimeout(() => process.stderr.emit("drain"), lines === 0 ? 1500 : 0)
        lines += String(chunk).split("\n").length - 1
        return false
      }) as typeof process.stderr.write
      yield* Effect.ensuring(
        Actor.runInActor(flood({ lines: 5000 })),
        Effect.sync(() => {
          process.stderr.write = write
        })
      )
      assert.strictEqual(lines, 5000)
    })))

  it.live("G109: an actor's output is passed on unchanged: a line of 200 KB, bytes that are not UTF-8, and progress without a newline", () =>
    Effect.gen(function*() {
      const print = (what: string) => Program.start(fixture("mains/print.ts"), { args: [what] })
      const long = yield* print("long")
      assert.deepStrictEqual(yield* long.ended(), { code: 0, signal: null })
      assert.strictEqual(long.stdout(), `${"x".repeat(200_000)}\n`)
      const binary = yield* print("binary")
      assert.deepStrictEqual(yield* binary.ended(), { code: 0, signal: null })
      assert.strictEqual(binary.stdout(), Buffer.from([0x1f, 0x8b, 0xff, 0xfe, 0x80, 0x00]).toString())
      const progress = yield* print("progress")
      yield* Eventually.holds("progress is seen", () => progress.stdout() === "20%" || undefined)
      assert.deepStrictEqual(yield* progress.ended(), { code: 0, signal: null })
      assert.strictEqual(progress.stdout(), "20%")
    }).pipe(Effect.scoped))

  it.live("an actor's error shows the last twenty lines of its stderr", () =>
    withActors(Effect.gen(function*() {
      const error = yield* Effect.flip(Actor.runInActor(shout({ lines: 50 })))
      assert.instanceOf(error, ActorError.ActorLost)
      assert.deepStrictEqual(
        (error as ActorError.ActorLost).stderr,
        Array.from({ length: 20 }, (_, i) => `line ${i + 31}`)
      )
    })))
})

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Copies several sources to one target, and returns what has arrived. */
const joined = (count: number) => {
  const target = new PassThrough()
  let arrived = Buffer.alloc(0)
  target.on("data", (chunk: Buffer) => {
    arrived = Buffer.concat([arrived, chunk])
  })
  const sources = Array.from({ length: count }, () => new PassThrough())
  for (const source of sources) copy(source, target)
  return { sources, bytes: () => arrived, text: () => arrived.toString() }
}

describe("The options stdout and stderr of an actor's start say where the actor's output goes", () => {
  /** Returns the output of a root whose actor prints "said" on stdout and "complained" on stderr. */
  const outputOf = (start: object, tree: object = {}) =>
    Effect.gen(function*() {
      const args = ["lines", JSON.stringify(start), JSON.stringify(tree)]
      const program = yield* Program.start(fixture("mains/print.ts"), { args })
      assert.deepStrictEqual(yield* program.ended(), { code: 0, signal: null })
      return { stdout: program.stdout(), stderr: program.stderr() }
    })

  it.live(
    "G110: the options stdout and stderr send an actor's stream to the parent's stream, to the parent's other stream, or nowhere",
    () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* outputOf({}), { stdout: "said\n", stderr: "complained\n" })
        assert.deepStrictEqual(yield* outputOf({ stdout: "stderr", stderr: "stdout" }), {
          stdout: "complained\n",
          stderr: "said\n"
        })
        assert.deepStrictEqual(yield* outputOf({ stdout: "ignore", stderr: "ignore" }), { stdout: "", stderr: "" })
      }).pipe(Effect.scoped),
    30_000
  )

  it.live(
    "G110: the options stdout and stderr of a spawner hold for the whole tree, and the start of an actor may override them",
    () =>
      Effect.gen(function*() {
        const tree = { stdout: "stderr", stderr: "ignore" }
        assert.deepStrictEqual(yield* outputOf({}, tree), { stdout: "", stderr: "said\n" })
        assert.deepStrictEqual(yield* outputOf({ stderr: "stdout" }, tree), {
          stdout: "complained\n",
          stderr: "said\n"
        })
      }).pipe(Effect.scoped),
    30_000
  )

  it.live("G110: the options stdout and stderr can log each line with the actor's name, with the lines of stderr as warnings", () =>
    withActors(Effect.gen(function*() {
      const logged: Array<readonly [level: string, message: unknown, actor: unknown]> = []
      const logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
        const { actor } = fiber.getRef(References.CurrentLogAnnotations)
        logged.push([logLevel, message, String(actor).replace(/\d+$/, "<pid>")])
      })
      yield* Actor.runInActor(print({ what: "lines" }), { stdout: "log", stderr: "log" }).pipe(
        Effect.provide(Logger.layer([logger]))
      )
      assert.sameDeepMembers(logged, [
        ["Info", ["said"], "print@<pid>"],
        ["Warn", ["complained"], "print@<pid>"]
      ])
    })))

  it.live("G110: the options stdout and stderr can pass all bytes of an actor to a function", () =>
    withActors(Effect.gen(function*() {
      const pieces: Array<Uint8Array> = []
      let busy = 0
      let most = 0
      const stdout = async (bytes: Uint8Array) => {
        most = Math.max(most, ++busy)
        pieces.push(bytes)
        await turn()
        busy--
      }
      yield* Actor.runInActor(print({ what: "long" }), { stdout })
      yield* Eventually.holds("all bytes are there", () => Buffer.concat(pieces).length === 200_001 || undefined)
      assert.strictEqual(Buffer.concat(pieces).toString(), `${"x".repeat(200_000)}\n`)
      assert.strictEqual(most, 1)
    })))

  it.live("G110: an output function gets each chunk of an actor's output only after its promise for the previous chunk has resolved", () =>
    Effect.promise(async () => {
      const source = new PassThrough()
      const pieces: Array<string> = []
      let fulfil = () => {}
      const sink = (bytes: Uint8Array) => {
        pieces.push(Buffer.from(bytes).toString())
        return new Promise<void>((resolve) => (fulfil = resolve))
      }
      open(source, sink, { tail: undefined, line: () => {}, failed: () => {} })
      source.write("first")
      await turn()
      source.write("second")
      await turn()
      assert.deepStrictEqual(pieces, ["first"])
      assert.isTrue(source.isPaused())
      fulfil()
      await turn()
      assert.deepStrictEqual(pieces, ["first", "second"])
    }))

  it.live("G110: an output function that fails gets no further output of its actor, its failure is logged once, and the actor goes on", () =>
    withActors(Effect.gen(function*() {
      const logged: Array<unknown> = []
      const logger = Logger.make<unknown, void>(({ message }) => void logged.push(message))
      let calls = 0
      const stdout = () => {
        calls++
        throw new Error("full")
      }
      yield* Actor.runInActor(print({ what: "long" }), { stdout }).pipe(Effect.provide(Logger.layer([logger])))
      assert.strictEqual(calls, 1)
      assert.strictEqual(logged.length, 1)
      assert.match(
        String(logged[0]),
        /^The option stdout of actor "print" \(process \d+\) is a function that has failed: what else it writes is dropped/
      )
    })))

  it.live("the error of a lost actor contains the last lines of the actor's stderr, whatever the target of this stderr is", () =>
    withActors(Effect.gen(function*() {
      for (const stderr of ["ignore", "log", () => {}] as const) {
        const error = yield* Effect.flip(Actor.runInActor(shout({ lines: 2 }), { stderr })).pipe(
          Effect.provide(Logger.layer([]))
        )
        assert.deepStrictEqual((error as ActorError.ActorLost).stderr, ["line 1", "line 2"])
      }
    })))

  it.live("an actor's start is refused where its option stdout or stderr has an unknown value", () =>
    withActors(Effect.gen(function*() {
      const error = yield* Effect.flip(Actor.runInActor(shout({ lines: 2 }), { stderr: "pipe" as "log" }))
      assert.instanceOf(error, ActorError.SpawnFailed)
      assert.strictEqual(
        (error as ActorError.SpawnFailed).reason,
        "the option stderr is \"pipe\": use one of stdout, stderr, log, ignore, inherit, or a function of bytes"
      )
    })))
})

describe("The copying of an actor's output to its target keeps lines whole", () => {
  it.live("copying an actor's output by lines pauses the source when the target is slow, and keeps at most one line and one chunk in memory", () =>
    Effect.promise(async () => {
      const source = new PassThrough()
      const target = new PassThrough({ highWaterMark: 16 })
      copy(source, target)
      source.write("a line that is longer than the target takes\n")
      await new Promise((resolve) => setImmediate(resolve))
      assert.isTrue(source.isPaused())
      target.resume()
      await new Promise((resolve) => setTimeout(resolve, 10))
      assert.isFalse(source.isPaused())
    }))

  it.live("copying an actor's output by lines reads the rest of an exited process's output although the target has no room yet", () =>
    Effect.promise(async () => {
      const source = new PassThrough()
      const target = new PassThrough({ highWaterMark: 16 })
      const tail = new Tail()
      const readTheRest = copy(source, target, tail)
      source.write("a line that is longer than the target takes\n")
      await new Promise((resolve) => setImmediate(resolve))
      source.write("the last words\n")
      await new Promise((resolve) => setImmediate(resolve))
      assert.notInclude(tail.last, "the last words")
      readTheRest()
      await new Promise((resolve) => setImmediate(resolve))
      assert.include(tail.last, "the last words")
    }))

  it.live("several sources of output wait for a slow target, and all sources go on when the target loses its reader", () =>
    Effect.promise(async () => {
      const target = new PassThrough({ highWaterMark: 16 })
      const sources = Array.from({ length: 20 }, () => new PassThrough())
      for (const source of sources) {
        copy(source, target)
        source.write("a line that is longer than the target takes\n")
      }
      await new Promise((resolve) => setImmediate(resolve))
      assert.isTrue(sources.every((source) => source.isPaused()))
      const listening = () => target.listenerCount("drain") + target.listenerCount("close")
      assert.isAtMost(listening(), 2)
      target.destroy()
      await new Promise((resolve) => target.once("close", resolve))
      assert.isTrue(sources.every((source) => !source.isPaused()))
      assert.strictEqual(listening(), 0)
    }))

  it.live("G109: copying an actor's output by lines keeps lines of 100 KB whole where two sources write them concurrently in chunks", () =>
    Effect.gen(function*() {
      const { text, sources: [a, b] } = joined(2)
      const lines = ["a", "b"].map((letter) => letter.repeat(100_000))
      for (let at = 0; at < 100_000; at += 10_000) {
        a!.write(lines[0]!.slice(at, at + 10_000))
        b!.write(lines[1]!.slice(at, at + 10_000))
        yield* Effect.promise(turn)
      }
      a!.end("\n")
      b!.end("\n")
      yield* Eventually.holds("both lines are there", () => text().length === 200_002 || undefined)
      assert.sameMembers(text().slice(0, -1).split("\n"), lines)
    }))

  it.live("G109: copying an actor's output by lines keeps bytes that are not UTF-8, and adds no bytes at the end", () =>
    Effect.gen(function*() {
      const { bytes, sources: [source] } = joined(1)
      const written = Buffer.from([0x1f, 0x8b, 0xff, 0x0a, 0xfe, 0x80, 0x00])
      for (const byte of written) {
        source!.write(Buffer.from([byte]))
        yield* Effect.promise(turn)
      }
      source!.end()
      yield* Eventually.holds("all bytes are there", () => bytes().length >= written.length || undefined)
      yield* Effect.promise(turn)
      assert.deepStrictEqual(bytes(), written)
    }))

  it.live("G109: copying an actor's output by lines passes on an unfinished line after a short time", () =>
    Effect.gen(function*() {
      const { sources: [source], text } = joined(1)
      const start = performance.now()
      source!.write("20%")
      yield* Effect.promise(turn)
      assert.strictEqual(text(), "")
      yield* Eventually.holds("the unfinished line is there", () => text() === "20%" || undefined)
      assert.isAtLeast(performance.now() - start, unfinishedLineMillis - 1)
      source!.write("\r40%")
      yield* Eventually.holds("so is what follows it", () => text() === "20%\r40%" || undefined)
    }))

  it.live("G109: copying an actor's output by lines keeps only a bounded part of an unfinished line, and other sources wait until the line ends", () =>
    Effect.gen(function*() {
      const { sources: [long, short], text } = joined(2)
      long!.write("x".repeat(maxLineBytes + 1))
      yield* Eventually.holds("the part is there", () => text().length > maxLineBytes || undefined)
      short!.write("short\n")
      yield* Effect.promise(turn)
      long!.write("x".repeat(maxLineBytes))
      long!.write("\nnext\n")
      yield* Eventually.holds("all lines are there", () => text().endsWith("short\n") || undefined)
      assert.strictEqual(text(), `${"x".repeat(2 * maxLineBytes + 1)}\nnext\nshort\n`)
    }))

  it.live("G109: copying an actor's output by lines lets other sources write when an unfinished line does not end in time", () =>
    Effect.gen(function*() {
      const { sources: [prompt, other], text } = joined(2)
      prompt!.write("Password: ")
      yield* Eventually.holds("the prompt is there", () => text() === "Password: " || undefined)
      const start = performance.now()
      other!.write("a line\n")
      yield* Eventually.holds("the line is there", () => text() === "Password: a line\n" || undefined)
      assert.isAtLeast(performance.now() - start, maxHoldMillis - 1)
      assert.isFalse(other!.isPaused())
    }))

  it.live("G109: in output that is copied by lines, a line waits behind another actor's unfinished line until the output of that actor ends", () =>
    Effect.gen(function*() {
      const { sources: [first, second], text } = joined(2)
      first!.write("unfinished")
      yield* Eventually.holds("the beginning is there", () => text() === "unfinished" || undefined)
      const start = performance.now()
      second!.write("a line\n")
      yield* Effect.promise(turn)
      assert.strictEqual(text(), "unfinished")
      first!.end(" no more")
      yield* Eventually.holds("the line is there", () => text() === "unfinished no morea line\n" || undefined)
      assert.isBelow(performance.now() - start, maxHoldMillis)
    }))
})

describe("The last lines of an actor's stderr are kept for errors", () => {
  it("the last twenty lines of an actor's output stream are kept, including an unfinished line, and long lines are cut", () => {
    const tail = new Tail()
    for (const byte of Buffer.from("kůň\n")) tail.write(Buffer.from([byte]))
    assert.deepStrictEqual(tail.last, ["kůň"])
    tail.write(Buffer.from(`${"x".repeat(5000)}\n`))
    for (let i = 0; i < 5; i++) tail.write(Buffer.from("y".repeat(1000)))
    assert.deepStrictEqual(tail.last, ["kůň", `${"x".repeat(1024)}…`, `${"y".repeat(1024)}…`])
    tail.write(Buffer.from("\n".repeat(100)))
    assert.strictEqual(tail.last.length, 20)
  })
})

describe("The process of an actor gets the flags of Node with which its parent was started", () => {
  it("the command line of an actor keeps its parent's runtime flags, and drops flags for debugging, watching and tests", () => {
    const flags = [
      "--conditions=furrow-source",
      "--inspect=0",
      "--inspect-brk",
      "--watch",
      "--watch-path=src",
      "--test",
      "--test-reporter=spec",
      "--cpu-prof",
      "--enable-source-maps",
      "-e",
      "1 + 1",
      "--eval",
      "2 + 2",
      "-p",
      "3",
      "--eval=4",
      "--input-type=module",
      "--import",
      "./loader.js",
      "--max-old-space-size=100"
    ]
    assert.deepStrictEqual(inheritedFlags(flags), [
      "--conditions=furrow-source",
      "--enable-source-maps",
      "--import",
      "./loader.js",
      "--max-old-space-size=100"
    ])
  })

  it("the command line of an actor leaves out the parent's flags for debugging, watching and tests together with the values of these flags", () => {
    assert.deepStrictEqual(
      inheritedFlags([
        "--inspect-port",
        "9230",
        "--watch-path",
        "src",
        "--test-name-pattern",
        "x",
        "-c",
        "--conditions",
        "y",
        "-e",
        "--not-a-flag"
      ]),
      ["--conditions", "y"]
    )
  })

  it("a module that a program preloads is recognised on the command line of a process and in its environment", () => {
    for (const flags of [["--import", "x"], ["--import=x"], ["-r", "x"], ["--require=x"], ["--loader=x"]]) {
      assert.isTrue(isPreloading(["--no-warnings", ...flags]), flags.join(" "))
      assert.isTrue(isPreloading([], `--no-warnings ${flags.join(" ")}`), flags.join(" "))
    }
    assert.isFalse(isPreloading(["--no-warnings", "--conditions=--import", "--important"], "--enable-source-maps"))
    assert.isFalse(isPreloading([]))
  })

  it("relative paths on an actor's command line are resolved in the folder in which the actor's parent was started", () => {
    const flags = [
      "--env-file=my.env",
      "--env-file-if-exists",
      "other.env",
      "--import=./pre.mjs",
      "--import",
      "../pre.mjs",
      "--import",
      "a-package",
      "-r",
      "./hook.cjs",
      "--conditions=./as-it-is"
    ]
    assert.deepStrictEqual(resolvedFlags(flags, "/started/in"), [
      "--env-file=/started/in/my.env",
      "--env-file-if-exists",
      "/started/in/other.env",
      "--import=file:///started/in/pre.mjs",
      "--import",
      "file:///started/pre.mjs",
      "--import",
      "a-package",
      "-r",
      "/started/in/hook.cjs",
      "--conditions=./as-it-is"
    ])
    const options = { NODE_OPTIONS: "--import ./pre.mjs --enable-source-maps" }
    assert.deepStrictEqual(environment(options, undefined, false, "/started/in"), {
      NODE_OPTIONS: "--import file:///started/in/pre.mjs --enable-source-maps"
    })
  })

  it.live("relative paths in the parent's flags of Node lead to the parent's folder even in an actor with another working directory", () =>
    Effect.gen(function*() {
      const cwd = yield* Folder.make()
      const elsewhere = yield* Folder.make()
      Fs.writeFileSync(Path.join(cwd, "my.env"), "FROM_FILE=yes")
      Fs.writeFileSync(Path.join(cwd, "pre.mjs"), "globalThis.loaded = process.cwd()")
      const flags = [...process.execArgv, "--env-file=my.env", "--import", "./pre.mjs"]
      const args = [...flags, fixture("mains/elsewhere.ts"), elsewhere]
      const { stdout } = yield* Effect.promise(() =>
        promisify(ChildProcess.execFile)(process.execPath, args, { cwd, timeout: 20_000 })
      )
      assert.strictEqual(stdout, `yes ${elsewhere}\n`)
    }).pipe(Effect.scoped))

  it("an actor gets the inherited environment variables that its options allow, the variables that they set, and FORCE_COLOR on a terminal", () => {
    const ours = { PATH: "/bin", SECRET: "s", NOTHING: undefined }
    assert.deepStrictEqual(environment(ours, undefined, false, "/started"), ours)
    assert.deepStrictEqual(environment(ours, { inherit: ["PATH"], set: { A: "1" } }, false, "/started"), {
      PATH: "/bin",
      A: "1"
    })
    assert.deepStrictEqual(environment({}, undefined, true, "/started"), { FORCE_COLOR: "1" })
    assert.deepStrictEqual(environment({ NO_COLOR: "1" }, undefined, true, "/started"), { NO_COLOR: "1" })
    assert.deepStrictEqual(environment({}, { set: { FORCE_COLOR: "0" } }, true, "/started"), { FORCE_COLOR: "0" })
    const debugged = "--inspect-brk=0 --conditions=a --inspect --enable-source-maps --inspect-port=1"
    assert.deepStrictEqual(
      environment({ NODE_OPTIONS: debugged }, undefined, false, "/started"),
      { NODE_OPTIONS: "--conditions=a --enable-source-maps" }
    )
    assert.deepStrictEqual(
      environment({ NODE_OPTIONS: debugged }, { set: { NODE_OPTIONS: "--inspect" } }, false, "/started"),
      { NODE_OPTIONS: "--inspect" }
    )
  })
})
