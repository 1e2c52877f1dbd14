/** Finds the `ChildProcess` of Node behind a process handle of Effect, which shows only the pid of the process. */
import * as Effect from "effect/Effect"
import type { ChildProcess } from "node:child_process"
import * as Builtins from "../builtins.ts"

/** The diagnostics channel on which Node reports each process that it starts. */
const channel = "child_process"

/**
 * Runs the effect `spawn`, which starts a process, and finds the `ChildProcess` with the pid of the process. Returns
 * undefined as the `ChildProcess` if the effect `spawn` did not start the process through Node.
 */
export const seen = <A extends { readonly pid: number }, E, R>(
  spawn: Effect.Effect<A, E, R>
): Effect.Effect<readonly [A, ChildProcess | undefined], E, R> =>
  Effect.suspend(() => {
    const { subscribe, unsubscribe } = Builtins.diagnosticsChannel()
    const all: Array<ChildProcess> = []
    const see = (message: unknown) => void all.push((message as { readonly process: ChildProcess }).process)
    subscribe(channel, see)
    return Effect.ensuring(
      Effect.map(spawn, (handle) => [handle, all.find(({ pid }) => pid === handle.pid)] as const),
      Effect.sync(() => void unsubscribe(channel, see))
    )
  })
