import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, MemoryActor } from "@furrow/actor"
import * as RpcEndpoints from "@furrow/actor/internal/contract/RpcEndpoints"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Rpc from "effect/rpc/Rpc"
import type { RpcClient } from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSchema from "effect/rpc/RpcSchema"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import {
  Asked,
  AskedLive,
  Asking,
  Auth,
  Denied,
  Parted,
  Parts,
  Passed,
  Passing,
  said,
  steal,
  Unguarded,
  Unhandled
} from "./fixtures/rpcs.ts"
import { captureLogs } from "./support/Logs.ts"
import { settle } from "./support/Time.ts"

const endpoints = RpcEndpoints.endpointsOf("the test", Asked as unknown as RpcEndpoints.Group)

describe("An RpcGroup can be the contract of a Service", () => {
  it("an RpcGroup with parse options is refused when its Service is defined, and an RpcGroup with other annotations is accepted", () => {
    const group = RpcGroup.make(Rpc.make("Read"), Rpc.make("Write"))
    const define = (endpoints: object) => () =>
      Actor.Service<never>()("Svc", { module: import.meta.url, endpoints: endpoints as typeof group })
    assert.throws(
      define(group.annotateRpcs(Rpc.ParseOptions, { onExcessProperty: "error" })),
      `Service "Svc" refuses the RpcGroup: values cross without the \`Rpc.ParseOptions\` of "Read", "Write". Leave the ` +
        "annotation out and check in the handlers"
    )
    assert.doesNotThrow(define(group.annotate(References.MinimumLogLevel, "Info")))
  })

  it.effect("an RpcGroup with parse options is refused when a client of the group is made", () =>
    Effect.gen(function*() {
      const group = Asked.annotateRpcs(Rpc.ParseOptions, { onExcessProperty: "error" })
      const exit = yield* Effect.exit(Actor.rpcClient(yield* Asking, group))
      assert(Exit.isFailure(exit))
      assert.include(String(Cause.squash(exit.cause)), "Actor.rpcClient refuses the RpcGroup")
    }).pipe(Effect.scoped, Effect.provide(Asking.layer), Effect.provide(MemoryActor.layer)))

  it.effect("an RpcGroup whose Layer lacks a handler or a middleware does not start, and the error names the missing part", () =>
    Effect.gen(function*() {
      const unhandled = yield* Effect.flip(Effect.provide(Unhandled, Unhandled.layer))
      assert.include(unhandled.message, `the Layer of "Unhandled" has no handler for Two`)
      const unguarded = yield* Effect.flip(Effect.provide(Unguarded, Unguarded.layer))
      assert.include(unguarded.message, `the Layer of "Unguarded" has no "Auth", which is the middleware of Guarded`)
    }).pipe(Effect.provide(MemoryActor.layer)))

  it.effect("the handlers of an RpcGroup may come from several Layers", () =>
    Effect.gen(function*() {
      const client = yield* Actor.rpcClient(yield* Parted, Parts)
      assert.deepStrictEqual([yield* client.One(), yield* client.Two()], [1, 2])
    }).pipe(Effect.scoped, Effect.provide(Parted.layer), Effect.provide(MemoryActor.layer)))

  it.effect("a Service of an RpcGroup from layerTest, which runs in the caller's process, still encodes and decodes every request", () =>
    Effect.gen(function*() {
      const client = yield* Actor.rpcClient(yield* Asking, Asked)
      assert.strictEqual(yield* client.Add({ by: 2 }), 2)
      assert.deepStrictEqual(yield* Stream.runCollect(client.Ticks()), [1, 2, 3])
      assert.instanceOf(yield* Effect.flip(client.Guarded()), Denied)
    }).pipe(Effect.scoped, Effect.provide(Asking.layerTest(AskedLive))))

  it.effect("an RpcGroup is called by an actor that uses its Service, directly and through the actor's parent", () =>
    Effect.gen(function*() {
      const client = yield* Actor.rpcClient(yield* Passing, Passed)
      assert.strictEqual(yield* client.AddTwice({ by: 2 }), 4)
    }).pipe(
      Effect.scoped,
      (program) =>
        Effect.andThen(
          Effect.provide(program, Layer.provide(Passing.layer, Asking.layer)),
          Effect.provide(program, Layer.provide(Passing.layer, Asking.layerTest(AskedLive)))
        ),
      Effect.provide(MemoryActor.layer)
    ))

  it.effect("an RpcGroup of another version fails the first call of a procedure that differs, and the error names the field", () =>
    Effect.gen(function*() {
      const newer = RpcGroup.make(
        Rpc.make("Add", { payload: { by: Schema.Int, to: Schema.String }, success: Schema.Int }),
        Rpc.make("Ended", { success: Schema.Array(Schema.String) })
      )
      const client = yield* Actor.rpcClient(yield* Asking, newer)
      const error = yield* Effect.flip(client.Add({ by: 1, to: "a" }))
      assert(error instanceof ActorError.PayloadInvalid)
      assert.include(error.issue, "payload.to: only here")
      assert.deepStrictEqual(yield* client.Ended(), [])
    }).pipe(Effect.scoped, Effect.provide(Asking.layer), Effect.provide(MemoryActor.layer)))

  it.effect("handlers of an RpcGroup get the trace, the log context and the deadline of their call", () =>
    Effect.gen(function*() {
      const client = yield* Actor.rpcClient(yield* Asking, Asked)
      const found = yield* client.Found().pipe(
        Effect.withParentSpan(Tracer.externalSpan({ traceId: "the-trace", spanId: "the-span" })),
        Effect.annotateLogs("user", "frank"),
        Effect.provideService(References.MinimumLogLevel, "Debug"),
        Actor.timeout("1 minute")
      )
      assert.deepStrictEqual(found, {
        span: "the-span of the-trace",
        annotation: "frank",
        level: "Debug",
        deadline: true
      })
    }).pipe(Effect.scoped, Effect.provide(Asking.layer), Effect.provide(MemoryActor.layer)))
})

describe("A failed request of an RpcGroup fails at the client that made the request, and the actor continues", () => {
  const failing = (
    program: (client: RpcClient<RpcGroup.Rpcs<typeof Asked>, Actor.ActorError>) => Effect.Effect<unknown>
  ) =>
    Effect.gen(function*() {
      const { layer, lines } = captureLogs()
      yield* Effect.gen(function*() {
        const client = yield* Actor.rpcClient(yield* Asking, Asked)
        yield* program(client)
      }).pipe(Effect.scoped, Effect.provide(Asking.layer), Effect.provide(MemoryActor.layer), Effect.provide(layer))
      return lines.filter(({ level }) => level === "Error").map(({ message }) => String(message))
    })

  it.live("a failed request of an RpcGroup fails its client, and causes no background failure of the actor", () =>
    Effect.gen(function*() {
      const errors = yield* failing((client) =>
        Effect.all([Effect.exit(client.Fail({ when: "now" })), Effect.exit(client.Fail({ when: "later" }))])
      )
      assert.deepStrictEqual(errors, [])
    }))

  it.live("a failed request of an RpcGroup with the option `discard`, whose answer no caller reads, is logged as an Error", () =>
    Effect.gen(function*() {
      const errors = yield* failing((client) =>
        Effect.orDie(
          Effect.andThen(client.Fail({ when: "later" }, { discard: true }), Effect.andThen(client.Ended(), settle))
        )
      )
      assert.strictEqual(errors.length, 1)
      assert.match(errors[0]!, /^a failure of Fail in Asking@\S+ that no caller reads/)
    }))
})

describe("The actor of an RpcGroup answers a client only in the client's own open session", () => {
  it.effect("G100: a session of an RpcGroup's client that is unknown, gone or another caller's is refused, and no handler runs", () =>
    Effect.gen(function*() {
      const portal = yield* Asking
      const add = (session: number) => Effect.flip(said(portal, endpoints.get("Add")!, [session, { by: 1 }, {}, false]))
      const gone = yield* Effect.scoped(Effect.gen(function*() {
        const client = yield* Actor.rpcClient(portal, Asked)
        yield* client.Add({ by: 0 })
        // Sessions count up from 0.
        assert.strictEqual(
          yield* said(portal, endpoints.get("Add")!, [0, { by: 0 }, {}, false]).pipe(
            Effect.map((answer) => (answer as readonly [number])[0])
          ),
          0
        )
        return 0
      }))
      assert.deepStrictEqual(yield* add(gone), { _tag: "RpcNoSession" })
      assert.deepStrictEqual(yield* add(7), { _tag: "RpcNoSession" })
      const client = yield* Actor.rpcClient(portal, Asked)
      assert.strictEqual(yield* Actor.runInActor(steal({ whom: portal.ref, session: 1 })), "RpcNoSession")
      assert.strictEqual(yield* client.Add({ by: 0 }), 0)
    }).pipe(Effect.scoped, Effect.provide(Asking.layer), Effect.provide(MemoryActor.layer)))

  it.effect("a request of an RpcGroup's client fails with ChannelClosed if the actor does not know the client's session", () =>
    Effect.gen(function*() {
      const portal = yield* Asking
      const client = yield* Actor.rpcClient(
        { ...portal, openScoped: () => Effect.succeed({ first: 7 }) } as unknown as typeof portal,
        Asked
      )
      assert.strictEqual((yield* Effect.flip(client.Add({ by: 1 })))._tag, "ChannelClosed")
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(client.Ticks())))._tag, "ChannelClosed")
    }).pipe(Effect.scoped, Effect.provide(Asking.layer), Effect.provide(MemoryActor.layer)))

  it.live("the session of an RpcGroup's client ends with the client's Scope, which interrupts later calls as Effect's RPC client does", () =>
    Effect.gen(function*() {
      const portal = yield* Asking
      const client = yield* Effect.scoped(Actor.rpcClient(portal, Asked))
      const exit = yield* Effect.exit(client.Add({ by: 1 }))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      assert.strictEqual((yield* portal.statistics).channel.dialogs, 0)
    }).pipe(Effect.provide(Asking.layer), Effect.provide(MemoryActor.layer)))

  it.live("the session of an RpcGroup's client is not listed among the endpoints that its actor exposes", () =>
    Effect.gen(function*() {
      const portal = yield* Asking
      assert.deepStrictEqual((yield* portal.statistics).exposed, Array.from(Asked.requests.keys()))
    }).pipe(Effect.provide(Asking.layer), Effect.provide(MemoryActor.layer)))
})

describe("An RpcGroup has one endpoint for each procedure", () => {
  it("the endpoint of an Rpc declares the same typed failures as the exit schema that Effect gives the Rpc", () => {
    const group = RpcGroup.make(
      Rpc.make("Call", { success: Schema.Int, error: Schema.String }).middleware(Auth),
      Rpc.make("Stream", { success: Schema.Int, error: Schema.String, stream: true, defect: Schema.Unknown })
        .middleware(Auth)
    )
    for (const rpc of group.requests.values()) {
      const { defect, error } = Rpc.exitSchema(rpc) as unknown as { defect: Schema.Top; error: Schema.Top }
      const cause = Schema.Cause(error as typeof Schema.Never, defect as typeof Schema.Unknown)
      assert.deepStrictEqual(
        JSON.stringify(Schema.toRepresentation(RpcEndpoints.causeOf(rpc as unknown as Rpc.AnyWithProps))),
        JSON.stringify(Schema.toRepresentation(cause))
      )
    }
  })

  it("the keys under which Furrow looks for a stream schema and parse options of an RpcGroup are Effect's own keys", () => {
    assert.isTrue(RpcEndpoints.marks.streamSchema in RpcSchema.Stream(Schema.Int, Schema.Never))
    assert.isTrue(RpcSchema.isStreamSchema({ [RpcEndpoints.marks.streamSchema]: "" } as never))
    assert.strictEqual(Rpc.ParseOptions.key, RpcEndpoints.marks.parseOptions)
  })

  it("each procedure of an RpcGroup has one endpoint value, by which its codecs are cached", () => {
    assert.strictEqual(
      RpcEndpoints.endpointsOf("again", Asked as unknown as RpcEndpoints.Group).get("Add"),
      endpoints.get("Add")
    )
  })
})
