/**
 * A program of an actor of a cell: it ignores what a polite end would send, and has started a process in its group that
 * does so, too.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import type { ActorRuntime } from "@furrow/actor/ActorRuntime"
import { Program } from "@furrow/node"
import * as Effect from "effect/Effect"
import * as ChildProcess from "effect/process/ChildProcess"

const script = "trap '' HUP INT TERM; sleep 1000004 & echo up; while :; do wait; done"

const command = ChildProcess.make("/bin/sh", ["-c", script], { forceKillAfter: "300 millis" })

/** Does the work while the program runs. */
export const around = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | ActorRuntime> =>
  Effect.scoped(Effect.andThen(
    Program.make("deaf", command, { log: false, ready: Program.line("up") }),
    work
  ) as Effect.Effect<A, E, R | ActorRuntime>).pipe(Effect.provide(NodeServices.layer)) as Effect.Effect<
    A,
    E,
    R | ActorRuntime
  >
