/**
 * Formats dead actors as a table, and the post-mortem of one actor as text. Names of dead actors come from their
 * program and may hold control characters, which a terminal must not obey.
 */
import { duration, mebibytes, printable, table } from "@furrow/node/internal/diagnosis/text"
import type { Grave } from "@furrow/node/NodeGraves"

const head = ["id", "died", "actor", "pid", "death", "served"]

const servedOf = ({ doing }: Grave): string => {
  const [first, ...others] = doing.filter(({ recorded }) => recorded)
  if (first === undefined) return ""
  const more = others.length === 0 ? "" : ` and ${others.length} more`
  return `${printable(first.endpoint)} for ${printable(first.caller)}, ${duration(first.millis)}${more}`
}

const ago = ({ at }: Grave, now: number): string => `${duration(Math.max(0, now - at))} ago`

/** The table of dead actors begins with the newest death. */
export const list = (graves: ReadonlyArray<Grave>, now: number): ReadonlyArray<string> =>
  graves.length === 0 ? ["No actor of this user has died unexpectedly."] : table([
    head,
    ...graves.map((grave) => [
      grave.id,
      ago(grave, now),
      printable(grave.actor.name),
      String(grave.actor.pid),
      grave.death ?? "unknown",
      servedOf(grave)
    ])
  ])

const stateText = ({ at, is }: NonNullable<Grave["state"]>): string =>
  at === undefined || at === "" ? is : `${is} in ${printable(at)}`

const stepsOf = ({ steps }: Grave): ReadonlyArray<string> =>
  steps.length === 0 ? [] : [
    "  its last steps, before its record ended:",
    ...steps.map(({ beforeMillis, endpoint, what }) => `    ${duration(beforeMillis)}: ${what} ${printable(endpoint)}`)
  ]

/** Returns the lines of one post-mortem: the death of an actor, and all known facts about the death. */
export const story = (grave: Grave, now: number): ReadonlyArray<string> => [
  `${printable(grave.actor.name)} (${grave.actor.pid}) died ${ago(grave, now)}: ${printable(grave.how)}`,
  ...grave.hint === null ? [] : [`  ${printable(grave.hint)}`],
  ...grave.above.length === 0 ? [] : [`  below ${grave.above.map(printable).join(" / ")}`],
  ...grave.doing.map(({ caller, endpoint, millis, recorded }) =>
    `  ${recorded ? "served" : "was asked for"} ${printable(endpoint)} by ${printable(caller)}, ${duration(millis)}`
  ),
  ...grave.heap === null ? [] : [`  heap ${mebibytes(grave.heap.used)} of ${mebibytes(grave.heap.limit)}`],
  ...grave.state === null ? [] : [`  ${stateText(grave.state)} when its owner sent it a signal`],
  `  ${grave.begun} calls in all`,
  ...stepsOf(grave)
]
