/** Tests traces, metrics and logs of a tree of processes, as a collector over HTTP gets them. */
import { assert, describe, it } from "@effect/vitest"
import * as Actor from "@furrow/actor/Actor"
import * as Telemetry from "@furrow/actor/Telemetry"
import * as Timeouts from "@furrow/actor/Timeouts"
import * as NodeActor from "@furrow/node/NodeActor"
import * as WithActors from "@furrow/testing/WithActors"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Http from "node:http"
import type * as Net from "node:net"
import { delegate, Levels, speak, speakBelow } from "./fixtures/telemetry.ts"
import "./support.ts"

interface Value {
  readonly stringValue?: string
  readonly intValue?: number | string
}
type Attributes = ReadonlyArray<{ readonly key: string; readonly value: Value }>

const attribute = (attributes: Attributes, name: string): string | undefined => {
  const value = attributes.find(({ key }) => key === name)?.value
  return value?.stringValue ?? (value?.intValue === undefined ? undefined : String(value.intValue))
}

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly attributes: Attributes
  readonly events: ReadonlyArray<{ readonly name: string }>
  readonly status: { readonly code: number }
}

interface DataPoint {
  readonly attributes: Attributes
  readonly asInt?: number
  readonly asDouble?: number
  readonly count?: number
}

interface LogLine {
  readonly traceId?: string
  readonly attributes: Attributes
  readonly body: unknown
}

/** Data of one kind, each with the path of the actor that sent it. */
type From<A> = ReadonlyArray<{ readonly path: string; readonly it: A }>

/** The requests of a collector in the order of their arrival. */
class Collected {
  readonly requests: Array<{ readonly url: string; readonly key: string | undefined; readonly body: any }> = []

  private parts(url: string, resources: string, scopes: string, items: string): From<any> {
    return this.requests.filter((request) => request.url === url).flatMap(({ body }) =>
      body[resources].flatMap((resource: any) =>
        resource[scopes].flatMap((scope: any) =>
          scope[items].map((it: unknown) => ({
            path: attribute(resource.resource.attributes, "furrow.actor.path"),
            service: attribute(resource.resource.attributes, "service.name"),
            it
          }))
        )
      )
    )
  }

  get spans(): From<Span> {
    return this.parts("/v1/traces", "resourceSpans", "scopeSpans", "spans")
  }

  /** The last value of each metric of each actor. */
  get metrics(): ReadonlyMap<string, ReadonlyArray<DataPoint>> {
    const all: From<any> = this.parts("/v1/metrics", "resourceMetrics", "scopeMetrics", "metrics")
    return new Map(
      all.map(({ it, path }) => [`${path} ${it.name}`, (it.sum ?? it.gauge ?? it.histogram).dataPoints])
    )
  }

  get logs(): From<LogLine> {
    return this.parts("/v1/logs", "resourceLogs", "scopeLogs", "logRecords")
  }
}

/** A collector of OTLP over HTTP. */
const collector = Effect.gen(function*() {
  const collected = new Collected()
  const server = yield* Effect.acquireRelease(
    Effect.callback<Http.Server>((resume) => {
      const server = Http.createServer((request, response) => {
        const pieces: Array<Buffer> = []
        request.on("data", (piece: Buffer) => void pieces.push(piece))
        request.on("end", () => {
          const { headers, url } = request
          const body = JSON.parse(Buffer.concat(pieces).toString())
          collected.requests.push({ url: url!, key: headers["x-key"] as string | undefined, body })
          response.writeHead(200, { "content-type": "application/json" }).end("{}")
        })
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  return { collected, url: `http://127.0.0.1:${(server.address() as Net.AddressInfo).port}` }
})

const nameOf = ({ it }: { readonly it: Span }) => it.name

describe("Telemetry of a tree", () => {
  it.live(
    "G283: a collector gets one trace over root and actors, with each span once, and the metrics of each actor",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { collected, url } = yield* collector
        const ambient = Telemetry.otlp({ url, service: "shop", headers: { "x-key": "k" }, shutdownMillis: 20_000 })
        yield* WithActors.provide(NodeActor.layer({ ambient }))(
          Actor.nursery(Effect.gen(function*() {
            const above = yield* Actor.start("above", { expose: [delegate] })
            assert.strictEqual(yield* above.run(delegate({ n: 4 })), 11)
          })).pipe(Effect.withSpan("program"), Timeouts.provide({ finalizers: "60 seconds" }))
        )
        const { logs, metrics, requests, spans } = collected
        assert.isTrue(requests.every(({ key }) => key === "k"))

        assert.strictEqual(new Set(spans.map(({ it }) => it.traceId)).size, 1)
        const ids = new Set(spans.map(({ it }) => it.spanId))
        assert.strictEqual(ids.size, spans.length, "each span is sent once")
        for (const { it } of spans) {
          if (it.name !== "program") {
            assert.isTrue(ids.has(it.parentSpanId!), `${it.name} hangs below a span that was sent`)
          }
        }
        assert.deepStrictEqual(
          spans.map(({ it, path }) => `${path}: ${it.name} ${it.kind}`).toSorted(),
          [
            "root/above/below: double 2",
            "root/above/below: double 2",
            "root/above/below: numbers 2",
            "root/above/below: work 1",
            "root/above/below: work 1",
            "root/above: delegate 2",
            "root/above: double 3",
            "root/above: double 3",
            "root/above: furrow.start 1",
            "root/above: numbers 3",
            "root: delegate 3",
            "root: furrow.start 1",
            "root: program 1"
          ]
        )
        const byId = new Map(spans.map(({ it }) => [it.spanId, it]))
        for (const { it } of spans.filter(({ it }) => it.kind === 2)) {
          const above = byId.get(it.parentSpanId!)
          assert.deepStrictEqual([above?.name, above?.kind], [it.name, 3], "an answer hangs below its call")
        }
        const starts = spans.filter((span) => nameOf(span) === "furrow.start")
        for (const { it } of starts) {
          // The step `layers` occurs only where building the layers takes a while.
          const steps = it.events.map(({ name }) => name).filter((name) => name !== "layer")
          assert.deepStrictEqual(steps, ["process", "import", "ready"])
        }
        const asked = spans.find((span) => nameOf(span) === "delegate" && span.it.kind === 3)!.it.attributes
        assert.match(attribute(asked, "furrow.actor")!, /^root@\d+$/)
        assert.match(attribute(asked, "furrow.peer")!, /^above@\d+$/)
        const failed = spans.filter((span) => nameOf(span) === "double" && span.it.status.code === 2)
        assert.sameDeepMembers(failed.map(({ it }) => attribute(it.attributes, "error.type")), ["Odd", undefined])

        const calls = metrics.get("root/above furrow.calls")!
        const count = (endpoint: string, outcome: string) =>
          calls.filter(({ attributes }) =>
            attribute(attributes, "endpoint") === endpoint && attribute(attributes, "outcome") === outcome
          ).map((point) => point.asDouble ?? point.asInt)
        assert.deepStrictEqual([count("double", "ok"), count("double", "failed"), count("numbers", "ok")], [[1], [1], [
          1
        ]])
        assert.deepStrictEqual(metrics.get("root/above furrow.start.duration")?.map((point) => point.count), [1])
        // The metric of the program exists only in its own actor.
        assert.deepStrictEqual(metrics.get("root/above/below doubled")?.map((point) => point.asDouble ?? point.asInt), [
          2
        ])
        assert.isUndefined(metrics.get("root doubled"))

        const lines = logs.filter(({ it }) => JSON.stringify(it.body).includes("doubling"))
        assert.deepStrictEqual(lines.map(({ path }) => path), ["root", "root"], "the root sends the logs of all")
        for (const { it } of lines) assert.strictEqual(it.traceId, spans[0]!.it.traceId)
      })),
    120_000
  )

  it.live(
    "G284: a tree answers calls and ends normally although its telemetry collector cannot be reached",
    () =>
      Effect.gen(function*() {
        // The port of a server that has ended.
        const scope = yield* Scope.make()
        const { url } = yield* Scope.provide(collector, scope)
        yield* Scope.close(scope, Exit.void)
        const ambient = [Telemetry.otlp({ url }), Telemetry.devtools({ url: url.replace("http", "ws") })]
        const answer = yield* WithActors.provide(NodeActor.layer({ ambient }))(
          Effect.withSpan(Actor.runInActor(delegate({ n: 4 })), "program")
        )
        assert.strictEqual(answer, 11)
      }),
    120_000
  )

  it.live(
    "G285: a log level that an ambient Layer sets for some actors does not travel with their calls to other actors",
    () =>
      Effect.gen(function*() {
        const lines: Array<string> = []
        const heard = Logger.make<unknown, void>(({ fiber, message }) => {
          const actor = String(fiber.getRef(References.CurrentLogAnnotations)["actor"]).replace(/@\d+$/, "")
          lines.push(`${actor}: ${String(message)}`)
        })
        yield* WithActors.provide(NodeActor.layer({ ambient: Levels }))(
          Actor.nursery(Effect.gen(function*() {
            const db = yield* Actor.start("db-1", { expose: [speak, speakBelow] })
            yield* db.run(speak())
            yield* db.run(speakBelow())
          }))
        ).pipe(Effect.provide(Logger.layer([heard])))
        assert.deepStrictEqual(lines.filter((line) => !line.startsWith("undefined")).toSorted(), [
          "db-1: a detail",
          "db-1: a step",
          "db-1: a warning",
          "web: a warning"
        ])
      }),
    120_000
  )
})
