/**
 * Defines the actors in the tree of a test case, below the tree's root. Each actor of a test case has started the next
 * actor, reports that it is ready, and enters the case's state when all are ready.
 */
import * as Actor from "@furrow/actor/Actor"
import type * as Endpoint from "@furrow/actor/Endpoint"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as ChildProcess from "node:child_process"
import { states } from "../matrix.ts"
import { die } from "./dying.ts"
import { isGo, report } from "./report.ts"

const Doing = Schema.Literals(states)

const payload = {
  folder: Schema.String,
  state: Doing,
  where: Schema.Literals(["all", "leaf"]),
  /** The number of levels of actors below this actor of a test case. */
  depth: Schema.Int,
  /** The way in which this actor of a test case dies; null for an actor that enters the state of the test case. */
  dies: Schema.NullOr(Schema.String)
}

/** Starts a subprocess that ignores signals which ask for its end, so that only a SIGKILL to its group ends it. */
const deaf = (seconds: number, detached: boolean): number => {
  const script = `trap '' HUP INT TERM; exec sleep ${seconds}`
  return ChildProcess.spawn("/bin/sh", ["-c", script], { stdio: "ignore", detached }).pid!
}

/** The argument by which subprocesses that left the group of their actor are recognised on the command line. */
export const detachedSleep = 1_000_002

const subprocesses = (state: typeof Doing.Type): ReadonlyArray<number> => {
  if (state !== "subprocesses") return []
  deaf(detachedSleep, true)
  return [deaf(1_000_001, false)]
}

/** The argument of a subprocess for whose end an actor waits synchronously. */
export const awaitedSleep = 1_000_003

/**
 * Blocks the thread of an actor in the state `blocked`: every second level in synchronous IO, the other levels without
 * IO.
 */
const block = (state: typeof Doing.Type, depth: number): void => {
  if (state === "spinning") {
    for (;;) { /* for ever */ }
  }
  if (state !== "blocked") return
  if (depth % 2 === 0) ChildProcess.execFileSync("sleep", [String(awaitedSleep)])
  else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

/** Runs external programs during an actor's work if the test case asks for the state `programs`. */
export const withProgram = <A, E, R>(
  state: typeof Doing.Type,
  work: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | Actor.ActorRuntime> =>
  state === "programs"
    ? Effect.flatMap(Effect.promise(() => import("./programs.ts")), (programs) => programs.around(work))
    : work

const started = (folder: string): Effect.Effect<void> =>
  Effect.suspend(() => isGo(folder) ? Effect.void : Effect.andThen(Effect.sleep("10 millis"), started(folder)))

type Live = Actor.Fn<
  Endpoint.CallEndpoint<string, Schema.Struct<typeof payload>, typeof Schema.Void, typeof Schema.Never>,
  Actor.ActorRuntime
>

const staying = Effect.fnUntraced(function*(given: Schema.Struct<typeof payload>["Type"]) {
  const { depth, dies, folder, state, where } = given
  const { id } = yield* Actor.current
  report(folder, { _tag: "Up", name: id.name, pid: id.pid, subprocesses: subprocesses(state) })
  if (dies !== null) process.on("SIGUSR2", () => die(dies))
  const below = depth === 0
    ? undefined
    : yield* Effect.forkChild(
      Actor.runInActor(liveIn(state)({ ...given, depth: depth - 1, dies: null }), { name: `below-${depth}` })
    )
  yield* started(folder)
  if (dies === null && (where === "all" || depth === 0)) {
    report(folder, { _tag: "In", pid: id.pid })
    block(state, where === "all" ? depth : depth + 1)
  }
  if (below !== undefined) yield* Effect.orDie(Fiber.join(below))
  return yield* Effect.never
})

const handler = (given: Schema.Struct<typeof payload>["Type"]) => withProgram(given.state, staying(given))

/** An endpoint whose layer is released in the given way when its actor ends. */
const released = (name: string, release: Effect.Effect<void>): Live =>
  Actor.fn(name, {
    module: import.meta.url,
    payload,
    layer: Layer.effectDiscard(Effect.acquireRelease(Effect.void, () => release))
  })(handler)

export const live = released("live", Effect.void)
export const liveFailing = released("liveFailing", Effect.die(new Error("the release fails")))
export const liveHanging = released("liveHanging", Effect.never)

/** Returns the endpoint that brings an actor into the given state, such as `release hangs`. */
export const liveIn = (state: typeof Doing.Type): Live =>
  state === "release fails" ? liveFailing : state === "release hangs" ? liveHanging : live

/** An endpoint of the root's second actor, which the death in a test case must not affect. */
export const ping = Actor.fn("ping", { module: import.meta.url, success: Schema.Int })(() =>
  Effect.succeed(process.pid)
)
