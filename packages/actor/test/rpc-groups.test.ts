import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, MemoryActor } from "@furrow/actor"
import { marks } from "@furrow/actor/internal/process/RpcGroups"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSchema from "effect/rpc/RpcSchema"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Answering, Answers, Broken, Delete, Guarded, Parted, Plain } from "./fixtures/rpcs.ts"

const define = (group: { readonly requests: unknown }) => () =>
  Actor.Service<never>()("Svc", { module: import.meta.url, endpoints: group as never })

const thrown = (f: () => unknown): string => {
  try {
    f()
  } catch (error) {
    return (error as Error).message
  }
  return "nothing is thrown"
}

const withAnswers = <A, E>(body: (client: Actor.GroupClient<RpcGroup.Rpcs<typeof Answers>>) => Effect.Effect<A, E>) =>
  Effect.flatMap(Answering, (portal) => body(Actor.rpcClient(portal, Answers))).pipe(
    Effect.provide(Answering.layer),
    Effect.provide(MemoryActor.layer)
  )

/** Message of the defect that the call died of in its actor. */
const refusal = <A, E>(answer: Effect.Effect<A, E>) =>
  Effect.map(Effect.flip(answer), (error) => {
    assert.instanceOf(error, ActorError.RemoteActorError)
    return (error as unknown as ActorError.RemoteActorError).boxed.message
  })

const defect = <A, E, R>(answer: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.exit(answer), (exit) => {
    assert(Exit.isFailure(exit) && Cause.hasDies(exit.cause), "it dies")
    return (Cause.squash(exit.cause) as Error).message
  })

describe("a group that means more than is served", () => {
  it("G60: with middleware throws where its Service is defined, and names procedures and middleware", () => {
    assert.strictEqual(
      thrown(define(Guarded)),
      `Service "Svc" refuses the RpcGroup: no middleware runs in an actor, and the group has "Auth" of "Delete", "Read", ` +
        `"Timing" of "Read". Put its work into the handlers, or use Effect's own RpcServer`
    )
    assert.strictEqual(thrown(define(RpcGroup.make(Delete))), "nothing is thrown")
  })

  it("with another schema of defects throws; the default one is served", () => {
    const other = RpcGroup.make(Delete, Rpc.make("Read", { defect: Schema.Unknown }), Rpc.make("Write"))
    assert.strictEqual(
      thrown(define(other)),
      `Service "Svc" refuses the RpcGroup: a defect becomes a RemoteActorError, not what the \`defect\` schema of "Read" ` +
        "says. Leave `defect` out, or use Effect's own RpcServer"
    )
    const withStack = RpcGroup.make(Rpc.make("Read", { defect: Schema.Defect({ includeStack: true }) }))
    assert.include(thrown(define(withStack)), `schema of "Read"`)
    assert.strictEqual(
      thrown(define(RpcGroup.make(Rpc.make("Read", { defect: Schema.Defect() })))),
      "nothing is thrown"
    )
  })

  it("with parse options throws; other annotations are served", () => {
    const group = RpcGroup.make(Delete).annotateRpcs(Rpc.ParseOptions, { onExcessProperty: "error" })
    assert.strictEqual(
      thrown(define(group)),
      `Service "Svc" refuses the RpcGroup: values cross without the \`Rpc.ParseOptions\` of "Delete". ` +
        "Leave the annotation out and check in the handlers, or use Effect's own RpcServer"
    )
  })

  it.effect("is refused by Actor.rpcClient as well", () =>
    Effect.gen(function*() {
      const portal = yield* Answering
      const client = (group: unknown) => thrown(() => Actor.rpcClient(portal, group as typeof Answers))
      assert.strictEqual(
        client(Guarded),
        `Actor.rpcClient refuses the RpcGroup: no middleware runs in an actor, and the group has "Auth" of "Delete", ` +
          `"Read", "Timing" of "Read". Put its work into the handlers, or use Effect's own RpcClient`
      )
      assert.include(client(RpcGroup.make(Rpc.make("Read", { defect: Schema.Unknown }))), "Leave `defect` out")
      assert.strictEqual(client(RpcGroup.make(Delete)), "nothing is thrown")
    }).pipe(Effect.provide(Answering.layer), Effect.provide(MemoryActor.layer)))
})

describe("a Service of definitions", () => {
  it.effect("does not start with the handlers Layer of a group", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.provide(Plain, Plain.layer))
      assert.include(error.message, `"Plain" has no RpcGroup: implement it with \`serve\``)
    }).pipe(Effect.provide(MemoryActor.layer)))
})

describe("the answer of a handler", () => {
  it.effect("that Effect's RpcServer alone understands fails its call, and the error says what to return", () =>
    withAnswers((client) =>
      Effect.gen(function*() {
        const calls = {
          Deferred: ["a Deferred", "`Deferred.await(deferred)`"],
          EffectOfDeferred: ["an Effect of a Deferred", "`Effect.flatMap(effect, Deferred.await)`"],
          Queue: ["a Queue", "`Queue.take(queue)`"],
          EffectOfQueue: ["an Effect of a Queue", "`Effect.flatMap(effect, Queue.take)`"],
          Stream: ["a Stream", "`Stream.runCollect(stream)`"],
          Promise: ["a Promise", "`Effect.promise(() => promise)`"],
          Plain: ["a plain value (number)", "`Effect.succeed(value)`"],
          Nothing: ["undefined", "`Effect.succeed(value)`"]
        } as const
        for (const [name, [got, instead]] of Object.entries(calls)) {
          assert.strictEqual(
            yield* refusal(client[name as keyof typeof calls]()),
            `Service "Answering" refuses this call of ${name}: its handler returned ${got}, and a call is answered by an ` +
              `Effect. Return ${instead} instead`
          )
        }
        const streams = {
          StreamOfDeferred: ["a Deferred", "`Stream.fromEffect(Deferred.await(deferred))`"],
          StreamOfQueue: ["a Queue", "`Stream.fromQueue(queue)`"],
          StreamOfEffect: [
            "an Effect",
            "`Stream.unwrap(Effect.map(queue, Stream.fromQueue))` of a Queue, `Stream.fromEffect(effect)` of one value"
          ],
          StreamOfPromise: ["a Promise", "`Stream.fromEffect(Effect.promise(() => promise))`"],
          StreamOfPlain: ["a plain value (object)", "`Stream.make(value)`"]
        } as const
        for (const [name, [got, instead]] of Object.entries(streams)) {
          assert.strictEqual(
            yield* refusal(Stream.runCollect(client[name as keyof typeof streams]())),
            `Service "Answering" refuses this call of ${name}: its handler returned ${got}, and a stream is answered by a ` +
              `Stream. Return ${instead} instead`
          )
        }
        assert.strictEqual(yield* client.Ran(), 0, "what is refused has not run")
      })
    ))

  it.effect("is refused as Rpc.uninterruptible and not run; Rpc.fork is served", () =>
    withAnswers((client) =>
      Effect.gen(function*() {
        const why = (name: string) =>
          `Service "Answering" refuses this call of ${name}: its handler returned \`Rpc.uninterruptible\`, and every call ` +
          "of an actor can be cancelled. Wrap the work in `Effect.uninterruptible` inside the handler: a cancel then " +
          "waits for it"
        assert.strictEqual(yield* refusal(client.Uninterruptible()), why("Uninterruptible"))
        const stream = Stream.runCollect(client.UninterruptibleStream())
        assert.strictEqual(yield* refusal(stream), why("UninterruptibleStream"))
        assert.strictEqual(yield* client.Ran(), 0)
        assert.strictEqual(yield* client.Fork(), 1)
        assert.deepStrictEqual(yield* Stream.runCollect(client.ForkOfStream()), [1, 2])
      })
    ))

  it.live("is waited for by a cancel where it is in Effect.uninterruptible", () =>
    withAnswers((client) =>
      Effect.gen(function*() {
        const saving = yield* Effect.forkChild(client.Save())
        yield* Effect.sleep(30)
        yield* Fiber.interrupt(saving)
        assert.strictEqual(yield* client.Saved(), 1)
      })
    ))

  it.effect("fails with the error that setError gave a stream", () =>
    withAnswers((client) =>
      Effect.gen(function*() {
        assert.instanceOf(yield* Effect.flip(Stream.runCollect(client.Failing())), Broken)
      })
    ))

  it.effect("comes from a Layer of one handler, too", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual([yield* Parted.calls.One(), yield* Parted.calls.Two()], [1, 2])
    }).pipe(Effect.provide(Parted.layer), Effect.provide(MemoryActor.layer)))
})

describe("the options of a handler", () => {
  it.effect("hold the procedure and a number of the request", () =>
    withAnswers((client) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* client.Title(), "read in the handler")
        const [first, second] = [yield* client.RequestId(), yield* client.RequestId()]
        assert.isBelow(first, second)
      })
    ))

  it.effect("fail the call where headers or client are read: no caller looks anonymous", () =>
    withAnswers((client) =>
      Effect.gen(function*() {
        const why = (name: string, option: string, what: string) =>
          `Service "Answering" refuses this call of ${name}: its handler read \`options.${option}\`, which does not reach ` +
          `an actor. Pass ${what} in the payload`
        assert.strictEqual(yield* refusal(client.Headers()), why("Headers", "headers", "what it needs of them"))
        assert.strictEqual(yield* client.Ran(), 0)
        assert.strictEqual(yield* refusal(client.Client()), why("Client", "client", "who calls"))
        // A copy of the options has no empty headers either.
        assert.strictEqual(yield* refusal(client.Spread()), why("Spread", "headers", "what it needs of them"))
      })
    ))
})

describe("a client of a group", () => {
  it.effect("refuses the options that would be lost, and says what to do", () =>
    withAnswers((client) =>
      Effect.gen(function*() {
        // The types refuse these options already.
        const ran = client.Ran as (payload: undefined, options: object) => Effect.Effect<number, Actor.ActorError>
        const stream = client.ForkOfStream as unknown as
          & ((payload: undefined, options: { readonly asQueue: true }) => Effect.Effect<never>)
          & ((payload: undefined, options: object) => Stream.Stream<number, Actor.ActorError>)
        const why = (name: string, option: string, what: string) =>
          `Actor.rpcClient refuses this call of ${name}: its option \`${option}\` has no meaning over a portal. ${what}`
        assert.strictEqual(
          yield* defect(ran(undefined, { headers: { user: "frank" } })),
          why("Ran", "headers", "Pass what the handler needs of them in the payload")
        )
        assert.strictEqual(
          yield* defect(ran(undefined, { context: Context.empty() })),
          why("Ran", "context", "Pass what the handler needs of it in the payload")
        )
        assert.strictEqual(
          yield* defect(stream(undefined, { asQueue: true })),
          why("ForkOfStream", "asQueue", "Read the stream, or make a Queue of it by `Stream.toQueue`")
        )
        assert.strictEqual(
          yield* defect(Stream.runCollect(stream(undefined, { streamBufferSize: 1 }))),
          why("ForkOfStream", "streamBufferSize", "Use `Stream.buffer` on the stream")
        )
        assert.strictEqual(
          yield* defect(Stream.runCollect(stream(undefined, { headers: { user: "frank" } }))),
          why("ForkOfStream", "headers", "Pass what the handler needs of them in the payload")
        )
        const kept = { asQueue: false, headers: undefined }
        assert.deepStrictEqual(yield* Stream.runCollect(stream(undefined, kept)), [1, 2])
      })
    ))

  it.effect("refuses the headers around a call and around a stream", () =>
    withAnswers((client) =>
      Effect.gen(function*() {
        const why = (name: string) =>
          `Actor.rpcClient refuses this call of ${name}: the headers of \`RpcClient.withHeaders\` do not reach an actor. ` +
          "Pass what the handler needs of them in the payload, and make the call outside of it"
        const withUser = RpcClient.withHeaders({ user: "frank" })
        assert.strictEqual(yield* defect(withUser(client.Ran())), why("Ran"))
        assert.strictEqual(yield* defect(withUser(Stream.runCollect(client.ForkOfStream()))), why("ForkOfStream"))
        assert.strictEqual(yield* RpcClient.withHeaders(client.Fork(), {}), 1)
      })
    ))

  it.effect("answers nothing where the answer is discarded, and fails where the actor does", () =>
    withAnswers((client) =>
      Effect.gen(function*() {
        assert.isUndefined(yield* client.Fork(undefined, { discard: true }))
        assert.isUndefined(yield* client.Refuse(undefined, { discard: true }))
        assert.strictEqual(yield* refusal(client.Die(undefined, { discard: true })), "broken")
      })
    ))
})

describe("the marks of Effect's rpc", () => {
  it("are those that its modules have", () => {
    assert.isTrue(marks.wrapper in Rpc.fork(Effect.void))
    assert.isTrue(Rpc.isWrapper({ [marks.wrapper]: marks.wrapper }))
    assert.isTrue(marks.streamSchema in RpcSchema.Stream(Schema.Int, Schema.Never))
    assert.isTrue(RpcSchema.isStreamSchema({ [marks.streamSchema]: marks.streamSchema } as never))
    assert.strictEqual(Rpc.ParseOptions.key, marks.parseOptions)
    assert.strictEqual(RpcClient.CurrentHeaders.key, marks.headers)
  })
})
