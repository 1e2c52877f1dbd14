import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { pathToFileURL } from "node:url"
import { count, countUntil, echo, isPrime, liar, TooSmall } from "./fixtures/arithmetic.ts"
import { boom, relay, strange, twofold } from "./fixtures/failing.ts"
import { who, whoBelow } from "./fixtures/identity.ts"
import { fixture, lineOf, withActors } from "./support.ts"

describe("A call to an actor in another process is answered by that process", () => {
  it.live("a call by `Actor.runInActor` runs in a process of its own, which has ended before the caller gets the answer", () =>
    withActors(Effect.gen(function*() {
      const answer = yield* Actor.runInActor(who())
      assert.deepStrictEqual(answer, {
        name: "who",
        pid: answer.pid,
        isRoot: false,
        above: [`root@${process.pid}`]
      })
      assert.notStrictEqual(answer.pid, process.pid)
      assert.throws(() => process.kill(answer.pid, 0))
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
    })))

  it.live("a call to an actor in another process carries dates, bytes, bigints and maps unchanged", () =>
    withActors(Effect.gen(function*() {
      const payload = {
        text: "žluťoučký 🐎",
        bytes: new Uint8Array([0, 255, 7]),
        at: new Date(123456789),
        big: 2n ** 80n,
        tags: new Map([["a", 1]])
      }
      assert.deepStrictEqual(yield* Actor.runInActor(echo(payload)), payload)
    })))

  it.live("G23: a call to an actor in another process fails with a typed error as an instance of its class, caught by its tag", () =>
    withActors(Effect.gen(function*() {
      const hint = yield* Actor.runInActor(isPrime({ n: 1 })).pipe(
        Effect.catchTag("TooSmall", (error) => {
          assert.instanceOf(error, TooSmall)
          return Effect.succeed(error.hint)
        })
      )
      assert.strictEqual(hint, "1 is below 2")
    })))

  it.live("a call to an actor in another process fails in the caller for an invalid payload, and in the actor for an invalid answer", () =>
    withActors(Actor.nursery(Effect.gen(function*() {
      const portal = yield* Actor.start("checked", { expose: [isPrime, liar] })
      const before = (yield* portal.statistics).channel.sent.frames
      const ours = yield* Effect.flip(portal.run(isPrime({ n: 1.5 })))
      assert.deepInclude(ours, { _tag: "PayloadInvalid", side: "caller", endpoint: "isPrime", part: "payload" })
      assert.strictEqual((yield* portal.statistics).channel.sent.frames, before)
      const theirs = yield* Effect.flip(portal.run(liar()))
      assert.deepInclude(theirs, { _tag: "PayloadInvalid", side: "callee", endpoint: "liar", part: "success" })
      assert.strictEqual(yield* portal.run(isPrime({ n: 7 })), true)
    }))))

  it.live("an actor knows all its ancestors, at any depth of the tree", () =>
    withActors(Effect.gen(function*() {
      const { above, name } = yield* Actor.runInActor(whoBelow())
      assert.strictEqual(name, "below")
      assert.strictEqual(above.length, 2)
      assert.strictEqual(above[0], `root@${process.pid}`)
      assert.match(above[1]!, /^whoBelow@\d+$/)
    })))
})

describe("A defect of an actor in another process arrives at the caller", () => {
  it.live("G24: a defect of an actor in another process arrives boxed, with the line at which it happened and its chain of causes", () =>
    withActors(Effect.gen(function*() {
      const error = yield* Effect.flip(Actor.runInActor(boom()))
      assert.instanceOf(error, ActorError.RemoteActorError)
      assert.match(error.message, /^Broken in boom@\d+: it broke$/)
      const place = `${pathToFileURL(fixture("failing.ts"))}:${lineOf("failing.ts", "the line of the defect")}:`
      assert.include(error.remoteStack, place)
      const { cause } = error
      assert.deepStrictEqual([cause.name, cause.message], ["Broken", "it broke"])
      assert.include(cause.stack, place)
      const type = cause.cause as Error
      assert.deepStrictEqual([type.name, type.message], ["TypeError", "wrong type"])
      const range = type.cause as Error
      assert.deepStrictEqual([range.name, range.message], ["RangeError", "out of range"])
    })))

  it.live("a defect of an actor keeps its origin when another actor passes it on, and names the actor that passed it on", () =>
    withActors(Effect.gen(function*() {
      const error = yield* Effect.flip(Actor.runInActor(relay()))
      assert.instanceOf(error, ActorError.RemoteActorError)
      assert.strictEqual(error.type, "Broken")
      assert.strictEqual(error.origin.name, "boom")
      assert.deepStrictEqual(error.path.map(({ name }) => name), ["relay"])
      assert.match(error.message, /^Broken in boom@\d+ \(passed on by relay@\d+\): it broke$/)
    })))

  it.live("a defect of an actor that cannot be serialised arrives as text, and harms no other call", () =>
    withActors(Actor.nursery(Effect.gen(function*() {
      const portal = yield* Actor.start("strange", { expose: [strange, isPrime] })
      for (const kind of ["circular", "function", "throwing", "circular cause", "bigint"]) {
        const error = yield* Effect.flip(portal.run(strange({ kind })))
        assert.instanceOf(error, ActorError.RemoteActorError, kind)
        assert.strictEqual(error.origin.name, "strange")
      }
      assert.strictEqual(yield* portal.run(isPrime({ n: 7 })), true)
    }))))

  it.live("a defect of an actor beside a typed error is attached to the error, which stays typed", () =>
    withActors(Effect.gen(function*() {
      const exit = yield* Effect.exit(Actor.runInActor(twofold()))
      assert.isTrue(Exit.isFailure(exit))
      if (!Exit.isFailure(exit)) return
      assert.deepStrictEqual(exit.cause.reasons.map((reason) => reason._tag), ["Fail"])
      assert.strictEqual(Cause.squash(exit.cause), "the error")
      const others = Cause.annotations(exit.cause).mapUnsafe.get(ActorError.OtherFailures.key) as ReadonlyArray<
        { readonly message: string }
      >
      assert.deepStrictEqual(others.map(({ message }) => message), ["in the finalizer"])
    })))
})

describe("A stream from an actor in another process delivers its items in order", () => {
  it.live("a stream from an actor in another process returns every item in order, and ends the actor that was started for the stream", () =>
    withActors(Effect.gen(function*() {
      const items = yield* Stream.runCollect(Actor.streamInActor(count({ to: 5000 })))
      assert.deepStrictEqual(items, Array.from({ length: 5000 }, (_, i) => i + 1))
    })))

  it.live("a stream from an actor in another process returns the items that were sent before its error, and then fails with the typed error", () =>
    withActors(Effect.gen(function*() {
      const seen: Array<number> = []
      const error = yield* Actor.streamInActor(countUntil({ at: 300 })).pipe(
        Stream.runForEach((n) => Effect.sync(() => seen.push(n))),
        Effect.flip
      )
      assert.instanceOf(error, TooSmall)
      assert.strictEqual(seen.length, 300)
    })))
})

describe("A nursery of processes", () => {
  it.live("a nursery owns an actor that answers any number of calls and streams", () =>
    withActors(Effect.gen(function*() {
      const answers = yield* Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [isPrime, count] })
        assert.strictEqual(frank.name, "frank")
        const primes = yield* Effect.forEach([2, 3, 4, 5], (n) => frank.run(isPrime({ n })), { concurrency: 4 })
        const few = yield* frank.stream(count({ to: 1e9 })).pipe(Stream.take(3), Stream.runCollect)
        return [primes, few] as const
      }))
      assert.deepStrictEqual(answers, [[true, true, false, true], [1, 2, 3]])
    })))

  it.live("a nursery waits for a job in the background, and fails with the typed error of the job", () =>
    withActors(Effect.gen(function*() {
      const answer = yield* Actor.nursery(Effect.gen(function*() {
        const job = yield* Actor.forkInActor(isPrime({ n: 11 }))
        return yield* job.result
      }))
      assert.strictEqual(answer, true)
      const error = yield* Effect.flip(Actor.nursery(Effect.gen(function*() {
        yield* Actor.forkInActor(isPrime({ n: 1 }))
        return yield* Effect.never
      })))
      assert.instanceOf(error, TooSmall)
    })))

  it.live("a nursery does not end an actor that a plain Scope owns", () =>
    withActors(Effect.gen(function*() {
      const portal = yield* Effect.scoped(Effect.gen(function*() {
        const portal = yield* Actor.startScoped("scoped", { expose: [isPrime] })
        assert.strictEqual(yield* portal.run(isPrime({ n: 7 })), true)
        return portal
      }))
      const error = yield* Effect.flip(portal.run(isPrime({ n: 7 })))
      assert.deepInclude(error, { _tag: "ChannelClosed", side: "local" })
      assert.match(
        error.message,
        /^the portal to scoped@\d+ is closed here: its nursery, Scope or Layer has ended/
      )
    })))
})
