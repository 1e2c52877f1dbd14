/**
 * A topic, its publishers, and subscribers that read fast or slowly, and subscribe early or late.
 */
import { Supervisor, Topic } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { pause } from "./actors.ts"
import { wrong } from "./History.ts"
import { type Does, hurt, waits } from "./stage.ts"

const Word = Schema.Struct({ about: Schema.Literals(["tea", "rice"]), from: Schema.Int, n: Schema.Int })
type Word = typeof Word.Type

export class News extends Topic.Service<News>()("News", {
  module: import.meta.url,
  message: Word,
  key: ({ about }) => about,
  buffer: 8,
  replay: 4
}) {}
export const news = News.serve()

/**
 * The milliseconds within which every subscriber of the topic is ready, and the milliseconds within which every message
 * arrives.
 */
const standsMillis = 5_000
const arrivesMillis = 20_000

interface Reader {
  readonly words: Array<Word>
  dropped: number
  hasGap: boolean
}

const reads = (overflow: Topic.Overflow, millis: number, into: Reader) =>
  Stream.runForEach(News.subscribe({ overflow, window: 2 }), (element) => {
    if (element._tag === "Gap") into.hasGap = true
    if (element._tag === "Dropped") into.dropped += element.count
    if (element._tag === "Message") into.words.push(element.value)
    return pause(millis)
  })

const until = (isSo: Effect.Effect<boolean, unknown, News>, millis: number) =>
  Effect.gen(function*() {
    for (let passed = 0; passed < millis; passed += 20) {
      if (yield* isSo) return true
      yield* Effect.sleep(20)
    }
    return false
  })

const text = ({ about, from, n }: Word) => `${about} ${from} ${n}`

/**
 * Checks that a publisher's messages of one key arrive in the order in which they were published, and that two
 * readers get one order.
 */
const faultsOf = (readers: ReadonlyArray<Reader>): ReadonlyArray<string> => {
  const [one, two] = readers.map(({ words }) => words)
  const rising = readers.flatMap(({ words }, i) =>
    words.flatMap((word, j) => {
      const before = words.slice(0, j).findLast(({ about, from }) => about === word.about && from === word.from)
      return before !== undefined && before.n >= word.n ? [`reader ${i} heard ${text(word)} after ${text(before)}`] : []
    })
  )
  const differs = (["tea", "rice"] as const).filter((about) => {
    const [first, second] = [one!, two!].map((words) => words.filter((word) => word.about === about).map(text).join())
    return first !== second
  })
  return [...rising, ...differs.map((about) => `two readers heard ${about} in different orders`)]
}

export const topic: Does = ({ key, step: { a, b, c }, world }) => {
  const count = [3, 10, 20, 40, 5, 1][a]!
  const body = Effect.gen(function*() {
    const readers = [0, 1, 2].map((): Reader => ({ words: [], dropped: 0, hasGap: false }))
    const [one, two, loose] = readers as [Reader, Reader, Reader]
    yield* Effect.forkChild(reads("block", 0, one))
    yield* Effect.forkChild(reads("block", b === 1 ? 3 : 0, two))
    yield* Effect.forkChild(reads("drop-oldest", b === 2 ? 5 : 0, loose))
    // A subscriber that is too slow fails alone, and a subscriber that leaves does not block a publisher.
    yield* Effect.forkChild(Effect.exit(reads("error", b === 3 ? 20 : 0, { words: [], dropped: 0, hasGap: false })))
    const brief = yield* Effect.forkChild(
      reads("block", b === 4 ? 10_000 : 1, { words: [], dropped: 0, hasGap: false })
    )
    const stand = yield* until(Effect.map(News.statistics, ({ subscribers }) => subscribers >= 5), standsMillis)
    if (!stand) return yield* wrong("passesOn", `${key}: five subscribers do not stand after ${standsMillis} ms`)
    yield* Effect.forkChild(Effect.andThen(pause(waits[c]! + 1), Fiber.interrupt(brief)))
    if (b === 5) yield* Effect.forkChild(Effect.andThen(pause(waits[c]!), hurt("News", "kill", world.kill("News"))))
    const says = (from: number) =>
      Effect.forEach(
        Array.from({ length: count }, (_, n): Word => ({ about: n % 3 === 0 ? "tea" : "rice", from, n })),
        (word) => b === 5 ? Effect.exit(News.publish(word)) : News.publish(word),
        { discard: true }
      )
    yield* Effect.all([says(1), says(2)], { concurrency: 2 })
    if (b === 5) return
    const all = 2 * count
    const isThere = Effect.sync(() =>
      one.words.length === all && two.words.length === all && loose.words.length + loose.dropped === all
    )
    const came = yield* until(isThere, arrivesMillis)
    const lengths = `${one.words.length}, ${two.words.length} and ${loose.words.length}+${loose.dropped} of ${all}`
    if (!came) yield* wrong("passesOn", `${key}: the subscribers heard ${lengths} messages`)
    for (const fault of came ? faultsOf(readers.slice(0, 2)) : []) yield* wrong("passesOn", `${key}: ${fault}`)
    if (readers.some(({ hasGap }) => hasGap)) yield* wrong("passesOn", `${key}: a gap, and the topic was not hurt`)
  })
  const supervised = Supervisor.layer({ intensity: { restarts: 100, within: "1 minute" } }, [News])
  return Effect.scoped(b === 5 ? Effect.provide(body, supervised) : Effect.provide(body, News.layer))
}
