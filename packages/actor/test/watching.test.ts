/** The events of an actor as an observer gets them, and the spans and counts that cost nothing without a listener. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, MemoryActor, Telemetry } from "@furrow/actor"
import * as Spans from "@furrow/actor/internal/dialog/Spans"
import { makeEvents, type TrafficEvent } from "@furrow/actor/internal/inspect/ActorEvent"
import { Meter } from "@furrow/actor/internal/inspect/Meter"
import { inspectEvent, Watching } from "@furrow/actor/internal/local/Watching"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Tracer from "effect/Tracer"
import { isPrime } from "./fixtures/prime.ts"
import { idOf } from "./support/Wire.ts"

const secret = "the-text-is-secret"

const opened = (id: number): TrafficEvent => ({
  _tag: "DialogOpened",
  side: "caller",
  peer: idOf("b"),
  id,
  endpoint: "e"
})

describe("Events for an observer", () => {
  it("G288: an observer's events wait up to a bound, further events are dropped, and each batch contains the number of dropped events", () => {
    const watching = new Watching(() => 7)
    for (let i = 0; i < 100_000; i++) watching.saw(opened(i))
    const { dropped, events } = watching.take()
    assert.strictEqual(events.length + dropped, 100_000)
    assert.isAtMost(events.length, 500)
    assert.deepStrictEqual(events[0], {
      at: 7,
      event: "DialogOpened",
      fields: { side: "caller", endpoint: "e", id: 0, peer: `b@${idOf("b").pid}` }
    })
    watching.saw(opened(1))
    assert.deepStrictEqual([watching.take().events.length, watching.take()], [1, { events: [], dropped: 0 }])
  })

  it("G288: an event for an observer holds names and the kind of an error, and never a text", () => {
    const actor = idOf("a")
    const boxed = { type: "Error", message: secret, stack: secret, cause: null, origin: actor, path: [] }
    const error = new ActorError.ActorLost({
      actor,
      how: { _tag: "Exited", code: 1 },
      began: "maybe",
      stderr: [secret],
      failure: boxed
    })
    const shown = [
      inspectEvent({ _tag: "ActorLost", actor, error }, 0),
      inspectEvent({ _tag: "ActorEnded", actor, exit: { _tag: "Failed", error, cleanup: [boxed] } as never }, 0),
      inspectEvent({ _tag: "BackgroundFailed", actor, failure: boxed }, 0),
      inspectEvent({ _tag: "FailureSuppressed", actor, text: secret }, 0),
      inspectEvent({ _tag: "StrangerRefused", reason: secret }, 0),
      inspectEvent({ _tag: "Violation", actor, text: secret }, 0)
    ]
    assert.notInclude(JSON.stringify(shown), secret)
    assert.deepStrictEqual(shown.map(({ fields }) => fields["error"] ?? fields["exit"]), [
      "ActorLost",
      "Failed",
      undefined,
      undefined,
      undefined,
      undefined
    ])
  })

  it("G288: no step of a dialog is reported while no observer watches", () => {
    const events = makeEvents()
    assert.isFalse(events.isWatched)
    const told: Array<string> = []
    const stop = events.watch(({ _tag }) => told.push(_tag))
    assert.isTrue(events.isWatched)
    events.tell(opened(1))
    stop()
    assert.isFalse(events.isWatched)
    events.tell(opened(2))
    assert.deepStrictEqual(told, ["DialogOpened"])
  })
})

const spanOf = (tracer: Tracer.Tracer | undefined, endpoint = "e") => {
  const made = Effect.withFiber((fiber) => Effect.succeed(Spans.ofCall(fiber, endpoint, idOf("a"), idOf("b"))))
  const within = Effect.withSpan(made, "program")
  return Effect.runSync(tracer === undefined ? within : Effect.withTracer(within, tracer))
}

const listening = Tracer.make({ span: (options) => new Tracer.NativeSpan(options) })

describe("An actor whose spans and metrics have no reader counts its calls", () => {
  it("G286: a call makes a span under a tracer of the program, and none under Effect's own tracer", () => {
    assert.isUndefined(spanOf(undefined))
    assert.isUndefined(spanOf(Tracer.nativeTracer))
    assert.strictEqual(spanOf(listening)?.span.kind, "client")
    assert.isUndefined(spanOf(listening, "furrow/logs"))
  })

  it("G286: calls of endpoints beyond a limit are counted together under one name", () => {
    const meter = new Meter()
    for (let i = 0; i < 2000; i++) meter.callsOf(`e${i}`).ok++
    assert.isAtMost(meter.endpoints.size, 501)
    const all = Array.from(meter.endpoints.values(), ({ ok }) => ok).reduce((a, b) => a + b, 0)
    assert.strictEqual(all, 2000)
  })

  it("G286: calls of two endpoints in turn are counted for their own endpoint, with their durations", () => {
    const meter = new Meter()
    for (let i = 1; i <= 4; i++) meter.callsOf(i % 2 === 0 ? "even" : "odd").millis.add(i)
    const { millis } = meter.callsOf("even")
    assert.deepStrictEqual([millis.count, millis.sum, millis.min, millis.max], [2, 6, 2, 4])
    assert.strictEqual(meter.callsOf("odd").millis.sum, 4)
    assert.isUndefined(meter.known("furrow/logs"))
  })

  it.effect("G286: calls are counted by endpoint and outcome for the metrics that an ambient Layer requests", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        yield* Actor.runInActor(isPrime({ n: 7 }))
        yield* Effect.exit(Actor.runInActor(isPrime({ n: -1 })))
        return yield* Metric.snapshot
      })
      const found = yield* program.pipe(
        Effect.provide(MemoryActor.layer({ ambient: Telemetry.metrics })),
        Effect.provideService(Metric.MetricRegistry, new Map())
      )
      const counts = found.filter(({ id }) => id === "furrow.calls").map(({ attributes, state }) => [
        attributes?.["actor"],
        attributes?.["endpoint"],
        attributes?.["outcome"],
        (state as { readonly count: number }).count
      ]).filter(([, , , count]) => count !== 0)
      assert.deepStrictEqual(counts, [["root", "isPrime", "ok", 1], ["root", "isPrime", "failed", 1]])
      const starts = found.find(({ attributes, id }) => id === "furrow.starts" && attributes?.["outcome"] === "ready")
      assert.deepStrictEqual(starts?.state, { count: 2, incremental: true })
    }))
})
