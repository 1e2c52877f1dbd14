/**
 * The events of one actor for an observer: an event holds names, counts and ages, and never the text of a failure.
 *
 * An observer never slows the actor that it observes. Events wait in a list of a fixed size, which is sent to the
 * observer several times per second. Events that find the list full are dropped and counted, and the next batch holds
 * the count.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type ActorId, formatActor } from "../errors/ActorError.ts"
import type { ActorEvent, Events, TrafficEvent } from "../inspect/ActorEvent.ts"
import type { EventBatch, EventInspection } from "../inspect/Inspection.ts"

/** The number of events in one batch for an observer; further events are dropped and counted. */
const maxEvents = 500

/** The milliseconds between two batches of events for an observer. */
const everyMillis = 100

/** The largest number of characters of one text in an observer's event; longer texts are cut. */
const maxChars = 200

const short = (text: string): string => text.length <= maxChars ? text : text.slice(0, maxChars)

/**
 * The names of the text fields that an observer gets of an actor's event. Their values are names, such as an endpoint's
 * name, and contain no user data. All other fields of an event, such as the text of a failure, stay in the actor.
 */
const named = ["name", "child", "endpoint", "rung", "fate", "side", "end", "by"] as const

const counted = ["id", "millis", "count", "deaths", "incarnation", "open"] as const

const isActor = (value: unknown): value is ActorId => typeof value === "object" && value !== null && "uuid" in value

const tagOf = (value: unknown): string | undefined => {
  const { _tag } = (value ?? {}) as { readonly _tag?: unknown }
  return typeof _tag === "string" ? short(_tag) : undefined
}

/** The part of an event that an observer may get. */
export const inspectEvent = (event: ActorEvent | TrafficEvent, at: number): EventInspection => {
  const fields = event as unknown as Readonly<Record<string, unknown>>
  const shown: Record<string, string | number> = {}
  for (const name of named) if (typeof fields[name] === "string") shown[name] = short(fields[name])
  for (const name of counted) if (typeof fields[name] === "number") shown[name] = Math.round(fields[name] * 10) / 10
  for (const name of ["actor", "peer"]) {
    const actor = fields[name]
    if (isActor(actor)) shown[name] = short(formatActor(actor))
  }
  for (const name of ["error", "exit"]) {
    const tag = tagOf(fields[name])
    if (tag !== undefined) shown[name] = tag
  }
  return { at, event: event._tag, fields: shown }
}

/** The events of an actor from now on, in batches, until the reader leaves the stream. */
export const watch = (events: Events, clock: () => number): Stream.Stream<EventBatch> =>
  Stream.unwrap(Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const watching = new Watching(clock)
        return { watching, stops: [events.subscribe(watching.saw), events.watch(watching.saw)] }
      }),
      ({ stops }) => Effect.sync(() => stops.forEach((stop) => stop()))
    ),
    ({ watching }) =>
      Stream.fromEffectRepeat(Effect.andThen(Effect.sleep(everyMillis), Effect.sync(() => watching.take())))
        .pipe(Stream.filter(({ dropped, events }) => dropped > 0 || events.length > 0))
  ))

/** The events that wait to be handed over to an observer. */
export class Watching {
  private readonly clock: () => number
  private events: Array<EventInspection> = []
  private dropped = 0

  constructor(clock: () => number) {
    this.clock = clock
  }

  readonly saw = (event: ActorEvent | TrafficEvent): void => {
    if (this.events.length >= maxEvents) this.dropped++
    else this.events.push(inspectEvent(event, this.clock()))
  }

  take(): EventBatch {
    const { dropped, events } = this
    this.events = []
    this.dropped = 0
    return { events, dropped }
  }
}
