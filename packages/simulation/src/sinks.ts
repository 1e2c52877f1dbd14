/**
 * Steps in which log sinks throw and readers of events die, while other log sinks and readers must lose nothing.
 */
import { Actor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { job } from "./actors.ts"
import { wrong } from "./History.ts"
import * as Peers from "./peers.ts"
import { type Does, keyBelow } from "./stage.ts"

/** The ways in which the logger of the root throws errors: always, at every second line and so on. */
const ways = ["always", "undefined", "every second", "at errors", "frozen", "at lines"] as const

/** Milliseconds for which the program's logger throws. */
const badMillis = [5, 100, 3_000, 20, 500, 1] as const

export const make = () => {
  let way: typeof ways[number] | undefined
  let count = 0
  const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
    count++
    switch (way) {
      case "always":
        throw new Error("the sink threw")
      case "undefined":
        throw undefined
      case "every second":
        if (count % 2 === 0) throw new Error("the sink threw")
        return
      case "at errors":
        if (logLevel === "Error") throw new Error("the sink threw at an Error")
        return
      case "frozen":
        throw Object.freeze({ _tag: "Frozen" })
      case "at lines":
        if (String(message).startsWith("line")) throw new Error("the sink threw at a line")
        return
    }
  })
  const spoilLogs = (how: number, millis: number): Effect.Effect<void> =>
    Effect.gen(function*() {
      way = ways[how]
      yield* Effect.sleep(millis)
      way = undefined
    })
  return { logger, spoilLogs }
}

/** Returns the number of lines that an actor logs in this step of a random program. */
export const linesOf = (a: number): number => 1 + a * 3

/** Makes an actor log while a log sink of the root throws, or while a log sink in the actor's own handler throws. */
export const sink: Does = ({ key, portal, spoilLogs, step: { a, b, c } }) =>
  Effect.andThen(
    Effect.forkChild(spoilLogs(b, badMillis[a]!), { startImmediately: true }),
    portal.run(c === 5 ? Peers.grumble({ key }) : Peers.chat({ key, lines: linesOf(a) }))
  )

/**
 * Milliseconds within which a reader has subscribed to the events, and within which it has got all events that have
 * happened.
 */
const settleMillis = 100

/** The events that a reader must get of one actor that is started, called and ended. */
const wanted = ["ActorSpawning", "ActorReady", "ActorEnded"]

/**
 * Reads the events of the root with two readers while an actor comes and goes. The first reader dies at one of the
 * events, and the second reader must get all events.
 */
export const hooks: Does = ({ key, step: { a, b } }) => {
  const name = `hook${key}`
  return Effect.scoped(Effect.gen(function*() {
    let count = 0
    const dying = Stream.runForEach(Actor.events, () => {
      if (count++ === a % 3) throw new Error("the reader of events threw")
      return Effect.void
    })
    const heard: Array<string> = []
    const hearing = Stream.runForEach(Actor.events, (event) =>
      Effect.sync(() => {
        const of = "name" in event ? event.name : "actor" in event ? event.actor.name : ""
        if (of === name) heard.push(event._tag)
      }))
    const isFirst = b % 2 === 0
    for (const reader of isFirst ? [dying, hearing] : [hearing, dying]) {
      yield* Effect.forkScoped(Effect.exit(reader), { startImmediately: true })
    }
    // The step waits until the readers `dying` and `hearing` have subscribed to the events.
    yield* Effect.sleep(settleMillis)
    const one = Effect.scoped(Effect.flatMap(
      Actor.startScoped(name, { expose: [job] }),
      (portal) => portal.run(job({ work: { key: keyBelow(key, 0), wait: 0, end: "return", cleanup: 0 } }))
    ))
    yield* one
    yield* Effect.sleep(settleMillis)
    const told = wanted.filter((tag) => heard.includes(tag))
    if (told.join() !== wanted.join()) {
      yield* wrong("tellsEvents", `${key}: of ${wanted.join(", ")} a reader heard ${heard.join(", ")}`)
    }
  }))
}
