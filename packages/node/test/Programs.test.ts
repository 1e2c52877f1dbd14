/** Tests external programs as real processes: how they start, end, and are ended. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Actor, Supervisor } from "@furrow/actor"
import type { ActorRuntime } from "@furrow/actor/ActorRuntime"
import { Program } from "@furrow/node"
import { prepare } from "@furrow/node/internal/program/Launch"
import * as Life from "@furrow/node/internal/program/Life"
import { Lines } from "@furrow/node/internal/program/Lines"
import * as Eventually from "@furrow/testing/Eventually"
import * as Processes from "@furrow/testing/Processes"
import * as RootProgram from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as PlatformError from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import { type ChildProcessHandle, ChildProcessSpawner, make as makeSpawner } from "effect/process/ChildProcessSpawner"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import type { Writable } from "node:stream"
import { family, hurt, Keeper, pids, sh } from "./fixtures/programs.ts"
import { evidence, fixture, timed, withActors } from "./support.ts"

const run = <A, E>(program: Effect.Effect<A, E, ActorRuntime | ChildProcessSpawner | Scope.Scope>) =>
  withActors(Effect.provide(program, NodeServices.layer))

const quiet = { log: false } as const

/** A spawner whose process handles are changed by a function. */
const changing = (change: (handle: ChildProcessHandle) => Effect.Effect<ChildProcessHandle, never, Scope.Scope>) =>
  Effect.updateService(
    ChildProcessSpawner,
    ({ spawn }) => makeSpawner((command) => Effect.flatMap(spawn(command), change))
  )

/** Returns the number of open descriptors of this process. */
const descriptors = (): number => Fs.readdirSync("/proc/self/fd").length

const gone = (pids: ReadonlyArray<number>) =>
  Eventually.succeeds(
    Effect.sync(() => assert.deepStrictEqual(pids.filter(Processes.isAlive), [])),
    { what: "processes are gone" }
  )

describe("An external program in a Scope ends when the Scope closes", () => {
  it.live(
    "G172: a program is ready at its first line that matches, and has ended with its process group when its Scope has closed",
    () =>
      run(Effect.gen(function*() {
        const numbers = yield* Effect.scoped(Effect.gen(function*() {
          const program = yield* Program.make("family", sh(family), { ...quiet, ready: Program.line(/\d+ \d+/) })
          const [line] = yield* program.lastLines
          const numbers = line!.split(" ").map(Number)
          assert.strictEqual(numbers[0], program.pid)
          assert.isTrue(numbers.every(Processes.isAlive))
          return numbers
        }))
        assert.deepStrictEqual(numbers.filter(Processes.isAlive), [])
      })),
    60_000
  )

  it.live(
    "G172: a program is ready at a line that it prints at its start, even where this process is slow to start the program",
    () =>
      run(
        changing((handle) =>
          Effect.succeed(Object.create(handle, {
            getInputFd: {
              value: (fd: number) => Sink.mapEffect(handle.getInputFd(fd), () => Effect.sleep("500 millis"))
            }
          }))
        )(
          Effect.map(
            Program.make("quick", sh("echo up; exec sleep 1000"), {
              ...quiet,
              ready: Program.line("up"),
              within: "10 seconds"
            }),
            ({ pid }) => assert.isTrue(Processes.isAlive(pid))
          )
        )
      ),
    60_000
  )

  it.live(
    "G172: a program begins even where its condition for readiness already holds before its start",
    () =>
      run(Effect.gen(function*() {
        const program = yield* Program.make("begins", sh("echo up"), { ...quiet, ready: () => Effect.void })
        assert.deepInclude(yield* program.exit, { _tag: "Exited", code: 0, lines: ["up"] })
      })),
    15_000
  )

  it.live(
    "G172: a program is ready when its port or its socket accepts a connection",
    () =>
      run(Effect.gen(function*() {
        const path = `${yield* evidence}.sock`
        const listening = (where: string) =>
          ChildProcess.make(process.execPath, [
            "-e",
            `setTimeout(() => require("net").createServer().listen(${where}), 200)`
          ])
        const free = yield* Effect.acquireUseRelease(
          Effect.promise(async () => {
            const server = (await import("node:net")).createServer()
            await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
            return server
          }),
          (server) => Effect.sync(() => (server.address() as { readonly port: number }).port),
          (server) => Effect.promise(() => new Promise<void>((resolve) => void server.close(() => resolve())))
        )
        yield* Program.make("tcp", listening(`${free}, "127.0.0.1"`), { ...quiet, ready: Program.port(free) })
        yield* Program.make("unix", listening(JSON.stringify(path)), { ...quiet, ready: Program.socket(path) })
        assert.isTrue(Fs.existsSync(path))
      })),
    60_000
  )

  it.live(
    "G173: a program that exits before it is ready fails its start with its exit code and its last lines",
    () =>
      run(Effect.gen(function*() {
        const error = yield* Effect.flip(
          Program.make("early", sh("echo one; echo two >&2; exit 7"), { ...quiet, ready: Program.line("never") })
        )
        assert.strictEqual(error._tag, "ProgramFailed")
        assert.strictEqual(error.step, "ready")
        assert.deepInclude(error.exit, { _tag: "Exited", code: 7 })
        assert.sameMembers([...error.lines], ["one", "two"])
        assert.match(
          error.message,
          /the program "early" failed at the step ready: it exited with code 7\nits last lines:/
        )
      })),
    60_000
  )

  it.live(
    "G173: a program that is not ready in time fails its start with its last lines, and none of its processes is left",
    () =>
      run(Effect.gen(function*() {
        const error = yield* Effect.flip(Effect.scoped(
          Program.make("late", sh(family), { ...quiet, ready: Program.line("never"), within: "500 millis" })
        ))
        assert.match(error.message, /it was not ready within 500 ms/)
        assert.strictEqual(error.exit, undefined)
        assert.lengthOf(error.lines, 1)
        yield* gone(error.lines[0]!.split(" ").map(Number))
      })),
    60_000
  )

  it.live(
    "G173: a program whose option `ready` fails is stopped without delay, and its start fails with the typed error of the option `ready`",
    () =>
      run(Effect.gen(function*() {
        let pid = 0
        const error = yield* Effect.flip(Program.make("refused", sh("exec sleep 1000"), {
          ...quiet,
          ready: (program) => {
            pid = program.pid
            return Effect.fail({ _tag: "Refused" } as const)
          }
        }))
        assert.strictEqual(error._tag, "Refused")
        assert.isFalse(Processes.isAlive(pid))
      })),
    60_000
  )

  it.live(
    "G173: the start of a program whose name or path cannot be executed fails with the reason",
    () =>
      run(Effect.gen(function*() {
        const failed = (command: ChildProcess.StandardCommand) => Effect.flip(Program.make("x", command, quiet))
        const byName = yield* failed(ChildProcess.make("furrow-no-such-program", []))
        assert.strictEqual(byName._tag, "ProgramFailed")
        assert.match(byName.message, /failed at the step start: "furrow-no-such-program" is not in PATH/)
        assert.match((yield* failed(ChildProcess.make("/no/such/file", []))).message, /\/no\/such\/file does not exist/)
        assert.match(
          (yield* failed(sh(":", { cwd: "/no/such" }))).message,
          /working directory \/no\/such does not exist/
        )
        assert.match((yield* failed(sh(":", { cwd: "/etc/passwd" }))).message, /\/etc\/passwd .*is no directory/)
        const long = yield* failed(sh(`: ${"x".repeat(4_000_000)}`))
        assert.deepInclude(long, { _tag: "ProgramFailed", step: "start" })
        assert.match(long.message, /E2BIG/)
        assert.match((yield* failed(sh(":", { stdout: "inherit" }))).message, /the option stdout/)
        assert.match((yield* failed(sh(":", { detached: false }))).message, /detached: false/)
      })),
    60_000
  )

  it.live(
    "G174: a program that floods its output is read to the end, and neither a missing reader, a slow reader nor an endless line stops it",
    () =>
      run(Effect.gen(function*() {
        const flood = sh(
          "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; head -c 300000 /dev/zero | tr '\\0' x; echo err >&2"
        )
        const program = yield* Program.make("flood", flood, quiet)
        const slow = yield* Effect.forkChild(
          Stream.runCollect(Stream.tap(program.output, () => Effect.sleep("2 millis"))),
          { startImmediately: true }
        )
        const exit = yield* program.exit
        assert.deepInclude(exit, { _tag: "Exited", code: 0 })
        const { bytes, lines } = yield* program.statistics
        assert.isAbove(bytes, 300_000)
        // 300000 characters without an end come in pieces of 16384.
        assert.strictEqual(lines, 20_000 + Math.ceil(300_000 / 16_384) + 1)
        const read = yield* Fiber.join(slow)
        assert.isBelow(read.length, lines)
        // The reader has missed the oldest lines, and their numbers show the gap.
        assert.isAbove(read.at(-1)!.number, read.length)
      })),
    120_000
  )

  it.live("G174: a program that ends while its lines are logged slowly is read to the end", () => {
    const slow = Logger.make(() => {
      const until = performance.now() + 0.03
      while (performance.now() < until);
    })
    return run(Effect.gen(function*() {
      const program = yield* Program.make("many", ChildProcess.make("seq", ["1", "20000"]))
      const exit = yield* program.exit
      assert.strictEqual((yield* program.statistics).lines, 20_000)
      assert.strictEqual(exit.lines.at(-1), "20000")
    })).pipe(Effect.provide(Logger.layer([slow])))
  }, 60_000)

  it.live(
    "G174: a program that has left a process outside of its process group ends without waiting for this process, and no descriptor stays open",
    () =>
      run(Effect.gen(function*() {
        const before = descriptors()
        const daemons: Array<number> = []
        for (let n = 0; n < 5; n++) {
          const program = yield* Program.make(
            "daemon",
            sh("setsid sh -c 'echo $$; exec sleep 1000' & sleep 0.3"),
            quiet
          )
          const [exit, millis] = yield* timed(program.exit)
          daemons.push(Number(exit.lines[0]))
          assert.isBelow(millis, 10_000)
        }
        yield* Effect.addFinalizer(() => Effect.sync(() => daemons.forEach((pid) => process.kill(pid, "SIGKILL"))))
        assert.isTrue(daemons.every(Processes.isAlive))
        // Each open descriptor would also keep this process running.
        yield* Eventually.succeeds(Effect.sync(() => assert.isAtMost(descriptors(), before + 2)), {
          what: "descriptors are closed"
        })
      })),
    60_000
  )

  it.live(
    "G174: a program gets all variables of its environment, whatever their names are",
    () =>
      run(Effect.gen(function*() {
        const env = { "discovery.type": "single-node", "-x": "a b", "SECRET-KEY": Redacted.make("s=1"), PLAIN: "1" }
        const program = yield* Program.make("env", ChildProcess.make("/usr/bin/env", [], { env }), quiet)
        const { lines } = yield* program.exit
        assert.includeMembers([...lines], ["discovery.type=single-node", "-x=a b", "SECRET-KEY=s=1", "PLAIN=1"])
      })),
    60_000
  )

  it.live(
    "G174: a program gives a late reader its last lines, and its output stream ends when the program ends",
    () =>
      run(Effect.gen(function*() {
        const command = sh("i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo $i; done")
        const program = yield* Program.make("counts", command, quiet)
        yield* program.exit
        const lines = yield* Stream.runCollect(program.output)
        assert.deepStrictEqual(lines.map(({ text }) => Number(text)), Array.from({ length: 64 }, (_, i) => i + 37))
        assert.deepStrictEqual(lines.map(({ number }) => number), lines.map(({ text }) => Number(text)))
      })),
    60_000
  )

  it.live("G174: a program's lines are logged with the program's name, stdout as Info and stderr as Warning", () => {
    const logged: Array<string> = []
    const logger = Logger.make(({ fiber, logLevel, message }) => {
      const { program } = fiber.getRef(References.CurrentLogAnnotations)
      if (program !== undefined) logged.push(`${program} ${logLevel} ${message}`)
    })
    return run(Effect.gen(function*() {
      const program = yield* Program.make("said", sh("echo out; echo err >&2"))
      yield* program.exit
      assert.sameMembers(logged, ["said Info out", "said Warn err"])
    })).pipe(Effect.provide(Logger.layer([logger])))
  }, 60_000)

  it.live(
    "G174: a program reads the bytes that its owner writes to its stdin, and by default gets an empty stdin",
    () =>
      run(Effect.gen(function*() {
        const silent = yield* Program.make("silent", sh("cat; echo end"), quiet)
        assert.deepInclude(yield* silent.exit, { code: 0, lines: ["end"] })
        const echo = yield* Program.make("echo", sh("cat", { stdin: "pipe" }), quiet)
        yield* Stream.run(Stream.make(new TextEncoder().encode("hello\n")), echo.stdin)
        assert.deepInclude(yield* echo.exit, { code: 0, lines: ["hello"] })
      })),
    60_000
  )

  it.live(
    "G175: a program that ignores SIGTERM is killed with its process group after its bound",
    () =>
      run(Effect.gen(function*() {
        const stubborn = "trap '' TERM; sleep 1000 & echo $$ $!; while :; do sleep 1000; done"
        const [numbers, millis] = yield* timed(Effect.scoped(Effect.gen(function*() {
          const command = sh(stubborn, { forceKillAfter: "300 millis" })
          const program = yield* Program.make("stubborn", command, { ...quiet, ready: Program.line(/\d+ \d+/) })
          return (yield* program.lastLines)[0]!.split(" ").map(Number)
        })))
        assert.deepStrictEqual(numbers.filter(Processes.isAlive), [])
        assert.isAbove(millis, 300)
        assert.isBelow(millis, 10_000)
      })),
    60_000
  )

  it.live(
    "G175: a program is stopped by the signal of its command, and may end in order within its bound",
    () =>
      run(Effect.gen(function*() {
        const polite = "trap 'echo bye; exit 0' HUP; echo up; while :; do sleep 0.05; done"
        const program = yield* Effect.scoped(
          Program.make("polite", sh(polite, { killSignal: "SIGHUP" }), { ...quiet, ready: Program.line("up") })
        )
        const exit = yield* program.exit
        assert.deepInclude(exit, { _tag: "Exited", code: 0 })
        assert.include(exit.lines, "bye")
        assert.deepInclude(yield* program.wait, { _tag: "Cancelled", reason: "its scope closed" })
      })),
    60_000
  )

  it.live(
    "G175: the processes that are left in the process group of a program end with the program",
    () =>
      run(Effect.gen(function*() {
        const program = yield* Program.make("leaver", sh("sleep 1000 >/dev/null 2>&1 & echo $!"), quiet)
        const exit = yield* program.exit
        assert.deepInclude(exit, { _tag: "Exited", code: 0 })
        yield* gone(exit.lines.map(Number))
      })),
    60_000
  )

  it.live(
    "G175: a program whose input cannot be written is ended with its process group",
    () =>
      run(Effect.gen(function*() {
        const stdin = Stream.concat(
          Stream.make(new TextEncoder().encode("half")),
          Stream.fail(PlatformError.badArgument({ module: "Test", method: "read", description: "no more" }))
        )
        const program = yield* Program.make("half", sh("sleep 1000 & cat; echo $$ $!; wait", { stdin }), quiet)
        const exit = yield* program.exit
        assert.deepInclude(exit, { _tag: "Signalled", signal: "SIGTERM" })
        assert.match(exit.lines.join(), /the input of the program "half" .* failed/)
        assert.isFalse(Processes.isAlive(program.pid))
        assert.strictEqual((yield* program.wait)._tag, "Lost")
      })),
    60_000
  )

  it.live(
    "G175: the guard forgets a program when it ends, before its Scope closes, because its pid may be used again",
    () => {
      let released = 0
      const counting = changing((handle) =>
        Effect.as(Effect.addFinalizer(() => Effect.sync(() => void released++)), handle)
      )
      return run(counting(Effect.gen(function*() {
        const program = yield* Program.make("done", sh("exit 3"), quiet)
        yield* program.exit
        yield* Eventually.succeeds(Effect.sync(() => assert.strictEqual(released, 1)), { what: "it is let go" })
      })))
    },
    60_000
  )

  it.live(
    "G176: the end of a program is returned as a program exit, and as an ActorExit: returned, failed or lost",
    () =>
      run(Effect.gen(function*() {
        const ended = (script: string) => Effect.flatMap(Program.make("ends", sh(script), quiet), ({ wait }) => wait)
        assert.deepInclude(yield* ended("exit 0"), { _tag: "Returned" })
        const failed = yield* ended("echo why >&2; exit 3")
        assert(failed._tag === "Failed")
        assert.match(
          failed.error.message,
          /ProgramExited in ends@\d+: it exited with code 3; its last lines:\n {2}\| why/
        )
        const lost = yield* ended("kill -KILL $$")
        assert(lost._tag === "Lost" && lost.error._tag === "ActorLost")
        assert.deepStrictEqual(lost.error.how, { _tag: "Signalled", signal: "SIGKILL" })
      })),
    60_000
  )
})

describe("An external program under a guard begins when the guard knows the program", () => {
  it("G177: a guarded program begins only when the guard knows its process group, and never where its parent has died", async () => {
    const guard = { prefix: () => [], enter: () => () => {}, signal: () => {} }
    const { command, gate } = prepare(sh("echo ran"), guard, 1000)
    const started = (word: string) =>
      new Promise<string>((resolve) => {
        const child = spawn(command.command, command.args as ReadonlyArray<string>, {
          stdio: ["ignore", "pipe", "inherit", "pipe"]
        })
        let text = ""
        child.stdout!.on("data", (bytes) => text += bytes)
        child.once("close", (code) => resolve(`${text.trim()} ${code}`.trim()))
        ;(child.stdio[3] as Writable).end(word)
      })
    assert.strictEqual(gate, 3)
    assert.strictEqual(await started("\n"), "ran 0")
    assert.strictEqual(await started(""), "1")
  })

  it("G177: an external program is started directly, without a shell in front of it, if no guard has to know its process group", () => {
    const guard = { prefix: () => undefined, enter: () => () => {}, signal: () => {} }
    for (const around of [guard, undefined]) {
      const { command, gate } = prepare(sh("echo ran"), around, 1000)
      assert.strictEqual(gate, undefined)
      assert.deepStrictEqual([command.command, ...command.args], ["/bin/sh", "-c", "echo ran"])
      assert.deepInclude(command.options, { detached: true, stdin: "ignore", forceKillAfter: 1000 })
    }
  })
})

describe("An external program gets signals only while its process lives, and counts as stopped only if its owner stopped it", () => {
  const exit = { _tag: "Exited", code: 1, lines: [] } as const
  const through = (...inputs: ReadonlyArray<Life.Input["_tag"]>) =>
    inputs.reduce<Life.State>(
      (state, _tag) => Life.step(state, _tag === "Read" ? { _tag, exit } : { _tag }),
      Life.initial
    )

  it("G175: a program gets no signal after its process has ended, while its output is still being read", () => {
    assert.isTrue(Life.hasProcess(through()))
    assert.isTrue(Life.hasProcess(through("Stop")))
    assert.isFalse(Life.hasProcess(through("Gone")))
    assert.isFalse(Life.hasProcess(through("Stop", "Gone")))
    assert.isFalse(Life.hasProcess(through("Gone", "Stop")))
  })

  it("G176: a program counts as stopped by its owner where the stop came before its end, and otherwise as ended by itself", () => {
    assert.deepStrictEqual(through("Stop", "Gone", "Read"), { _tag: "Ended", exit, asked: true })
    assert.deepStrictEqual(through("Gone", "Stop", "Read"), { _tag: "Ended", exit, asked: false })
    assert.deepStrictEqual(through("Gone", "Read", "Stop"), { _tag: "Ended", exit, asked: false })
  })
})

describe("The output lines of an external program are passed on in bounded chunks", () => {
  it("G174: a program's endless line comes in chunks, while a character or a line that arrives in two chunks comes whole", () => {
    const lines = new Lines()
    const text = (bytes: string | Buffer) => lines.write(Buffer.from(bytes as string)).map((line) => line.length)
    assert.deepStrictEqual(text("x".repeat(40_000)), [16_384, 16_384])
    assert.deepStrictEqual(text(`${"x".repeat(10)}\r\ny`), [40_000 - 2 * 16_384 + 10])
    const euro = Buffer.from("€")
    assert.deepStrictEqual(lines.write(euro.subarray(0, 1)), [])
    assert.deepStrictEqual(lines.write(Buffer.concat([euro.subarray(1), Buffer.from("\n\nz")])), ["y€", ""])
    assert.deepStrictEqual(lines.end(), ["z"])
    assert.deepStrictEqual(lines.end(), [])
  })
})

describe("A supervised program", () => {
  it.live(
    "G176: a supervised program is started again when it is killed, and its supervisor gets its exit",
    () =>
      run(Effect.gen(function*() {
        const folder = Path.dirname(yield* evidence)
        class Worker extends Program.Service<Worker>()("worker", {
          command: sh("echo $$ >> starts; echo up; exec sleep 1000", { cwd: folder }),
          ready: Program.line("up"),
          log: false
        }) {}
        const starts = () => Fs.readFileSync(Path.join(folder, "starts"), "utf8").trim().split("\n").map(Number)
        const App = Supervisor.layer({ intensity: { restarts: 3, within: "1 minute" } }, [
          Supervisor.of(Worker.layer, { name: "worker" })
        ])
        yield* Effect.scoped(Effect.gen(function*() {
          const told = yield* Effect.forkChild(
            Stream.runHead(Stream.filter(Actor.events, (event) => event._tag === "ActorRestarting")),
            { startImmediately: true }
          )
          yield* Layer.build(App)
          process.kill(starts()[0]!, "SIGKILL")
          yield* Eventually.succeeds(Effect.sync(() => assert.lengthOf(starts(), 2)), { what: "a second start" })
          const event = Option.getOrThrow(yield* Fiber.join(told))
          assert.deepInclude(event, { child: "worker", deaths: 1 })
          assert(event._tag === "ActorRestarting" && event.exit._tag === "Lost")
        }))
        yield* gone(starts())
      })),
    60_000
  )

  it.live(
    "G176: a supervised program of an actor fails the actor when the program is killed, and ends with the actor",
    () =>
      run(Effect.gen(function*() {
        const keeper = yield* Actor.startScoped(Keeper)
        const numbers = yield* keeper.run(pids())
        assert.lengthOf(numbers, 2)
        yield* keeper.run(hurt({ signal: "SIGKILL" }))
        const exit = yield* keeper.wait
        assert.strictEqual(exit._tag, "Failed")
        yield* gone(numbers)
      })),
    60_000
  )

  it.live(
    "G177: a supervised program of an actor ends with its process group when the actor is killed by SIGKILL",
    () =>
      run(Effect.gen(function*() {
        const keeper = yield* Actor.startScoped(Keeper)
        const numbers = yield* keeper.run(pids())
        process.kill(keeper.actor.pid, "SIGKILL")
        yield* keeper.wait
        yield* gone(numbers)
      })),
    60_000
  )

  for (const guard of ["warden", "thread"] as const) {
    it.live(
      `G177: when a root is killed by SIGKILL, its supervised program ends with the whole process group of the program (guard: ${guard})`,
      () =>
        Effect.scoped(Effect.gen(function*() {
          const root = yield* RootProgram.start(fixture("programRoot.ts"), { args: [guard] })
          const [, found] = yield* root.says(/pids ([\d ]+) end/, { within: "60 seconds" })
          const numbers = found!.split(" ").map(Number)
          assert.lengthOf(numbers, 4)
          assert.isTrue(numbers.every(Processes.isAlive))
          yield* root.signal("SIGKILL")
          yield* gone(numbers)
        })),
      120_000
    )
  }
})
