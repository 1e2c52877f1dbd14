/** Tests that an RpcGroup served by an actor gives the same answers as the same group served by Effect, row by row. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Headers from "effect/http/Headers"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as RpcClient from "effect/rpc/RpcClient"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcMiddleware from "effect/rpc/RpcMiddleware"
import * as RpcTest from "effect/rpc/RpcTest"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { isPrime } from "./fixtures/arithmetic.ts"
import { Caller, Loaded, plain, Server } from "./fixtures/loaded.ts"
import { Auth, Everything, EverythingLive, Known, Seed, Svc } from "./fixtures/rpcs.ts"
import { fixture, timed, withActors } from "./support.ts"

type Client<E> = RpcClient.RpcClient<RpcGroup.Rpcs<typeof Everything>, E>
type ActorClient = Client<Actor.ActorError>

/** Adds the token that the caller's context holds, as a client's middleware does. */
class Token extends Context.Reference<string | undefined>("test/Token", { defaultValue: () => "let me in" }) {}
const AuthClient = RpcMiddleware.layerClient(
  Auth,
  ({ next, request }) =>
    Effect.flatMap(
      Token,
      (token) =>
        next(token === undefined ? request : { ...request, headers: Headers.set(request.headers, "token", token) })
    )
)

const everything = {
  seed: new Seed({ name: "rye", at: new Date(0) }),
  map: new Map([["a", 1]]),
  big: 5n,
  // A Duration is sent as nanoseconds, from whatever unit it was made.
  wait: Option.some(Duration.nanos(1_000_000_000n)),
  bytes: Uint8Array.of(0, 255)
}

/** The questions of a client by their titles. The answers to the questions must be the same from both servers. */
const rows = <E>(client: Client<E>): Readonly<Record<string, Effect.Effect<unknown, unknown, Scope.Scope>>> => ({
  "middleware lets in and provides a service": client.Who(),
  "middleware refuses": Effect.provideService(client.Who(), Token, "wrong"),
  "middleware of a stream lets in": Stream.runCollect(client.WhoStream()),
  "middleware of a stream refuses": Effect.provideService(Stream.runCollect(client.WhoStream()), Token, undefined),
  "middleware counts calls and streams": Effect.gen(function*() {
    yield* client.Timed({ fail: false })
    yield* Effect.flip(client.Timed({ fail: true }))
    yield* Stream.runDrain(client.TimedStream())
    return yield* client.Times()
  }),
  "void in, void out": client.Nothing(),
  "a success that cannot be": client.Never(),
  "dates, maps, bigints, options, bytes": client.Echo(everything),
  "a class as plain fields": client.Echo({ ...everything, seed: { name: "oats", at: new Date(1) } as Seed }),
  "a scalar": client.Scalar(1),
  "an option is not flattened": Effect.all([client.Maybe({ some: true }), client.Maybe({ some: false })]),
  "a union": client.Alternatives(),
  "a typed error": client.Fail({ n: 2 }),
  "the other typed error": client.Fail({ n: 1 }),
  "an interruption by itself": client.Interrupt(),
  "headers of the call": client.Headers(undefined, { headers: { User: "frank" } }),
  "headers around the call": RpcClient.withHeaders(client.Headers(), { user: "frank", trace: "1" }),
  "headers of the call win": RpcClient.withHeaders(client.Headers(undefined, { headers: { user: "anne" } }), {
    user: "frank",
    trace: "1"
  }),
  "annotations of the procedure": client.Labelled(),
  "annotations of the client": Effect.all([client.Visited(), client.Visited()]),
  "a Deferred": client.Deferred(),
  "a Deferred that fails": client.DeferredFails(),
  "Rpc.fork": client.Forked(),
  "Rpc.fork of a stream": Stream.runCollect(client.ForkedStream()),
  "a dotted name": client["garden.bed.Water"](),
  "a prefix": client["field/Sow"](),
  "an answer that is discarded": Effect.gen(function*() {
    const answer = yield* client.Discarded({ key: "discarded" }, { discard: true })
    return [answer, (yield* client.Ended()).includes("discarded")]
  }),
  "a failure that is discarded": client.DiscardedFails(undefined, { discard: true }),
  "a stream": Stream.runCollect(client.Count({ to: 100 })),
  "a stream that nobody reads to the end": Stream.runCollect(Stream.take(client.Count({ to: 1_000_000 }), 5)),
  "a stream that fails": collected(client.CountThenFail({ to: 3 })),
  "a stream that dies": collected(client.CountThenDie({ to: 3 })),
  "a stream that is a Queue": Stream.runCollect(client.Queued({ to: 30 })),
  "a stream as a Queue": Effect.gen(function*() {
    const queue = yield* client.Count({ to: 3 }, { asQueue: true })
    return [yield* Queue.take(queue), yield* Queue.take(queue), yield* Queue.take(queue), yield* ended(queue)]
  }),
  "a failing stream as a Queue": Effect.flatMap(client.CountThenFail({ to: 0 }, { asQueue: true }), Queue.take),
  "a buffer of another size": Stream.runCount(client.Count({ to: 100 }, { streamBufferSize: 2 })),
  "the Scope of a request": Effect.andThen(
    client.Scoped({ key: "scoped" }),
    Effect.map(eventuallyEnded(client, "scoped"), String)
  ),
  "the Scope of a stream": Effect.andThen(
    Stream.runDrain(Stream.take(client.ScopedStream({ key: "stream" }), 2)),
    Effect.map(eventuallyEnded(client, "stream"), String)
  ),
  "an interrupted call": Effect.gen(function*() {
    const call = yield* Effect.forkChild(client.SlowScope({ key: "interrupted", finalizer: 0 }))
    yield* Effect.sleep(50)
    yield* Fiber.interrupt(call)
    return yield* eventuallyEnded(client, "interrupted")
  }),
  "Rpc.uninterruptible": Effect.gen(function*() {
    const call = yield* Effect.forkChild(client.Uninterruptible({ key: "uninterruptible" }))
    yield* Effect.sleep(50)
    yield* Fiber.interrupt(call)
    return yield* eventuallyEnded(client, "uninterruptible")
  })
})

const ended = <A, E>(queue: Queue.Dequeue<A, E>) =>
  Effect.map(Effect.exit(Queue.take(queue)), (exit) => Exit.isFailure(exit) && Cause.hasFails(exit.cause))

/** Collects the items of a stream before its failure, and the failure. */
const collected = <A, E>(stream: Stream.Stream<A, E>) => {
  const items: Array<A> = []
  return Effect.map(
    Effect.exit(Stream.runForEach(stream, (item) => Effect.sync(() => void items.push(item)))),
    (exit) => [items, shown(exit)]
  )
}

const eventuallyEnded = <E>(client: Client<E>, key: string) =>
  Eventually.succeeds(Effect.map(client.Ended(), (ended) => {
    assert.include(ended, key)
    return "ended"
  }))

/** Formats an exit as text, without the numbers of interrupted fibers, because these belong to one process. */
const shown = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isSuccess(exit) ? { success: exit.value } : exit.cause.reasons.map((reason) => {
    switch (reason._tag) {
      case "Fail":
        return { fail: reason.error, is: (reason.error as object).constructor }
      case "Die":
        return {
          die: reason.defect instanceof Error ? `${reason.defect.name}: ${reason.defect.message}` : reason.defect
        }
      case "Interrupt":
        return "interrupt"
    }
  })

const control = Effect.provide(RpcTest.makeClient(Everything, { disableFatalDefects: true }), EverythingLive)

/** Runs a test with a client of its own actor. */
const withClient = <A, E>(
  body: (
    client: ActorClient,
    portal: Actor.Portal<Svc>
  ) => Effect.Effect<A, E, Actor.ActorRuntime | Scope.Scope | RpcMiddleware.ForClient<Auth>>
) =>
  withActors(
    Effect.scoped(Effect.gen(function*() {
      const portal = yield* Svc
      return yield* body(yield* Actor.rpcClient(portal, Everything), portal)
    })).pipe(Effect.provide(Layer.merge(Svc.layer, AuthClient)))
  )

/** Returns the time of an effect in milliseconds. */
const millis = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.map(timed(effect), ([, took]) => took)

const failure = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.exit(effect), (exit) => Exit.isFailure(exit) ? shown(exit) : "no failure")

const begun = (portal: Actor.Portal<Svc>, requests: number) =>
  Eventually.succeeds(
    // The session of the client is also a dialog.
    Effect.map(portal.statistics, ({ channel }) => assert.strictEqual(channel.dialogs, requests + 1))
  )

describe("An RpcGroup in an actor gives the same answers, errors and streams as under the RpcServer of Effect", () => {
  it.live("G60: requests of an RpcGroup in an actor have the same exits as under Effect's RpcServer: answers, errors, streams, headers, interruptions", () =>
    withClient((client, portal) =>
      Effect.gen(function*() {
        assert.notStrictEqual(portal.actor.pid, process.pid)
        const here = rows(yield* control)
        const there = rows(client)
        for (const title of Object.keys(here)) {
          const expected = shown(yield* Effect.exit(Effect.scoped(here[title]!)))
          assert.deepStrictEqual(shown(yield* Effect.exit(Effect.scoped(there[title]!))), expected, title)
        }
      })
    ))

  it.live("G102: a defect of an RpcGroup in an actor is encoded by the group's schema of defects, and fails only its own request", () =>
    withClient((client, portal) =>
      Effect.gen(function*() {
        const streaming = yield* Effect.forkChild(Stream.runDrain(client.ScopedStream({ key: "beside" })))
        yield* begun(portal, 1)
        assert.deepStrictEqual(yield* failure(client.Die({ what: "broken" })), [{ die: "broken" }])
        assert.deepStrictEqual(yield* failure(client.Die({ what: "throws" })), [{ die: "Error: throws" }])
        assert.deepStrictEqual(yield* failure(client.Faults()), [{ die: "Error: the middleware is faulty" }])
        const detailed = Cause.squash(yield* Effect.flip(Effect.sandbox(client.DieDetailed()))) as Error
        assert.strictEqual(`${detailed.name}: ${detailed.message}`, "Detailed: detailed")
        assert.match(detailed.stack!, /fixtures\/rpcs\.ts/)
        assert.isUndefined(streaming.pollUnsafe(), "what runs beside it goes on")
        yield* Fiber.interrupt(streaming)
      })
    ))

  it.live("G102: a request of an RpcGroup fails with PayloadInvalid where its payload or its failure does not match the schema", () =>
    withClient((client) =>
      Effect.gen(function*() {
        const undeclared = yield* Effect.flip(client.Undeclared())
        assert.instanceOf(undeclared, ActorError.PayloadInvalid)
        assert.deepStrictEqual([undeclared.side, undeclared.part, undeclared.endpoint], [
          "callee",
          "error",
          "Undeclared"
        ])
        const refused = yield* Effect.flip(client.Count({ to: 0.5 }).pipe(Stream.runDrain))
        const call = yield* Effect.flip(client.Scalar("one" as unknown as number))
        const queue = yield* client.Count({ to: 0.5 }, { asQueue: true })
        const queued = yield* Effect.flip(Queue.take(queue))
        for (const error of [refused, call, queued]) {
          assert(error instanceof ActorError.PayloadInvalid, String(error))
          assert.deepStrictEqual([error.side, error.part], ["caller", "payload"])
        }
        assert.match((refused as ActorError.PayloadInvalid).issue, /Expected an integer.*\n? *at \["to"\]/)
      })
    ))

  it.live("a request of an RpcGroup fails with EndpointUnknown where its actor does not know the procedure, or serves no group", () =>
    withClient((_, portal) =>
      Effect.gen(function*() {
        const client = yield* Actor.rpcClient(portal, Known)
        const missing = yield* Effect.flip(client.Missing())
        assert.instanceOf(missing, ActorError.EndpointUnknown)
        assert.notInclude(missing.message, "furrow/")
        const other = yield* Actor.startScoped("other", { expose: [isPrime] })
        const error = yield* Effect.flip(Actor.rpcClient(other, Everything))
        assert.include(error.message, "does not expose an RpcGroup; it exposes isPrime")
      })
    ))
})

describe("A request of an RpcGroup that is interrupted runs its finalizers", () => {
  it.live("G98: an interrupted request has run its finalizers, its Scope's finalizers and its uninterruptible part when its caller goes on", () =>
    withClient((client, portal) =>
      Effect.gen(function*() {
        const requests = [
          client.Slow({ key: "finalizer", finalizer: 400 }),
          client.SlowScope({ key: "Scope", finalizer: 400 }),
          client.Uninterruptible({ key: "work" }),
          Stream.runDrain(client.ScopedStream({ key: "stream" })),
          Stream.runForEach(client.UninterruptibleStream({ key: "rest of the stream" }), () => Effect.never)
        ]
        for (const request of requests) {
          const running = yield* Effect.forkChild(request)
          yield* begun(portal, 1)
          const took = yield* millis(Fiber.interrupt(running))
          assert.isAbove(took, 90)
          yield* begun(portal, 0)
        }
        assert.deepStrictEqual(yield* client.Ended(), [
          "finalizer",
          "Scope",
          "work",
          "stream",
          "rest of the stream"
        ])
      })
    ))

  it.live("G98: the handler of an interrupted request learns who interrupted the request", () =>
    withClient((client, portal) =>
      Effect.gen(function*() {
        const running = yield* Effect.forkChild(client.Slow({ key: "a", finalizer: 0 }))
        yield* begun(portal, 1)
        yield* Fiber.interrupt(running)
        assert.match((yield* client.Cancelled()).join(), /^a by .+: interrupted$/)
      })
    ))

  it.live("G98: a request is answered after its Scope has closed, and a finalizer of the Scope that dies fails the request", () =>
    withClient((client) =>
      Effect.gen(function*() {
        yield* client.Scoped({ key: "closed" })
        assert.deepStrictEqual(yield* client.Ended(), ["closed"])
        assert.deepStrictEqual(yield* failure(client.ScopeDies()), [{ die: "closing failed" }])
      })
    ))

  it.live(
    "G98: requests that are interrupted at random leave no handler running, and delay no other request",
    () =>
      withClient((client, portal) =>
        Effect.gen(function*() {
          const asked = (i: number) =>
            i % 4 === 0
              ? client.Scalar(i)
              : i % 4 === 1
              ? Stream.runDrain(client.Count({ to: 200 }))
              : i % 4 === 2
              ? Stream.runDrain(Stream.take(client.Queued({ to: 1_000_000 }), 50))
              : client.Deferred()
          yield* Effect.forEach(
            Array.from({ length: 600 }, (_, i) => i),
            (i) =>
              Effect.gen(function*() {
                const running = yield* Effect.forkChild(Effect.exit(asked(i)))
                yield* i % 3 === 0 ? Effect.yieldNow : Effect.sleep((i * 7919) % 5)
                yield* Effect.timeout(Fiber.interrupt(running), "20 seconds")
              }),
            { concurrency: 32, discard: true }
          )
          yield* begun(portal, 0)
          const before = yield* client.Produced()
          yield* Effect.sleep(50)
          assert.strictEqual(yield* client.Produced(), before, "nothing is produced any more")
          assert.strictEqual(yield* client.Scalar(1), 2)
        })
      ),
    60_000
  )
})

describe("The end of an actor fails the open requests of its RpcGroup's clients", () => {
  it.live("G99: an actor that is killed by a request fails this request, another open request and a stream with ActorLost", () =>
    withClient((client, portal) =>
      Effect.gen(function*() {
        const call = yield* Effect.forkChild(Effect.flip(client.Slow({ key: "lost", finalizer: 0 })))
        const stream = yield* Effect.forkChild(Effect.flip(Stream.runDrain(client.ScopedStream({ key: "lost" }))))
        const queue = yield* client.Queued({ to: 1_000_000 }, { asQueue: true })
        yield* begun(portal, 3)
        const killing = yield* Effect.flip(client.Kill())
        const drained = Effect.flip(Effect.forever(Queue.take(queue)))
        for (const error of [killing, yield* Fiber.join(call), yield* Fiber.join(stream), yield* drained]) {
          assert(error instanceof ActorError.ActorLost, String(error))
        }
        const caught = yield* Effect.catchTag(client.Who(), "ActorLost", ({ _tag }) => Effect.succeed(_tag))
        assert.strictEqual(caught, "ActorLost")
      })
    ))

  it.live("G99: an actor that its owner ends tells its open requests who ended it, and refuses later requests", () =>
    withClient((client, portal) =>
      Effect.gen(function*() {
        const call = yield* Effect.forkChild(Effect.flip(client.Slow({ key: "ended", finalizer: 0 })))
        const stream = yield* Effect.forkChild(Effect.flip(Stream.runDrain(client.ScopedStream({ key: "ended" }))))
        const deferred = yield* Effect.forkChild(Effect.flip(client.NeverDeferred()))
        yield* begun(portal, 3)
        yield* portal.cancel("retired")
        for (const error of [yield* Fiber.join(call), yield* Fiber.join(stream), yield* Fiber.join(deferred)]) {
          assert(error instanceof ActorError.ContextCancelled, String(error))
          assert.strictEqual(error.reason, "retired")
        }
        assert.strictEqual((yield* Effect.flip(client.Who()))._tag, "ChannelClosed")
      })
    ))
})

describe("Two clients of the RpcGroup in one actor do not affect each other", () => {
  it.live("G100: two clients of one actor's RpcGroup have different ids, while the handlers are built once", () =>
    withClient((one, portal) =>
      Effect.gen(function*() {
        const two = yield* Actor.rpcClient(portal, Everything)
        assert.notStrictEqual(yield* one.Client(), yield* two.Client())
        assert.deepStrictEqual([yield* one.Visited(), yield* one.Visited(), yield* two.Visited()], [1, 2, 1])
        assert.strictEqual(yield* two.Built(), 1)
      })
    ))

  it.live("G100: the Scope of one client of an actor's RpcGroup waits for the client's requests, and another client goes on", () =>
    withClient((one, portal) =>
      Effect.gen(function*() {
        const staying = yield* Effect.forkChild(one.Slow({ key: "staying", finalizer: 0 }))
        const took = yield* millis(Effect.scoped(Effect.gen(function*() {
          const two = yield* Actor.rpcClient(portal, Everything)
          yield* Effect.forkDetach(Effect.exit(two.Slow({ key: "going", finalizer: 200 })))
          yield* Effect.forkDetach(Effect.exit(two.NeverDeferred()))
          yield* two.Discarded({ key: "discarded, and cut off" }, { discard: true })
          yield* begun(portal, 4)
        })))
        assert.isAbove(took, 190)
        assert.deepStrictEqual(yield* one.Ended(), ["going"])
        assert.isUndefined(staying.pollUnsafe())
        yield* begun(portal, 1)
        yield* Fiber.interrupt(staying)
      })
    ))
})

describe("The reader of an RpcGroup's stream limits how far the writer may be ahead", () => {
  const ahead = (client: ActorClient, stream: Stream.Stream<number, unknown>) =>
    Effect.gen(function*() {
      const before = yield* client.Produced()
      let read = 0
      const reading = yield* Effect.forkChild(
        Stream.runForEach(stream, () => ++read === 10 ? Effect.never : Effect.void)
      )
      yield* Eventually.holds("ten are read", () => read === 10)
      const settled = yield* Eventually.succeeds(Effect.gen(function*() {
        const first = yield* client.Produced()
        yield* Effect.sleep(50)
        assert.strictEqual(yield* client.Produced(), first)
        return first
      }))
      yield* Fiber.interrupt(reading)
      return settled - before - read
    })

  it.live("G101: the writer of an RpcGroup's stream is less than four windows ahead of its reader, with a window of 16 items or `streamBufferSize` items", () =>
    withClient((client) =>
      Effect.gen(function*() {
        // RpcClient buffers one window and another is on the way; each step in between holds at most half a window.
        assert.isBelow(yield* ahead(client, client.Count({ to: 1_000_000 })), 4 * 16)
        assert.isBelow(yield* ahead(client, client.Queued({ to: 1_000_000 })), 4 * 16)
        const large = yield* ahead(client, client.Count({ to: 1_000_000 }, { streamBufferSize: 256 }))
        assert.isAbove(large, 256 + 128)
        assert.isBelow(large, 4 * 256)
      })
    ))
})

describe("The modules of Effect for an rpc server and client are loaded only at their use", () => {
  it.live("G103: only an actor that serves an RpcGroup or makes a client loads Effect's rpc modules", () =>
    withActors(Effect.scoped(Effect.gen(function*() {
      const options = { execArgv: [...process.execArgv, "--import", fixture("recordModules.mjs")] }
      const of = (modules: ReadonlyArray<string>) =>
        modules.flatMap((url) => /\/rpc\/(RpcServer|RpcClient)\.\w+$/.exec(url)?.[1] ?? [])
      const modules = yield* Actor.runInActor(plain(), options)
      assert.isAbove(modules.length, 50)
      assert.deepStrictEqual(of(modules), [])
      const context = yield* Layer.build(Layer.provideMerge(Caller.layer(options), Server.layer(options)))
      const client = yield* Actor.rpcClient(Context.get(context, Server), Loaded)
      assert.deepStrictEqual(of(yield* client.Modules()), ["RpcServer"])
      assert.deepStrictEqual(of(yield* Effect.provide(Caller.calls.modules(), context)), ["RpcClient"])
    }))))
})
