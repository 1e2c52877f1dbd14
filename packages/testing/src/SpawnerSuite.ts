/**
 * Tests the duties of every `SpawnerDriver`: a connection to the right actor, one exit with its code or signal,
 * signals that reach the actor, and no remains of a failed start.
 *
 * To test a new spawner, call `SpawnerSuite.contract` with an effect that makes the driver of the spawner. Each test
 * case of this suite gets its own driver of the spawner. The test cases start actors of this package, which the driver
 * starts like any other actors.
 *
 * @since 0.1.0
 */
import * as Actor from "@furrow/actor/Actor"
import { SpawnFailed } from "@furrow/actor/ActorError"
import * as ActorRuntime from "@furrow/actor/ActorRuntime"
import { layerTree } from "@furrow/actor/Discovery"
import {
  NativeSpawner,
  type ProcessExit,
  type ProcessHandle,
  Spawner,
  SpawnerDriver,
  type SpawnOptions,
  type SpawnRequest
} from "@furrow/actor/Spawner"
import { Transport } from "@furrow/actor/Transport"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Assert from "node:assert/strict"
import * as Crypto from "node:crypto"
import type { Case, Contract } from "./Contract.ts"
import * as Eventually from "./Eventually.ts"
import * as Folder from "./Folder.ts"
import { credentials } from "./internal/platform.ts"
import { bytes, ended, equal, Recorder, settled } from "./internal/recorder.ts"
import * as Spawned from "./internal/spawned.ts"
import * as Leaks from "./Leaks.ts"
import * as Processes from "./Processes.ts"

type Driver = SpawnerDriver["Service"]

/**
 * Makes the spawner to test. The Scope in which the spawner is made ends the resources that all actors of the spawner
 * share, such as a warden.
 *
 * @category models
 * @since 0.1.0
 */
export type MakeSpawner = Effect.Effect<Driver, unknown, Scope.Scope>

/**
 * Abilities of a spawner beyond the start of actors. The ability `process` means that each actor is a process of this
 * computer, in a process group of its own. Each ability other than `process` means that the spawner supports the
 * option of a start with this name; `stderr` also means that last lines of stderr are kept.
 *
 * @category models
 * @since 0.1.0
 */
export type Ability = "process" | keyof SpawnOptions

/**
 * All abilities of a spawner whose actors are processes, which is the default.
 *
 * @example
 * ```ts
 * const withoutInspect = SpawnerSuite.everything.filter((ability) => ability !== "inspect")
 * withoutInspect.includes("memoryLimit") // true
 * ```
 * @category models
 * @since 0.1.0
 */
export const everything: ReadonlyArray<Ability> = [
  "process",
  "stdout",
  "stderr",
  "cwd",
  "env",
  "argv",
  "execArgv",
  "memoryLimit",
  "inspect"
]

/**
 * The abilities for which the driver is tested. The suite leaves out the test cases for abilities that the driver
 * does not have.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * The abilities of the tested spawner, by default `everything`. A spawner whose actors are no processes has none of
   * the abilities in `everything`.
   */
  readonly abilities?: ReadonlyArray<Ability> | undefined
}

/**
 * Builds the driver of a `Spawner` Layer as the runtime of a root builds it: the platform's driver, or the program's
 * driver, which wraps the platform's. The returned effect fails when the platform or the program's Layer cannot be
 * built.
 *
 * @example
 * ```ts
 * const spawner = yield* SpawnerSuite.fromLayer(NodeSpawner.layer)
 * Object.keys(spawner).includes("spawn") // true
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const fromLayer = <E>(layer: Layer.Layer<Spawner, E>): MakeSpawner =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const { native, plan } = Context.get(yield* Layer.buildWithScope(layer, scope), Spawner)
    const { spawner } = yield* native([])
    if (plan === undefined) return spawner
    const around = plan.layer.pipe(Layer.provide([Layer.succeed(NativeSpawner, spawner), credentials]))
    return Context.get(yield* Layer.buildWithScope(around, scope), SpawnerDriver)
  })

const request = (name: string, options: SpawnOptions = {}): SpawnRequest => ({
  actor: { name, uuid: Crypto.randomUUID() },
  definitions: Spawned.all,
  module: undefined,
  options
})

/**
 * Checks that an exit has the expected code and signal. The evidence that explains an exit is not compared, because a
 * driver need not give evidence.
 */
const ends = ({ code, signal }: ProcessExit, expected: Pick<ProcessExit, "code" | "signal">): void =>
  equal({ code, signal }, expected)

/** Waits for the exit of an actor's process that the spawner reports. */
const exited = (
  handle: ProcessHandle,
  within: Eventually.Options["within"] = "10 seconds"
): Effect.Effect<ProcessExit, Eventually.NotInTime> =>
  Effect.suspend(() => {
    let exit: ProcessExit | undefined
    handle.whenExited((said) => {
      exit = said
    })
    return Eventually.holds(`the exit of ${handle.actor.name} is said`, () => exit, { within })
  })

const kill = (handle: ProcessHandle): Effect.Effect<ProcessExit, Eventually.NotInTime> =>
  Effect.suspend(() => {
    handle.signal("SIGKILL")
    return exited(handle)
  })

/** Starts a process and does not greet it, so that its actor waits for its parent's first word. */
const started = (driver: Driver, asked = request("waiting")) =>
  Effect.acquireRelease(driver.spawn(asked), (handle) =>
    Effect.ignore(Effect.suspend(() => {
      handle.signal("SIGKILL")
      return exited(handle, "2 seconds")
    })))

/** Ends actors that a driver has not ended, because the root of a test case would wait for these actors for ever. */
const endByForce = (handles: Iterable<ProcessHandle>) =>
  Effect.sync(() => {
    const below = new Set(Processes.descendants().map(({ pid }) => pid))
    for (const { actor: { pid } } of handles) if (below.has(pid)) process.kill(pid, "SIGKILL")
  })

/**
 * Runs an effect in a root over the driver; the effect gets the handle of each actor that the root starts by the
 * actor's name.
 */
const inTree = <A, E>(
  driver: Driver,
  use: (handle: (name: string) => ProcessHandle) => Effect.Effect<A, E, ActorRuntime.ActorRuntime | Scope.Scope>
) => {
  const handles = new Map<string, ProcessHandle>()
  const recording: Driver = {
    atOnce: driver.atOnce,
    spawn: (asked) =>
      Effect.map(driver.spawn(asked), (handle) => {
        handles.set(asked.actor.name, handle)
        return handle
      })
  }
  const nothing = () => {}
  const control = {
    spawner: recording,
    pid: process.pid,
    refusal: undefined,
    authenticator: undefined,
    killAll: nothing,
    stopAll: nothing,
    continueAll: nothing
  }
  const platform = ActorRuntime.layer({ name: "suite" }).pipe(Layer.provide([
    Layer.succeed(Transport, { parts: [] }),
    Layer.succeed(Spawner, { plan: undefined, native: () => Effect.succeed(control) }),
    layerTree
  ]))
  const body = Effect.onExit(
    Effect.suspend(() => use((name) => handles.get(name)!)),
    (exit) => exit._tag === "Success" ? Effect.void : endByForce(handles.values())
  )
  return Effect.scoped(body).pipe(Effect.provide(platform))
}

const begin = (name: string, options: SpawnOptions = {}) => Actor.startScoped(name, { expose: Spawned.all, ...options })

/** Starts an actor with the given options, and asks the actor for its working directory, environment and arguments. */
const surroundings = (driver: Driver, options: SpawnOptions) =>
  inTree(driver, () => Effect.flatMap(begin("asked", options), (portal) => portal.run(Spawned.surroundings())))

/**
 * Compares the resources of this process before and after a test case. The first start of a driver may create
 * resources that stay for all later starts.
 */
const leavesNothing = <A, E>(driver: Driver, effect: Effect.Effect<A, E>) =>
  Effect.andThen(
    Effect.scoped(started(driver, request("first"))),
    Leaks.withoutLeaks(effect, { within: "5 seconds", temporary: { prefix: `furrow-suite-${Crypto.randomUUID()}` } })
  )

type Body = (driver: Driver) => Effect.Effect<unknown, unknown, Scope.Scope>

const basic: Record<string, Body> = {
  "a handle names the actor that was asked for, with a pid of its own": (driver) =>
    Effect.gen(function*() {
      const asked = [request("one"), request("two")]
      const handles = yield* Effect.forEach(asked, (each) => started(driver, each))
      equal(handles.map(({ actor: { name, uuid } }) => ({ name, uuid })), asked.map(({ actor }) => actor))
      const pids = handles.map(({ actor }) => actor.pid)
      Assert.ok(pids.every((pid) => Number.isSafeInteger(pid) && pid > 0), `the pids are ${pids.join(", ")}`)
      equal(new Set([...pids, process.pid]).size, 3)
    }),
  "starts at the same time give as many actors, each at the end of its own connection": (driver) =>
    Effect.gen(function*() {
      const asked = Array.from({ length: 6 }, (_, i) => request(`at-once-${i}`))
      const handles = yield* Effect.forEach(asked, (each) => started(driver, each), { concurrency: "unbounded" })
      equal(new Set(handles.map(({ actor }) => actor.pid)).size, 6)
      const ends = handles.map(({ connection }) => new Recorder(connection).start())
      // The first word of an actor (`Hello`) contains the identity of the actor.
      yield* Effect.forEach(handles, ({ actor }, i) =>
        Eventually.holds(
          `${actor.name} speaks on its connection`,
          () => ends[i]!.text.includes(asked[i]!.actor.uuid)
        ))
    }),
  "a connection carries calls of any size, and their answers": (driver) =>
    inTree(driver, () =>
      Effect.gen(function*() {
        const portal = yield* begin("echo")
        for (const size of [0, 1, 70_000, 2_000_000]) {
          const text = "x".repeat(size)
          const answer = yield* portal.run(Spawned.echo({ text }))
          Assert.ok(answer === text, `${answer.length} of ${size} letters came back`)
        }
      })),
  "an actor that is ended in order exits with code 0": (driver) =>
    inTree(driver, (handle) =>
      Effect.gen(function*() {
        yield* Effect.scoped(Effect.flatMap(begin("orderly"), (portal) => portal.run(Spawned.echo({ text: "here" }))))
        ends(yield* exited(handle("orderly")), { code: 0, signal: null })
      })),
  "SIGKILL ends an actor, and its exit names the signal": (driver) =>
    Effect.gen(function*() {
      ends(yield* kill(yield* started(driver)), { code: null, signal: "SIGKILL" })
    }),
  "SIGTERM ends an actor, and its exit says so": (driver) =>
    inTree(driver, (handle) =>
      Effect.gen(function*() {
        const portal = yield* begin("asked")
        handle("asked").signal("SIGTERM")
        const { code, signal } = yield* exited(handle("asked"))
        // An actor that gets SIGTERM and cleans up before its end exits with 143, the code that shells use for this
        // signal.
        Assert.ok(code === null ? signal === "SIGTERM" : code === 143, `it exited with ${code ?? signal}`)
        yield* portal.wait
      })),
  "an exit is said once, to everybody who asked": (driver) =>
    Effect.gen(function*() {
      const handle = yield* started(driver)
      const heard: Array<readonly [string, ProcessExit]> = []
      for (const name of ["first", "second"]) handle.whenExited((exit) => heard.push([name, exit]))
      const exit = yield* kill(handle)
      handle.signal("SIGKILL")
      yield* settled
      equal(heard, [["first", exit], ["second", exit]])
    }),
  "an exit is said to a late question, too": (driver) =>
    Effect.gen(function*() {
      const handle = yield* started(driver)
      const exit = yield* kill(handle)
      yield* settled
      equal(yield* exited(handle), exit)
    }),
  "a signal throws nothing and changes nothing after the exit": (driver) =>
    Effect.gen(function*() {
      const handle = yield* started(driver)
      const exit = yield* kill(handle)
      for (const signal of ["SIGTERM", "SIGKILL"] as const) handle.signal(signal)
      yield* settled
      equal(yield* exited(handle), exit)
    }),
  "the end of an actor ends its connection": (driver) =>
    Effect.gen(function*() {
      const handle = yield* started(driver)
      const end = new Recorder(handle.connection).start()
      yield* kill(handle)
      yield* ended(end)
      equal(handle.connection.write([bytes("late")]), true)
    }),
  "the functions of a handle work on a copy of it": (driver) =>
    Effect.gen(function*() {
      const copy: ProcessHandle = { ...(yield* started(driver)) }
      equal(copy.lastLines().length, 0)
      ends(yield* kill(copy), { code: null, signal: "SIGKILL" })
    }),
  "a limit of starts at the same time lets at least one through": ({ atOnce }) =>
    Effect.sync(() => Assert.ok(atOnce === undefined || atOnce >= 1, `it is ${atOnce}`))
}

const processes: Record<string, Body> = {
  "an actor that exits by itself is reported with its code": (driver) =>
    inTree(driver, (handle) =>
      Effect.gen(function*() {
        const portal = yield* begin("leaving")
        yield* Effect.exit(portal.run(Spawned.exit({ code: 7, lines: [] })))
        ends(yield* exited(handle("leaving")), { code: 7, signal: null })
        yield* portal.wait
      })),
  "an exit is said when the process is gone, not before": (driver) =>
    Effect.gen(function*() {
      const handle = yield* started(driver)
      let found: Processes.Process | undefined
      handle.whenExited(() => {
        found = Processes.find(handle.actor.pid)
      })
      Assert.ok(Processes.isAlive(handle.actor.pid), "its pid is that of no process")
      yield* kill(handle)
      equal(found, undefined)
    }),
  "SIGKILL ends an actor whose event loop is blocked": (driver) =>
    inTree(driver, (handle) =>
      Effect.gen(function*() {
        const portal = yield* begin("blocked")
        const blocking = yield* Effect.forkChild(Effect.exit(portal.run(Spawned.block())))
        yield* settled
        ends(yield* kill(handle("blocked")), { code: null, signal: "SIGKILL" })
        yield* Fiber.join(blocking)
        yield* portal.wait
      })),
  "SIGKILL reaches the processes that the actor has started": (driver) =>
    inTree(driver, (handle) =>
      Effect.gen(function*() {
        const portal = yield* begin("above")
        const below = yield* portal.run(Spawned.subprocess())
        yield* kill(handle("above"))
        yield* Processes.gone([handle("above").actor.pid, below], { within: "5 seconds" })
        yield* portal.wait
      })),
  "the exit of an actor ends the processes that it has started": (driver) =>
    inTree(driver, (handle) =>
      Effect.gen(function*() {
        const portal = yield* begin("leaving")
        const below = yield* portal.run(Spawned.subprocess())
        yield* Effect.exit(portal.run(Spawned.exit({ code: 0, lines: [] })))
        yield* exited(handle("leaving"))
        yield* Processes.gone([below], { within: "5 seconds" })
        yield* portal.wait
      })),
  "an interrupted start leaves no process": (driver) =>
    leavesNothing(
      driver,
      Effect.forEach([0, 1, 5, 20], (millis) =>
        Effect.gen(function*() {
          const starting = yield* Effect.forkChild(driver.spawn(request("given-up")), { startImmediately: true })
          yield* Eventually.pause(millis)
          yield* Fiber.interrupt(starting)
          const exit = yield* Fiber.await(starting)
          // The process of an actor whose start was given up may already run; the test case ends this process here.
          if (exit._tag === "Success") yield* kill(exit.value)
        }))
    )
}

const lines = Array.from({ length: 5 }, (_, i) => `the last words, line ${i}`)

/**
 * The test case for the options stdout and stderr, which pass on unchanged all bytes that the actor writes.
 */
const handsOver = (stream: "stdout" | "stderr"): Body => (driver) =>
  inTree(driver, () =>
    Effect.gen(function*() {
      const written: Array<Uint8Array> = []
      const portal = yield* begin("printing", {
        stdout: "ignore",
        stderr: "ignore",
        [stream]: (bytes: Uint8Array) => void written.push(bytes)
      })
      const bytes = Uint8Array.from([0x1f, 0x8b, 0x0a, 0xff, 0xfe, 0x80, 0x00])
      yield* portal.run(Spawned.print({ bytes }))
      const read = () => Array.from(Buffer.concat(written))
      yield* Eventually.holds("all bytes are there", () => read().length >= bytes.length || undefined)
      equal(read(), Array.from(bytes))
      yield* portal.cancel()
      yield* portal.wait
    }))

const abilities: Record<Exclude<Ability, "process">, Record<string, Body>> = {
  stdout: { "the option stdout hands what the actor writes there to a function": handsOver("stdout") },
  stderr: {
    "the option stderr hands what the actor writes there to a function": handsOver("stderr"),
    "the last lines of stderr are known when the exit is said, the oldest first": (driver) =>
      inTree(driver, (handle) =>
        Effect.gen(function*() {
          const portal = yield* begin("talking")
          let kept: ReadonlyArray<string> | undefined
          handle("talking").whenExited(() => {
            kept = handle("talking").lastLines()
          })
          yield* Effect.exit(portal.run(Spawned.exit({ code: 1, lines })))
          const last = yield* Eventually.holds("the exit is said", () => kept)
          equal(last.slice(-lines.length), lines)
          yield* portal.wait
        }))
  },
  cwd: {
    "a start that cannot succeed fails with SpawnFailed at the step process, and leaves nothing": (driver) =>
      leavesNothing(
        driver,
        Effect.gen(function*() {
          const cwd = `/no-such-folder/${Crypto.randomUUID()}`
          const error = yield* Effect.flip(driver.spawn(request("nowhere", { cwd })))
          Assert.ok(error instanceof SpawnFailed, `it failed with ${String(error)}`)
          equal([error.actor.name, error.step], ["nowhere", "process"])
          Assert.notEqual(error.reason, "")
        })
      ),
    "the option cwd is the working directory of the actor": (driver) =>
      Effect.gen(function*() {
        const folder = yield* Folder.make()
        equal((yield* surroundings(driver, { cwd: folder })).cwd, folder)
        equal((yield* surroundings(driver, {})).cwd, process.cwd())
      })
  },
  env: {
    "the option env names what the actor inherits, and adds to it": (driver) =>
      Effect.gen(function*() {
        const { env } = yield* surroundings(driver, {
          env: { inherit: ["PATH"], set: { FURROW_SUITE: "set" } }
        })
        equal([env["PATH"], env["FURROW_SUITE"], env["HOME"]], [process.env["PATH"], "set", undefined])
        equal((yield* surroundings(driver, {})).env["PATH"], process.env["PATH"])
      })
  },
  argv: {
    "the option argv is what the actor finds in process.argv": (driver) =>
      Effect.gen(function*() {
        equal((yield* surroundings(driver, { argv: ["--flag", "a b"] })).argv, ["--flag", "a b"])
        equal((yield* surroundings(driver, {})).argv, process.argv.slice(2))
      })
  },
  execArgv: {
    "the option execArgv adds to the flags of the runtime": (driver) =>
      Effect.gen(function*() {
        const { execArgv } = yield* surroundings(driver, { execArgv: ["--stack-trace-limit=23"] })
        equal(execArgv.filter((flag) => flag.startsWith("--stack-trace-limit")), ["--stack-trace-limit=23"])
      })
  },
  memoryLimit: {
    "the option memoryLimit bounds the heap of the actor": (driver) =>
      Effect.gen(function*() {
        const { heapLimit } = yield* surroundings(driver, { memoryLimit: 200 })
        // V8 adds room for young objects to the memory limit, which is the limit for old objects.
        Assert.ok(heapLimit < 2 * 200 * 1024 * 1024, `its heap may grow to ${heapLimit} bytes`)
      })
  },
  inspect: {
    "the option inspect opens the actor for a debugger": (driver) =>
      Effect.gen(function*() {
        equal((yield* surroundings(driver, { inspect: true })).debugged, true)
      })
  }
}

/**
 * Returns the test cases for a spawner, whose driver `make` makes. A test case fails when the driver breaks its duty,
 * and ends by itself within seconds.
 *
 * @example
 * ```ts check
 * const make = SpawnerSuite.fromLayer(NodeSpawner.layer({ guard: "thread" }))
 * for (const { run, title } of SpawnerSuite.contract(make)) it.live(title, () => run)
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const contract = (make: MakeSpawner, options: Options = {}): Contract => {
  const can = new Set(options.abilities ?? everything)
  const owed = {
    ...basic,
    ...can.has("process") ? processes : {},
    ...Object.fromEntries(
      Object.entries(abilities).filter(([ability]) => can.has(ability as Ability)).flatMap(([, cases]) =>
        Object.entries(cases)
      )
    )
  }
  return Object.entries(owed).map(([title, body]): Case => ({
    title,
    run: Effect.asVoid(Effect.scoped(Effect.flatMap(make, body)))
  }))
}
