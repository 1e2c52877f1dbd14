import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { count, isPrime } from "./fixtures/prime.ts"
import { spanHere, traced, tracedFailure } from "./fixtures/talking.ts"
import { inMemory } from "./support/InMemory.ts"

/** A tracer that remembers. */
const recorder = () => {
  const spans: Array<Tracer.Span> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  return { spans: spans as ReadonlyArray<Tracer.Span>, tracer }
}

const parentOf = (span: Tracer.Span): string | undefined =>
  span.parent._tag === "Some" ? span.parent.value.spanId : undefined

const nameOf = ({ name }: Tracer.Span): string => name.replace("furrow.", "")

/** The tree of spans as text: `root > child > ...`, one line for each span. */
const paths = (spans: ReadonlyArray<Tracer.Span>): ReadonlyArray<string> => {
  const path = (span: Tracer.Span): string => {
    const parent = spans.find(({ spanId }) => spanId === parentOf(span))
    return parent === undefined ? nameOf(span) : `${path(parent)} > ${nameOf(span)}`
  }
  return spans.map(path)
}

describe("Traces over several actors", () => {
  it.effect("G62: the trace of a program over three actors is one tree", () =>
    Effect.gen(function*() {
      const { spans, tracer } = recorder()
      yield* Actor.runInActor(traced({ depth: 2 })).pipe(
        Effect.withSpan("program"),
        inMemory,
        Effect.withTracer(tracer)
      )
      assert.deepStrictEqual(paths(spans), [
        "program",
        "program > start",
        "program > traced",
        "program > traced > traced",
        "program > traced > traced > inner 2",
        "program > traced > traced > inner 2 > start",
        "program > traced > traced > inner 2 > traced",
        "program > traced > traced > inner 2 > traced > traced",
        "program > traced > traced > inner 2 > traced > traced > inner 1",
        "program > traced > traced > inner 2 > traced > traced > inner 1 > start",
        "program > traced > traced > inner 2 > traced > traced > inner 1 > traced",
        "program > traced > traced > inner 2 > traced > traced > inner 1 > traced > traced",
        "program > traced > traced > inner 2 > traced > traced > inner 1 > traced > traced > inner 0"
      ])
      assert.strictEqual(new Set(spans.map(({ traceId }) => traceId)).size, 1)
      assert.deepStrictEqual(spans.filter(({ name }) => name === "traced").map(({ kind }) => kind), [
        "client",
        "server",
        "client",
        "server",
        "client",
        "server"
      ])
      assert.isTrue(spans.every(({ status }) => status._tag === "Ended" && Exit.isSuccess(status.exit)))
    }))

  it.effect("a call outside of any span makes no span in its actor", () =>
    Effect.gen(function*() {
      const { spans, tracer } = recorder()
      yield* Actor.runInActor(isPrime({ n: 7 })).pipe(inMemory, Effect.withTracer(tracer))
      assert.deepStrictEqual(spans, [])
    }))

  it.effect("each call is a child of the span in which it was made, not of the span in which its actor was started", () =>
    Effect.gen(function*() {
      const { spans, tracer } = recorder()
      yield* Actor.nursery(Effect.gen(function*() {
        const frank = yield* Effect.withSpan(Actor.start("frank", { expose: [isPrime, count] }), "start")
        yield* frank.run(isPrime({ n: 7 }))
        yield* Effect.withSpan(frank.run(isPrime({ n: 7 })), "one")
        yield* Effect.withSpan(Stream.runDrain(frank.stream(count({ to: 3 }))), "two")
      })).pipe(inMemory, Effect.withTracer(tracer))
      assert.deepStrictEqual(paths(spans), [
        "start",
        "start > start",
        "one",
        "one > isPrime",
        "one > isPrime > isPrime",
        "two",
        "two > count",
        "two > count > count"
      ])
    }))

  it.effect("a failure of a call ends its span as failed, and the trace stays one tree", () =>
    Effect.gen(function*() {
      const { spans, tracer } = recorder()
      yield* Effect.exit(Actor.runInActor(tracedFailure())).pipe(
        Effect.withSpan("program"),
        inMemory,
        Effect.withTracer(tracer)
      )
      const ends = spans.filter(({ name }) => name === "tracedFailure")
      assert.deepStrictEqual(ends.map(({ kind }) => kind), ["client", "server"])
      for (const { attributes, status } of ends) {
        assert.isTrue(status._tag === "Ended" && Exit.isFailure(status.exit))
        assert.strictEqual(attributes.get("rpc.method"), "tracedFailure")
      }
      assert.deepStrictEqual(paths(spans), [
        "program",
        "program > start",
        "program > tracedFailure",
        "program > tracedFailure > tracedFailure"
      ])
    }))

  it.effect("G298: no span of Effect's own tracer reaches another actor, and no handler makes a span under this tracer", () =>
    Effect.gen(function*() {
      const seen = yield* Effect.withSpan(Actor.runInActor(spanHere({ depth: 1 })), "program").pipe(
        inMemory,
        Effect.withTracer(Tracer.nativeTracer)
      )
      assert.deepStrictEqual(seen, ["none"])
    }))

  it.effect("G298: a trace from outside goes through actors whose own spans have no reader", () =>
    Effect.gen(function*() {
      const outside = Tracer.externalSpan({ traceId: "the-trace", spanId: "the-span" })
      const seen = yield* Actor.runInActor(spanHere({ depth: 2 })).pipe(
        Effect.withSpan("program"),
        Effect.withParentSpan(outside),
        inMemory,
        Effect.withTracer(Tracer.nativeTracer)
      )
      assert.deepStrictEqual(seen, ["ExternalSpan", "the-trace"])
    }))

  it.effect("G298: a span of a handler belongs to the trace of its caller when the program has its own tracer", () =>
    Effect.gen(function*() {
      const { spans, tracer } = recorder()
      const [tag, trace] = yield* Effect.withSpan(Actor.runInActor(spanHere({ depth: 0 })), "program").pipe(
        inMemory,
        Effect.withTracer(tracer)
      )
      assert.deepStrictEqual([tag, trace], ["Span", spans[0]!.traceId])
      assert.include(spans.map(({ kind, name }) => `${name} ${kind}`), "spanHere server")
    }))

  it.effect("the sampling decision of a trace crosses to other actors", () =>
    Effect.gen(function*() {
      const { spans, tracer } = recorder()
      yield* Actor.runInActor(traced({ depth: 0 })).pipe(
        Effect.withSpan("program", { sampled: false }),
        inMemory,
        Effect.withTracer(tracer)
      )
      assert.deepStrictEqual(spans.map(({ sampled }) => sampled), Array.from(spans, () => false))
    }))
})
