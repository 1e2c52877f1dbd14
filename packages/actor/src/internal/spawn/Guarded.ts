/**
 * Asks a spawner's driver for a process. If a spawner's driver throws, is late or returns no handle, the request fails
 * with `SpawnFailed` at the step `process`.
 *
 * @since 0.1.0
 */
import { described } from "@furrow/protocol/Described"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { SpawnFailed } from "../errors/ActorError.ts"
import { elapsed } from "../settings/Elapsed.ts"
import type { ProcessHandle, SpawnerDriver, SpawnRequest } from "./Spawner.ts"

const failed = ({ actor }: SpawnRequest, reason: string): SpawnFailed =>
  new SpawnFailed({ actor: { ...actor, pid: 0 }, step: "process", reason, stderr: [], failure: null })

const isHandle = (u: Partial<ProcessHandle> | undefined | null): u is ProcessHandle =>
  typeof u?.whenExited === "function" && typeof u.signal === "function" && typeof u.lastLines === "function" &&
  typeof u.connection?.start === "function" && typeof u.actor?.uuid === "string"

type Asked = Fiber.Fiber<ProcessHandle, SpawnFailed>

/** Kills the process that a spawner returns too late, because no owner waits for the process any more. */
const discard = (fiber: Asked): Effect.Effect<void> =>
  Effect.sync(() => {
    fiber.addObserver((exit) => Exit.isSuccess(exit) && exit.value.signal("SIGKILL"))
    fiber.interruptUnsafe()
  })

/**
 * Asks the driver of a spawner for the process of an actor. The caller must not interrupt a request for a process,
 * because a process that has just been started would get lost.
 */
export const spawn = (
  spawner: SpawnerDriver["Service"],
  request: SpawnRequest,
  bound: number
): Effect.Effect<ProcessHandle, SpawnFailed> => {
  const asked = Effect.flatMap(
    Effect.catchDefect(
      Effect.suspend(() => spawner.spawn(request)),
      (defect) => Effect.fail(failed(request, `the spawner threw: ${described(defect)}`))
    ),
    (handle) =>
      isHandle(handle) ? Effect.succeed(handle) : Effect.fail(failed(
        request,
        "the spawner answered with no handle: one has actor, connection, whenExited, lastLines and signal"
      ))
  )
  const late = `the spawner did not answer within ${bound} ms; raise Timeouts.spawn if it needs longer`
  const awaited = (fiber: Asked): Effect.Effect<ProcessHandle, SpawnFailed> =>
    Effect.flatMap(
      Effect.raceFirst(
        Effect.interruptible(Fiber.await(fiber)),
        Effect.interruptible(Effect.as(elapsed(bound), undefined))
      ),
      (exit) => exit ?? Effect.andThen(discard(fiber), Effect.fail(failed(request, late)))
    )
  return Effect.uninterruptible(
    Effect.flatMap(
      Effect.forkDetach(Effect.interruptible(asked), { startImmediately: true }),
      // When the spawner answers a request at once, no timer is needed.
      (fiber) => fiber.pollUnsafe() ?? awaited(fiber)
    )
  )
}
