import { assert, describe, it } from "@effect/vitest"
import { MemoryActor } from "@furrow/actor"
import { SpawnFailed } from "@furrow/actor/ActorError"
import * as LocalActor from "@furrow/actor/internal/local/LocalActor"
import type { ProcessExit, ProcessHandle, SpawnerDriver, SpawnRequest } from "@furrow/actor/Spawner"
import * as NodeSpawner from "@furrow/node/NodeSpawner"
import * as Eventually from "@furrow/testing/Eventually"
import * as Processes from "@furrow/testing/Processes"
import * as SpawnerSuite from "@furrow/testing/SpawnerSuite"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ChildProcess from "node:child_process"
import * as Crypto from "node:crypto"
import * as Naive from "./fixtures/naive.ts"

type Driver = SpawnerDriver["Service"]

/** The spawner of a root in memory: it keeps its duties. */
const memory: SpawnerSuite.MakeSpawner = Effect.gen(function*() {
  const context = yield* Layer.buildWithScope(MemoryActor.layer, yield* Effect.scope)
  return (yield* Effect.provide(LocalActor.current, context)).spawner
})

/** Processes. Whatever a planted bug leaves of them is killed. */
const processes: SpawnerSuite.MakeSpawner = Effect.gen(function*() {
  const driver = yield* SpawnerSuite.fromLayer(NodeSpawner.layer({ guard: "thread" }))
  const handles: Array<ProcessHandle> = []
  yield* Effect.addFinalizer(() => Effect.sync(() => handles.forEach((handle) => handle.signal("SIGKILL"))))
  return {
    ...driver,
    spawn: (request) => Effect.tap(driver.spawn(request), (handle) => Effect.sync(() => handles.push(handle)))
  }
})

const refuted = (make: SpawnerSuite.MakeSpawner, word: string, change: (driver: Driver) => Driver) =>
  Effect.gen(function*() {
    const contract = SpawnerSuite.contract(Effect.map(make, change))
    const found = contract.find(({ title }) => title.includes(word))
    assert.isDefined(found, `no case about "${word}"`)
    // A spawner that holds is done within a second or two; one that waits in vain would take much longer.
    const exit = yield* Effect.exit(Effect.timeout(found.run, make === memory ? "1 second" : "8 seconds"))
    assert.isTrue(Exit.isFailure(exit), `"${found.title}" does not notice`)
  })

/** The same process behind other methods. */
const handleOf = (handle: ProcessHandle, changed: Partial<ProcessHandle>): ProcessHandle => ({
  actor: handle.actor,
  connection: handle.connection,
  whenExited: (callback) => handle.whenExited(callback),
  lastLines: () => handle.lastLines(),
  signal: (signal) => handle.signal(signal),
  ...changed
})

const withHandle =
  (change: (handle: ProcessHandle, request: SpawnRequest) => Partial<ProcessHandle>) => (driver: Driver): Driver => ({
    atOnce: driver.atOnce,
    spawn: (request) => Effect.map(driver.spawn(request), (handle) => handleOf(handle, change(handle, request)))
  })

const withExit = (change: (exit: ProcessExit) => ProcessExit) =>
  withHandle((handle) => ({ whenExited: (callback) => handle.whenExited((exit) => callback(change(exit))) }))

const without = (option: keyof SpawnRequest["options"]) => (driver: Driver): Driver => ({
  spawn: (request) => driver.spawn({ ...request, options: { ...request.options, [option]: undefined } })
})

describe("SpawnerSuite and broken spawners", () => {
  it.live("SpawnerSuite notices a spawner that gives two actors one pid", () =>
    refuted(memory, "with a pid of its own", withHandle(({ actor }) => ({ actor: { ...actor, pid: 1 } }))))

  it.live("SpawnerSuite notices a spawner that returns the handle of another actor", () =>
    refuted(
      memory,
      "with a pid of its own",
      withHandle(({ actor }) => ({ actor: { ...actor, uuid: Crypto.randomUUID() } }))
    ))

  it.live("SpawnerSuite notices a spawner whose connection leads to another actor", () =>
    refuted(memory, "end of its own connection", (driver) => {
      let before: ProcessHandle | undefined
      return withHandle((handle) => {
        const { connection } = before ?? handle
        before = handle
        return { connection }
      })(driver)
    }))

  it.live("SpawnerSuite notices a spawner whose connection loses bytes", () =>
    refuted(
      memory,
      "calls of any size",
      withHandle(({ connection }) => ({
        connection: {
          start: (handlers) => connection.start(handlers),
          write: (chunks) => connection.write(chunks.map((chunk) => chunk.length > 60_000 ? chunk.slice(1) : chunk)),
          end: () => connection.end(),
          destroy: () => connection.destroy()
        }
      }))
    ))

  it.live("SpawnerSuite notices a spawner that reports an orderly end of an actor as a failure", () =>
    refuted(memory, "exits with code 0", withExit(({ signal }) => ({ code: 1, signal }))))

  it.live("SpawnerSuite notices a spawner that reports the signal of an exit as a code", () =>
    refuted(memory, "SIGKILL ends an actor, and", withExit(() => ({ code: 137, signal: null }))))

  it.live("SpawnerSuite notices a spawner whose SIGTERM reaches no process", () =>
    refuted(
      memory,
      "SIGTERM",
      withHandle((handle) => ({ signal: (signal) => signal === "SIGTERM" ? undefined : handle.signal(signal) }))
    ))

  it.live("SpawnerSuite notices a spawner that reports an exit twice", () =>
    refuted(
      memory,
      "said once",
      withHandle((handle) => ({
        whenExited: (callback) => {
          handle.whenExited(callback)
          handle.whenExited(callback)
        }
      }))
    ))

  it.live("SpawnerSuite notices a spawner that never reports an exit to a listener that was added late", () =>
    refuted(memory, "late question", (driver) =>
      withHandle((handle) => {
        let over = false
        handle.whenExited(() => {
          over = true
        })
        return { whenExited: (callback) => over ? undefined : handle.whenExited(callback) }
      })(driver)))

  it.live("SpawnerSuite notices a handle that throws at a signal when its process is gone", () =>
    refuted(memory, "throws nothing", (driver) =>
      withHandle((handle) => {
        let over = false
        handle.whenExited(() => {
          over = true
        })
        return {
          signal: (signal) => {
            if (over) throw new Error("ESRCH")
            handle.signal(signal)
          }
        }
      })(driver)))

  it.live("SpawnerSuite notices a spawner whose connection outlives its actor", () =>
    refuted(
      memory,
      "ends its connection",
      withHandle(({ connection }) => ({
        connection: { ...connection, start: (handlers) => connection.start({ ...handlers, end: () => {} }) }
      }))
    ))

  it.live("SpawnerSuite notices a handle whose methods are lost when a program copies the handle's properties", () =>
    refuted(memory, "on a copy", (driver) => ({
      spawn: (request) =>
        Effect.map(driver.spawn(request), (handle) => Object.setPrototypeOf({ actor: handle.actor }, handle))
    })))

  it.live("SpawnerSuite notices a spawner whose limit of simultaneous starts lets no actor start", () =>
    refuted(memory, "a limit of starts", (driver) => ({ ...driver, atOnce: 0 })))

  it.live("SpawnerSuite leaves out the test cases for abilities that the spawner lacks", () =>
    Effect.sync(() => {
      const all = SpawnerSuite.contract(memory).length
      const without = SpawnerSuite.contract(memory, { abilities: ["process", "cwd"] }).length
      const none = SpawnerSuite.contract(memory, { abilities: [] }).length
      assert.deepStrictEqual([all - without, without - none], [8, 8])
    }))
})

describe("SpawnerSuite reports each fault that is planted in a spawner of processes", () => {
  it.live("SpawnerSuite notices a spawner of processes that loses an exit code", () =>
    refuted(processes, "reported with its code", withExit(() => ({ code: 0, signal: null }))))

  it.live("SpawnerSuite notices a spawner that reports an exit before the process is gone", () =>
    refuted(processes, "not before", (driver) =>
      withHandle((handle) => {
        const callbacks: Array<(exit: ProcessExit) => void> = []
        let said: ProcessExit | undefined
        return {
          whenExited: (callback) => said === undefined ? void callbacks.push(callback) : callback(said),
          signal: (signal) => {
            said = { code: null, signal }
            for (const callback of callbacks.splice(0)) callback(said)
            handle.signal(signal)
          }
        }
      })(driver)))

  it.live("SpawnerSuite notices a spawner whose SIGKILL only asks the actor to end", () =>
    refuted(processes, "event loop is blocked", withHandle((handle) => ({ signal: () => handle.signal("SIGTERM") }))))

  it.live("SpawnerSuite notices a spawner that loses the process of an interrupted start", () =>
    refuted(processes, "interrupted start", (driver) => ({
      spawn: (request) =>
        Effect.tap(
          driver.spawn(request),
          () => request.actor.name === "given-up" ? Effect.sleep("1 minute") : Effect.void
        )
    })))

  it.live("SpawnerSuite notices a spawner that does not keep the last lines of stderr", () =>
    refuted(processes, "last lines", withHandle(() => ({ lastLines: () => [] }))))

  it.live("SpawnerSuite notices a spawner that gives the last lines of stderr in the wrong order", () =>
    refuted(processes, "last lines", withHandle((handle) => ({ lastLines: () => handle.lastLines().toReversed() }))))

  it.live("SpawnerSuite notices a spawner that names the wrong step of a failed start", () =>
    refuted(processes, "cannot succeed", (driver) => ({
      spawn: (request) =>
        Effect.mapError(
          driver.spawn(request),
          ({ actor, failure, reason, stderr }) => new SpawnFailed({ actor, failure, reason, stderr, step: "ready" })
        )
    })))

  it.live("SpawnerSuite notices a spawner that leaves a process or a file after a failed start", () =>
    Effect.gen(function*() {
      const left: Array<ChildProcess.ChildProcess> = []
      yield* Effect.ensuring(
        refuted(processes, "cannot succeed", (driver) => ({
          spawn: (request) =>
            Effect.tapError(
              driver.spawn(request),
              () => Effect.sync(() => left.push(ChildProcess.spawn("sleep", ["3600"], { stdio: "ignore" })))
            )
        })),
        Effect.sync(() => left.forEach((child) => child.kill()))
      )
      assert.strictEqual(left.length, 1)
    }))

  for (const option of ["cwd", "env", "argv", "execArgv", "memoryLimit", "inspect", "stdout", "stderr"] as const) {
    it.live(`SpawnerSuite notices a spawner of processes that ignores an option of a start (the option ${option})`, () =>
      refuted(processes, `the option ${option} `, without(option)))
  }

  for (const word of ["SIGKILL reaches", "ends the processes"]) {
    it.live.skipIf(process.platform !== "linux")(
      `SpawnerSuite notices a spawner whose signal ends the actor and not the actor's subprocesses (found by the test: ${word})`,
      () => {
        const id = Crypto.randomUUID()
        const left = () => Processes.withVariable(Naive.mark, id)
        return Effect.gen(function*() {
          yield* refuted(Effect.succeed(Naive.make(id)), word, (driver) => driver)
          assert.deepStrictEqual(left().map(({ command }) => command), ["sleep 3600"])
        }).pipe(
          Effect.ensuring(Effect.suspend(() => {
            for (const { pid } of left()) process.kill(pid, "SIGKILL")
            return Effect.orDie(Eventually.holds("nobody is left", () => left().length === 0))
          }))
        )
      }
    )
  }
})
