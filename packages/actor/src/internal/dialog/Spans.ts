/**
 * Makes the spans of calls and of actors' starts. Spans are made only for work that has a span under a tracer of the
 * program, because the spans of Effect's default tracer are never read.
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { isInternal } from "../contract/Endpoint.ts"
import { type ActorId, formatActor } from "../errors/ActorError.ts"
import { summaryOf } from "../errors/Boxing.ts"

/** A span that has begun, with the clock that times its end. */
export interface Begun {
  readonly span: Tracer.Span
  readonly clock: Clock.Clock
}

/** The span attributes that both the caller and the callee of a call set. */
export const attributesOf = (endpoint: string, self: ActorId, peer: ActorId): Readonly<Record<string, string>> => ({
  "rpc.system": "furrow",
  "rpc.method": endpoint,
  "furrow.actor": formatActor(self),
  "furrow.peer": formatActor(peer)
})

/** True for a tracer of the program; the spans of Effect's default tracer are never read. */
export const isPrograms = (tracer: Tracer.Tracer | undefined): boolean =>
  tracer !== undefined && tracer !== Tracer.nativeTracer

const isTraced = ({ cache }: Fiber.Fiber<unknown, unknown>): boolean =>
  cache.span !== undefined && isPrograms(cache.tracer) && cache.tracerEnabled

/**
 * The last context for which `areRead` computed its answer. Most handlers of an actor share one context, so the next
 * call of `areRead` rarely computes again.
 */
let asked: Context.Context<never> | undefined
let answer = false

/** True for a context whose spans are read; the spans of Effect's default tracer are never read. */
export const areRead = (context: Context.Context<never>): boolean => {
  if (context === asked) return answer
  asked = context
  answer = isPrograms(Context.get(context, Tracer.Tracer)) && Context.get(context, References.TracerEnabled)
  return answer
}

const begun = (
  fiber: Fiber.Fiber<unknown, unknown>,
  name: string,
  kind: Tracer.SpanKind,
  attributes: Readonly<Record<string, string>>
): Begun => ({
  span: Effect.runSyncWith(fiber.context)(Effect.makeSpan(name, { kind, attributes })),
  clock: fiber.getRef(Clock.Clock)
})

/** Begins the span of a call that is about to begin; `undefined` for the runtime's own calls. */
export const ofCall = (
  fiber: Fiber.Fiber<unknown, unknown>,
  endpoint: string,
  self: ActorId,
  peer: ActorId
): Begun | undefined =>
  !isTraced(fiber) || isInternal(endpoint)
    ? undefined
    : begun(fiber, endpoint, "client", attributesOf(endpoint, self, peer))

/** Begins the span of an actor's start, whose steps become events of the span. */
export const ofStart = (fiber: Fiber.Fiber<unknown, unknown>, name: string, self: ActorId): Begun | undefined =>
  isTraced(fiber)
    ? begun(fiber, "furrow.start", "internal", { "furrow.actor": formatActor(self), "furrow.child": name })
    : undefined

/** Adds a step of an actor's start to the span of the start, as an event. */
export const note = (begun: Begun | undefined, step: string): void =>
  begun?.span.event(step, begun.clock.currentTimeNanosUnsafe())

/** Ends a span with an exit; the type of a failed exit's error becomes an attribute. */
export const end = ({ clock, span }: Begun, exit: Exit.Exit<unknown, unknown>): void => {
  const failed = Exit.isFailure(exit) ? exit.cause.reasons.find((reason) => reason._tag !== "Interrupt") : undefined
  if (failed !== undefined) {
    span.attribute("error.type", summaryOf(failed._tag === "Die" ? failed.defect : failed.error).type)
  }
  span.end(clock.currentTimeNanosUnsafe(), exit)
}
