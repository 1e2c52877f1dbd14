/** Formats the events of actors, with one line for each event. */
import type { EventBatch, EventInspection } from "@furrow/actor/Inspect"
import { printable } from "@furrow/node/internal/diagnosis/text"

const timeOf = (at: number): string => new Date(at).toISOString().slice(11, 23)

const fieldsOf = ({ fields }: EventInspection): string =>
  Object.entries(fields).map(([name, value]) => ` ${printable(name)}=${printable(String(value))}`).join("")

/** Returns the lines of text for one batch of an actor's events. */
export const lines = (actor: string, { dropped, events }: EventBatch): ReadonlyArray<string> => [
  ...events.map((event) => `${timeOf(event.at)} ${printable(actor)} ${printable(event.event)}${fieldsOf(event)}`),
  ...dropped === 0 ? [] : [`${" ".repeat(12)} ${printable(actor)} ${dropped} more events were left out`]
]

/** Returns the events of actors as lines of JSON, with one object for each event. */
export const jsonLines = (actor: string, { dropped, events }: EventBatch): ReadonlyArray<string> => [
  ...events.map(({ at, event, fields }) => JSON.stringify({ at, actor, event, ...fields })),
  ...dropped === 0 ? [] : [JSON.stringify({ actor, dropped })]
]
