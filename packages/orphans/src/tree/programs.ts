/**
 * Runs an external program beside the work of an actor in a test case. The actor's program and a process in the
 * program's group both ignore the signals that ask for their end.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import type { ActorRuntime } from "@furrow/actor/ActorRuntime"
import { Program } from "@furrow/node"
import * as Effect from "effect/Effect"
import * as ChildProcess from "effect/process/ChildProcess"

const script = "trap '' HUP INT TERM; sleep 1000004 & echo up; while :; do wait; done"

const command = ChildProcess.make("/bin/sh", ["-c", script], { forceKillAfter: "300 millis" })

/** Does the work of an actor in a test case while the actor's program runs. */
export const around = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | ActorRuntime> =>
  Effect.scoped(Effect.andThen(
    Program.make("deaf", command, { log: false, ready: Program.line("up") }),
    work
  ) as Effect.Effect<A, E, R | ActorRuntime>).pipe(Effect.provide(NodeServices.layer)) as Effect.Effect<
    A,
    E,
    R | ActorRuntime
  >
