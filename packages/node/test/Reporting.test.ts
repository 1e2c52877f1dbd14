import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { a, chatter, type Exported, exporterTo, lastWords, speak } from "./fixtures/reporting.ts"
import { evidence, withActors } from "./support.ts"

interface Record {
  readonly level: string
  readonly message: ReadonlyArray<unknown>
  readonly annotations: { readonly [name: string]: unknown }
}

/** Collects the records that the root's loggers get. */
const recording = <A, E, R>(use: (records: ReadonlyArray<Record>) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const records: Array<Record> = []
    const logger = Logger.make<unknown, void>(({ cause, fiber, logLevel, message }) => {
      const texts = Array.isArray(message) ? message : [message]
      records.push({
        level: logLevel,
        message: cause.reasons.length === 0 ? texts : [...texts, Cause.pretty(cause)],
        annotations: fiber.getRef(References.CurrentLogAnnotations)
      })
    })
    return Effect.provide(use(records), Logger.layer([logger]))
  })

describe("Logs of actors", () => {
  it.live("logs of actors reach the root's loggers in order, with their levels, their annotations and the actor's name", () =>
    recording((records) =>
      withActors(Effect.gen(function*() {
        yield* Effect.annotateLogs(Actor.runInActor(speak()), { user: "u1", n: 7 })
        assert.deepStrictEqual(records.map(({ level, message }) => [level, message[0]]), [
          ["Info", "an info"],
          ["Warn", "a warning"],
          ["Error", "an error"],
          ["Fatal", "a fatal"],
          ["Warn", "from below"]
        ])
        const [info, warning, error, , below] = records
        assert.match(String(info!.annotations["actor"]), /^speak@\d+$/)
        assert.deepInclude(info!.annotations, { user: "u1" })
        assert.include(String(info!.message[1]), "1")
        assert.deepInclude(warning!.annotations, { request: "r1", user: "u1" })
        assert.include(error!.message.join(" "), "RangeError: inside")
        assert.match(String(below!.annotations["actor"]), /^speakBelow@\d+$/)
        assert.deepInclude(below!.annotations, { user: "u1", depth: "2" })
      }))
    ))

  it.live("logs of an actor are filtered by the log level of the actor's caller", () =>
    recording((records) =>
      withActors(Effect.gen(function*() {
        yield* Effect.provideService(Actor.runInActor(speak()), References.MinimumLogLevel, "Trace")
        assert.deepStrictEqual(records.map(({ level }) => level), [
          "Trace",
          "Debug",
          "Info",
          "Warn",
          "Error",
          "Fatal",
          "Warn"
        ])
        records.length satisfies number
        const before = records.length
        yield* Effect.provideService(Actor.runInActor(speak()), References.MinimumLogLevel, "Error")
        assert.deepStrictEqual(records.slice(before).map(({ level }) => level), ["Error", "Fatal"])
      }))
    ))

  it.live("no log line of an actor is lost, however many lines there are, and all lines arrive before the answer to the call", () =>
    recording((records) =>
      withActors(Effect.gen(function*() {
        yield* Actor.runInActor(chatter({ count: 3000 }))
        assert.strictEqual(records.length, 3000)
        assert.isTrue(records.every(({ message }, i) => message[0] === `record ${i}`))
      }))
    ))

  it.live("logs of a cancelled actor still reach the root's loggers", () =>
    recording((records) =>
      withActors(Effect.gen(function*() {
        const call = yield* Effect.forkChild(Actor.runInActor(lastWords()))
        yield* Eventually.holds("it said so", () => records.length === 1)
        yield* Fiber.interrupt(call)
        assert.strictEqual(records[0]!.message[0], "just before the end")
      }))
    ))
})

describe("The trace of a call through three actors is one tree of spans", () => {
  it.live("the trace of a call through three actors is one tree of spans, although each actor exports its own spans", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      yield* Effect.withSpan(
        Actor.runInActor(a(), { env: { set: { SPANS: file } } }),
        "root"
      ).pipe(Effect.provideService(Tracer.Tracer, exporterTo(file)))
      const spans = Folder.lines(file).map((line) => JSON.parse(line) as Exported)
      const byId = new Map(spans.map((span) => [span.spanId, span]))
      const path = (span: Exported | undefined): ReadonlyArray<string> =>
        span === undefined ? [] : [...path(byId.get(span.parent ?? "")), span.name]
      assert.deepStrictEqual(spans.map(path).map((names) => names.join(" > ")), [
        "root > furrow.start",
        "root > a > a > work in a > furrow.start",
        "root > a > a > work in a > b > b > work in b",
        "root > a > a > work in a > b > b",
        "root > a > a > work in a > b",
        "root > a > a > work in a",
        "root > a > a",
        "root > a",
        "root"
      ])
      assert.strictEqual(new Set(spans.map(({ traceId }) => traceId)).size, 1)
      assert.strictEqual(new Set(spans.map((span) => span.process)).size, 3)
    })))
})
