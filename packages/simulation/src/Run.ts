/** Runs one random program under its seed, and records all its events. */
import { Actor } from "@furrow/actor"
import type { ActorRuntime } from "@furrow/actor/ActorRuntime"
import type { ProcessHandle } from "@furrow/actor/Spawner"
import * as Simulation from "@furrow/testing/Simulation"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { exposed } from "./actors.ts"
import * as Births from "./births.ts"
import * as Dialogs from "./dialogs.ts"
import { howOf, record, Recorder, type Timed, wrong } from "./History.ts"
import { endpoints as partings, ofRoot } from "./partings.ts"
import * as Peers from "./peers.ts"
import { hurting, type Program } from "./Program.ts"
import { endsByItself } from "./shortSteps.ts"
import * as Sinks from "./sinks.ts"
import type { Call, Served, Stage } from "./stage.ts"
import { calls, deeds, elsewhere } from "./Steps.ts"
import * as Unplugged from "./unplugged.ts"
import * as Wide from "./wide.ts"

/** All endpoints that the actors of a random program serve. */
const served = [
  ...exposed,
  ...Peers.endpoints,
  ...Births.endpoints,
  ...Dialogs.endpoints,
  ...Wide.endpoints,
  ...partings
] as const

export interface Result {
  readonly program: Program
  readonly run: Simulation.Run
  readonly events: ReadonlyArray<Timed>
  /**
   * Milliseconds that every check adds to a bound before it reports that something took too long. The default,
   * `virtualSlackMillis`, is for runs in virtual time.
   */
  readonly slackMillis?: number | undefined
}

/**
 * Milliseconds after the last step of a random program, at the end of which calls that are still open are
 * interrupted.
 */
const patienceMillis = 2_000
/** Milliseconds for which an actor may end by itself, before its owner ends it. */
const exitPatienceMillis = 8_000

/** Functions by which the steps of a random program cause faults of connections, transports and log sinks. */
export interface Hooks extends Pick<Stage, "breakConnection" | "unplug" | "spoilLogs"> {
  /**
   * Milliseconds that calls which end by themselves may take in addition to their bound. By default calls that end by
   * themselves get no additional time, because virtual time is never late.
   */
  readonly extraMillis?: number
}

const body = (program: Program, hooks: Hooks) =>
  Effect.gen(function*() {
    const world = yield* Simulation.World
    const portals: Array<Served> = []
    const made: Array<Call> = []
    for (let i = 0; i < program.actors; i++) {
      yield* record({ _tag: "Started", actor: `a${i}`, parent: "root" })
      portals.push(
        program.owner === "nursery"
          ? yield* Actor.start(`a${i}`, { expose: served })
          : yield* Actor.startScoped(`a${i}`, { expose: served })
      )
    }
    const stageOf = (key: number) => {
      const step = program.steps[key]!
      const i = step.actor % program.actors
      const j = (i + 1) % program.actors
      return {
        key,
        step,
        name: `a${i}`,
        portal: portals[i]!,
        other: portals[j]!,
        otherName: `a${j}`,
        calls: made,
        world,
        ...hooks
      }
    }
    for (const [key, step] of program.steps.entries()) {
      if (step.wait > 0) yield* Effect.sleep(step.wait * 7)
      const stage = stageOf(key)
      const does = calls[step.kind]
      if (does === undefined) {
        yield* Effect.forkChild(deeds[step.kind]!(stage))
        continue
      }
      const actor = elsewhere.has(step.kind) ? "" : stage.name
      const called = record({ _tag: "Called", key, kind: step.kind, actor, from: "root" })
      const answered = Effect.onExit(
        Effect.andThen(called, does(stage)),
        (exit) => record({ _tag: "Answered", key, how: howOf(exit) })
      )
      made.push({ key, actor, fiber: yield* Effect.forkChild(Effect.exit(answered)) })
    }
    yield* Effect.sleep(program.steps.some(({ kind }) => kind === "exit") ? exitPatienceMillis : patienceMillis)
    if (hooks.extraMillis !== undefined) {
      const own = made.filter(({ key }) => endsByItself(program.steps[key]!))
      yield* Effect.timeoutOption(Effect.forEach(own, ({ fiber }) => Fiber.await(fiber)), hooks.extraMillis)
    }
    yield* record({ _tag: "Rests" })
    yield* Effect.forEach(made, ({ fiber }) => Fiber.interrupt(fiber), { concurrency: "unbounded", discard: true })
    const { children } = yield* Actor.statistics
    for (const { actor, channel } of children) {
      yield* record({ _tag: "Open", actor: actor.name, dialogs: channel?.dialogs ?? 0 })
    }
  })

/** Wraps a connection so that each write throws once its actor is marked as broken. */
export const breakable = (process: ProcessHandle, isBroken: (actor: string) => boolean): ProcessHandle => ({
  ...process,
  connection: {
    ...process.connection,
    write: (chunks) => {
      if (isBroken(process.actor.name)) throw new Error("the connection is broken")
      return process.connection.write(chunks)
    }
  }
})

/**
 * Runs a random program in a nursery or in a Scope, as its field `owner` says. The death of an actor interrupts the
 * program in a nursery, but not in a Scope.
 */
const owned = (program: Program, hooks: Hooks) =>
  (program.owner === "nursery"
    ? Actor.nursery(body(program, hooks))
    : Effect.scoped(body(program, hooks))) as Effect.Effect<
      void,
      unknown,
      ActorRuntime
    >

/**
 * Runs a random program, and then records each actor that still lives after the program's nursery or Scope has ended.
 */
export const whole = (program: Program, hooks: Hooks): Effect.Effect<void, never, ActorRuntime> =>
  Effect.flatMap(
    Effect.exit(owned(program, hooks)),
    (exit) =>
      Effect.gen(function*() {
        yield* record({ _tag: "LeftOwner", owner: "root" })
        const { children } = yield* Actor.statistics
        const isHurting = program.steps.some(({ kind }) => hurting.has(kind))
        for (const { actor, state } of children) {
          // The root owns the shared actors of a program. When the last holder of a shared actor was killed, the root
          // ends the shared actor as soon as the root is told of the death.
          if (actor.name.startsWith("shared") && (state !== "Running" || isHurting)) continue
          yield* wrong("comesToRest", `left: ${actor.name} is ${state}`)
        }
        if (Exit.isFailure(exit)) {
          yield* record({ _tag: "Ended", key: -1, how: howOf(exit) })
        }
      })
  )

/**
 * The function `around` may wrap the process handle of each actor, and with it the connection between the actor and
 * its parent.
 */
export const run = (
  program: Program,
  around: (process: ProcessHandle) => ProcessHandle = (process) => process
): Effect.Effect<Result> =>
  Effect.suspend(() => {
    const events: Array<Timed> = []
    const broken = new Set<string>()
    const wires = Unplugged.make()
    const sinks = Sinks.make()
    const between = (process: ProcessHandle) => breakable(around(process), (actor) => broken.has(actor))
    const root = { between, expose: ofRoot, betweenPeers: wires.betweenPeers }
    const options = { seed: program.schedule, calm: program.calm, root, loggers: [sinks.logger] }
    const hooks: Hooks = {
      breakConnection: (actor) => void broken.add(actor),
      unplug: wires.unplug,
      spoilLogs: sinks.spoilLogs
    }
    return Effect.map(
      Effect.provideService(
        Simulation.run(whole(program, hooks), options),
        Recorder,
        (event) => void events.push(event)
      ),
      (run) => ({ program, run, events })
    )
  })
