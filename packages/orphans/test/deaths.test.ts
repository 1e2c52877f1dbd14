import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import * as Processes from "@furrow/testing/Processes"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { unreachable } from "./fixtures/unbootable.ts"
import { die, isDying, pid, type ways } from "./fixtures/ways.ts"
import { timed, withActors } from "./support.ts"

type Way = typeof ways[number]

interface Told {
  /** The tag of the open call's error, with its cause. */
  readonly call: string
  readonly how: ActorError.ActorLost["how"]
  /** The exit that the owner is told; lost, unless the actor could still say why it ended. */
  readonly exit?: "Failed" | "Cancelled"
  /** A pattern for one of the actor's last lines on stderr. */
  readonly stderr?: RegExp
  /** The type of the uncaught error. */
  readonly failure?: string
}

const exited = (code: number) => ({ _tag: "Exited", code }) as const
const signalled = (signal: string) => ({ _tag: "Signalled", signal }) as const

/** The results for the caller and for the owner. An actor that could still send a word says itself why it ended. */
const told: { readonly [W in Way]: Told } = {
  throw: {
    call: "RemoteActorError: RangeError",
    how: exited(70),
    exit: "Failed",
    stderr: /^RangeError: nobody/,
    failure: "RangeError"
  },
  reject: {
    call: "RemoteActorError: RangeError",
    how: exited(70),
    exit: "Failed",
    stderr: /^RangeError: nobody/,
    failure: "RangeError"
  },
  exit: { call: "ActorLost", how: exited(0) },
  memory: { call: "ActorLost", how: { _tag: "OutOfMemory", limit: 64 }, stderr: /heap out of memory/ },
  SIGSEGV: { call: "ActorLost", how: signalled("SIGSEGV") },
  // Node's own report is longer than the lines that are kept.
  abort: { call: "ActorLost", how: signalled("SIGABRT"), stderr: /^----- JavaScript stack trace/ },
  SIGKILL: { call: "ActorLost", how: signalled("SIGKILL") },
  SIGTERM: { call: "ContextCancelled: SIGTERM", how: exited(143), exit: "Cancelled" },
  descriptors: {
    call: "RemoteActorError: Error",
    how: exited(70),
    exit: "Failed",
    stderr: /^Error: EMFILE: too many/,
    failure: "Error"
  },
  code: { call: "ActorLost", how: exited(139) },
  disconnect: { call: "ActorLost", how: { _tag: "ConnectionClosed" } }
}

/** Milliseconds far below every bound: 5 s of a cancel, 30 s of a start. */
const atOnce = 4_500

const summary = (error: unknown): string => {
  if (error instanceof ActorError.RemoteActorError) return `${error._tag}: ${error.type}`
  if (error instanceof ActorError.ContextCancelled) return `${error._tag}: ${error.reason}`
  return (error as Actor.ActorError)._tag
}

const dying = (way: Way) =>
  Effect.gen(function*() {
    const { call, exit = "Lost", failure, how, stderr = /^about to die/ } = told[way]
    const other = yield* Actor.startScoped("other", { expose: [pid] })
    const options = way === "memory" ? { memoryLimit: 64 } : {}
    const victim = yield* Actor.startScoped("victim", { expose: [die, isDying, pid], ...options })
    const dies = yield* Effect.forkChild(Effect.flip(victim.run(die({ way }))))
    // An actor without a connection notices that only when it writes, and this one writes nothing.
    const bystander = way === "disconnect"
      ? dies
      : yield* Effect.forkChild(Effect.flip(Effect.forever(victim.run(pid()))))
    if (way === "SIGKILL" || way === "SIGTERM") {
      // The call is in the middle of its work, and its last words are in the pipe.
      yield* Effect.repeat(victim.run(isDying()), { until: (dying) => dying })
      process.kill(victim.actor.pid, way)
    }
    const [error, millis] = yield* timed(Fiber.join(dies))
    if (way !== "memory") assert.isBelow(millis, atOnce)
    assert.strictEqual(summary(error), call)
    const [ended, rest] = yield* timed(victim.wait)
    assert.isBelow(rest, atOnce)
    assert.strictEqual(ended._tag, exit)
    const late = yield* Effect.flip(victim.run(pid()))
    if (ended._tag === "Cancelled") assert.deepStrictEqual([ended.by, ended.reason], [victim.actor, way])
    if (ended._tag === "Failed") assert.strictEqual(ended.error.type, failure)
    if (ended._tag === "Lost") {
      if (!(ended.error instanceof ActorError.ActorLost)) return assert.fail(ended.error.message)
      const { actor, how: found, stderr: lines } = ended.error
      assert.deepStrictEqual(found, how)
      assert.strictEqual(actor.uuid, victim.actor.uuid)
      assert.isTrue(lines.some((line) => stderr.test(line)), `its last lines: ${lines.join("\n")}`)
      // A call after the death fails with the same error.
      assert.deepInclude(late, { _tag: "ActorLost", how })
    } else assert.isTrue(Actor.isActorError(late))
    if (error instanceof ActorError.ActorLost) assert.deepStrictEqual(error.how, how)
    assert.isTrue(Actor.isActorError(yield* Fiber.join(bystander)))
    assert.isFalse(Processes.isAlive(victim.actor.pid))
    assert.strictEqual(yield* other.run(pid()), other.actor.pid)
  })

describe("An actor that dies tells its caller and its owner without delay", () => {
  const titles: { readonly [W in Way]: string } = {
    throw: "of an uncaught exception",
    reject: "of an unhandled rejection",
    exit: "of process.exit in a handler, even with code 0",
    memory: "of its memory limit",
    SIGSEGV: "of a segmentation fault",
    abort: "of process.abort",
    SIGKILL: "of SIGKILL",
    SIGTERM: "of SIGTERM from outside",
    descriptors: "of having no file descriptors left",
    code: "with an exit code that looks like a crash below it",
    disconnect: "of a closed connection, while its process lived"
  }
  for (const way of Object.keys(titles) as ReadonlyArray<Way>) {
    it.live(titles[way], () => withActors(dying(way)))
  }

  it.live("an error during an import tells the caller and the owner of the actor without delay", () =>
    withActors(Effect.gen(function*() {
      const [error, millis] = yield* timed(Effect.flip(Actor.runInActor(unreachable())))
      assert.isBelow(millis, 10_000)
      if (!(error instanceof ActorError.SpawnFailed)) return assert.fail(String(error))
      assert.strictEqual(error.step, "import")
      assert.strictEqual(error.actor.name, "unreachable")
      assert.include(error.reason, "no configuration")
      assert.include(error.stderr, "about to fail while it is imported")
      assert.deepInclude(error.failure, { type: "Error" })
      assert.deepInclude(error.failure?.cause, { type: "TypeError", message: "no configuration" })
    })))
})
