/**
 * The process of Node behind a handle of Effect, which shows its number alone.
 */
import * as Effect from "effect/Effect"
import type { ChildProcess } from "node:child_process"
import * as Builtins from "../builtins.ts"

/** Node tells of each process that it starts on this channel. */
const channel = "child_process"

/** Starts one, and finds it among those that Node has started meanwhile. Another kind of spawner starts none here. */
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
