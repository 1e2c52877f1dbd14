/**
 * Starts an actor: claims its name, waits until few enough other actors are starting, starts its process, and waits
 * until the actor is ready. An actor that does not become ready is ended and reaped before its start fails.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Semaphore from "effect/Semaphore"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { withoutCaller } from "../dialog/DialogContext.ts"
import * as Spans from "../dialog/Spans.ts"
import { type ActorError, SpawnFailed } from "../errors/ActorError.ts"
import { withoutStack } from "../errors/stack.ts"
import type { LocalActor, PeerNetwork } from "../local/LocalActor.ts"
import type { Entry } from "../settings/ActorRef.ts"
import { monotonicMillis, Timeouts } from "../settings/Timeouts.ts"
import * as Turns from "../settings/Turn.ts"
import { boot } from "../spawn/Boot.ts"
import * as Guarded from "../spawn/Guarded.ts"
import type { ProcessHandle } from "../spawn/Spawner.ts"
import { ChildActor } from "./ChildActor.ts"
import { entryOf, problemOfName, type StartSpec } from "./StartSpec.ts"

const levelOf = (fiber: Fiber.Fiber<unknown, unknown>): string => fiber.cache.minimumLogLevel

/** Makes an effect interruptible again inside an uninterruptible region. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * Starts an actor and waits until it is ready. A starting actor has an owner from the moment at which its process
 * exists. If the start fails or is interrupted, the actor is reaped before the start returns.
 *
 * The function `start` runs inside an uninterruptible region of its caller, and only the waits of `start` (with
 * `restore`) can be interrupted. No interruption can lose an actor between the moment at which it is ready and the
 * moment at which its owner has it.
 */
export const start = (
  local: LocalActor,
  spec: StartSpec,
  restore: Restore
): Effect.Effect<{ readonly child: ChildActor; readonly channel: PeerChannel }, ActorError> =>
  Effect.withFiber((fiber) => {
    const span = Spans.ofStart(fiber, spec.name, local.info.id)
    const starting = startIn(local, spec, restore, fiber, span)
    return span === undefined ? starting : Effect.onExit(starting, (exit) => Effect.sync(() => Spans.end(span, exit)))
  })

const startIn = (
  local: LocalActor,
  spec: StartSpec,
  restore: Restore,
  fiber: Fiber.Fiber<unknown, unknown>,
  span: Spans.Begun | undefined
): Effect.Effect<{ readonly child: ChildActor; readonly channel: PeerChannel }, ActorError> =>
  Effect.suspend(() => {
    const { reach } = local
    if (local.refusal !== undefined || reach === undefined) {
      return refuse(local, spec.name, local.refusal ?? "nothing can be started here")
    }
    const misnamed = problemOfName(spec.name)
    if (misnamed !== undefined) return refuse(local, spec.name.slice(0, 40), misnamed)
    const uuid = fiber.getRef(Turns.Turn).uuid()
    const entry = entryOf(local, uuid, spec)
    const request = {
      actor: { name: spec.name, uuid },
      definitions: spec.definitions,
      // A JavaScript program may define a Service without the option `module`. The text `undefined` as the module's
      // name makes the start of such a Service fail.
      module: spec.service && String(spec.service.module),
      options: spec.options
    }
    // The name is claimed before the process starts, so that of two actors with one unique name only one is started.
    const claimed = Effect.tapError(
      restore(reach.directory.claim(entry)),
      (error) => Effect.sync(() => local.events.publish({ _tag: "ActorSpawnFailed", name: spec.name, error }))
    )
    const turn = new Turn(local.starts, fiber)
    const spawning = Effect.suspend(() => {
      local.events.publish({ _tag: "ActorSpawning", name: spec.name })
      Spans.note(span, "process")
      return Guarded.spawn(local.spawner, request, fiber.getRef(Timeouts).spawn)
    })
    const waiting = { name: spec.name, since: local.turn.now() }
    const handled = Effect.suspend(() => {
      local.starting.add(waiting)
      return Effect.andThen(claimed, Effect.andThen(restore(turn.take), spawning))
    })
    return Effect.flatMap(
      Effect.onError(handled, () =>
        Effect.sync(() => {
          turn.end()
          local.starting.delete(waiting)
          // A failed or interrupted claim of a name may have reached the registrar, so the registrar is told that the
          // actor is gone. An interrupted start does not wait for the registrar's answer, because the registrar gets
          // this report before later messages of this actor.
          Effect.runForkWith(withoutCaller(fiber.context))(reach.directory.gone(uuid))
        })),
      (handle) => {
        local.starting.delete(waiting)
        return Effect.onExit(
          started(local, reach, spec, entry, handle, turn, fiber, restore, span),
          () => Effect.sync(() => turn.end())
        )
      }
    )
  })

/**
 * The permit that a child needs to start; the number of permits bounds how many children of an actor start at the same
 * time. Too many processes that start at the same time would slow each other down until none is ready in time. A
 * starting actor that calls its parent gives its permit back, because the call may wait for another actor that has yet
 * to start.
 */
class Turn {
  private readonly starts: Semaphore.Semaphore
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private taken = false

  constructor(starts: Semaphore.Semaphore, fiber: Fiber.Fiber<unknown, unknown>) {
    this.starts = starts
    this.fiber = fiber
  }

  get take(): Effect.Effect<void> {
    return Effect.map(this.starts.take(1), () => {
      this.taken = true
    })
  }

  end(): void {
    if (!this.taken) return
    this.taken = false
    Effect.runForkWith(this.fiber.context)(this.starts.release(1))
  }
}

const started = (
  local: LocalActor,
  reach: PeerNetwork,
  spec: StartSpec,
  entry: Entry,
  handle: ProcessHandle,
  turn: Turn,
  fiber: Fiber.Fiber<unknown, unknown>,
  restore: Restore,
  span: Spans.Begun | undefined
): Effect.Effect<{ readonly child: ChildActor; readonly channel: PeerChannel }, ActorError> => {
  const timeouts = fiber.getRef(Timeouts)
  const clock = fiber.getRef(Clock.Clock)
  const startedAt = monotonicMillis(clock)
  const child = new ChildActor(
    local,
    handle,
    entry,
    { memoryLimit: spec.options.memoryLimit, timeouts },
    withoutCaller(fiber.context)
  )
  const booting = boot({
    handle,
    self: local.info.id,
    spec: {
      actor: handle.actor,
      ancestors: [...local.info.ancestors, local.info.id],
      expose: spec.definitions.map(({ endpoint, module }) => ({ module, name: endpoint.name })),
      service: spec.service ?? null,
      level: levelOf(fiber),
      timeouts,
      platform: reach.platform,
      ...(spec.isBehind === true ? { isBehind: true } : {})
    },
    events: local.events,
    context: withoutCaller(fiber.context),
    deadline: timeouts.spawn,
    explain: (done) => child.explain(done),
    reached: (step) => Spans.note(span, step),
    start: (message, channel) => {
      turn.end()
      child.dispatcher(channel, spec.relays).start(message)
    },
    ready: (channel) => child.attachChannel(channel, spec.relays),
    failure: (payload) => child.reportOf(payload)
  })
  // A ready actor is listed in the registry under its name.
  const ready = Effect.tap(
    booting,
    () => spec.isBehind ? Effect.void : reach.directory.ready(handle.actor.uuid, handle.actor.pid)
  )
  return Effect.matchCauseEffect(restore(ready), {
    onSuccess: (channel) => {
      Spans.note(span, "ready")
      const millis = Math.round(monotonicMillis(clock) - startedAt)
      local.events.publish({ _tag: "ActorReady", actor: child.actor, millis })
      return Effect.succeed({ child, channel })
    },
    onFailure: (cause) =>
      Effect.flatMap(abandon(local, spec.name, child, cause), () => Effect.failCause(withLastLines(cause, handle)))
  })
}

/**
 * Ends the actor of a failed or interrupted start. An actor that has become ready is asked to end; any other actor gets
 * a signal.
 */
const abandon = (
  local: LocalActor,
  name: string,
  child: ChildActor,
  cause: Cause.Cause<ActorError>
): Effect.Effect<void> => {
  const failed = cause.reasons.find(Cause.isFailReason)
  if (failed !== undefined) local.events.publish({ _tag: "ActorSpawnFailed", name, error: failed.error })
  return child.discard
}

/**
 * Adds the last lines of the actor's stderr to the failure of its start, because these lines may arrive later than the
 * failure.
 */
const withLastLines = (cause: Cause.Cause<ActorError>, { actor, lastLines }: ProcessHandle): Cause.Cause<ActorError> =>
  Cause.map(cause, (error) => {
    if (!(error instanceof SpawnFailed) || error.actor.uuid !== actor.uuid) return error
    const { failure, hint, reason, step } = error
    return withoutStack(() => new SpawnFailed({ actor: error.actor, failure, reason, stderr: lastLines(), step, hint }))
  })

const refuse = (local: LocalActor, name: string, reason: string): Effect.Effect<never, SpawnFailed> => {
  const actor = { name, uuid: "", pid: 0 }
  const error = withoutStack(() => new SpawnFailed({ actor, step: "process", reason, stderr: [], failure: null }))
  local.events.publish({ _tag: "ActorSpawnFailed", name, error })
  return Effect.fail(error)
}
