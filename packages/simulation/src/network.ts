/**
 * Steps of a random program in which actors find each other by name and call each other.
 */
import { Registry } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { job } from "./actors.ts"
import * as Peers from "./peers.ts"
import { type Does, keyBelow, waits } from "./stage.ts"

export const far: Does = ({ key, other, portal, step: { a, b } }) =>
  other.run(Peers.far({
    key,
    times: 1 + a,
    whom: portal.ref as never,
    work: { key: keyBelow(key, 0), wait: waits[b]!, end: "return", cleanup: 0 }
  }))

/** Makes two actors dial each other at the same moment. */
export const cross: Does = (stage) =>
  Effect.all([
    far(stage),
    far({ ...stage, key: stage.key + 5000, portal: stage.other, other: stage.portal })
  ], { concurrency: 2, discard: true })

export const find: Does = ({ key, name, other, step: { b } }) =>
  b % 2 === 0
    ? other.run(Peers.seek({ name, work: { key: keyBelow(key, 0), wait: 0, end: "return", cleanup: 0 } }))
    : Effect.scoped(Effect.flatMap(
      Registry.find([job], name),
      Option.match({
        onNone: () => Effect.succeed(-1),
        onSome: (portal) => portal.run(job({ work: { key: keyBelow(key, 0), wait: 0, end: "return", cleanup: 0 } }))
      })
    ))
