import { assert, describe, it } from "@effect/vitest"
import { Actor, Registry } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { beforeEach } from "vitest"
import { broken, hang, Mail, next, quit, share, slow, slowEnd, Store, Web, who } from "./fixtures/supervised.ts"
import * as Journal from "./support/Journal.ts"
import { kill, reset, supervised } from "./support/Supervised.ts"
import { pass, settle } from "./support/Time.ts"

beforeEach(reset)

const inMemory = <A, E>(test: Effect.Effect<A, E, Actor.ActorRuntime | Scope.Scope>) => supervised(Layer.empty, test)

/** What the journal holds of Mail, without the time. */
const lives = (lines: ReadonlyArray<string>) =>
  lines.map((line) => line.split(" ").slice(1).join(" ")).filter((line) => line.startsWith("Mail"))

/** Actors that find or start a shared Mail and use it for so long. */
const sharing = (count: number, name: string, millis: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, i) => `user ${i}`),
    (user) => Effect.forkChild(Actor.runInActor(share({ name, millis }), { name: user }), { startImmediately: true })
  )

describe("A shared actor", () => {
  it.effect("G193: a shared actor is the same for all callers that ask at the same time, in any actor", () =>
    Effect.gen(function*() {
      const lines = yield* Journal.fresh
      yield* inMemory(Effect.gen(function*() {
        const users = yield* Effect.forEach(
          Array.from({ length: 4 }, (_, i) => `user ${i}`),
          (name) => Actor.startScoped(name, { expose: [share] })
        )
        const asked = [
          ...users.flatMap((user) => Array.from({ length: 5 }, () => user.run(share({ name: "post", millis: 500 })))),
          Effect.scoped(Effect.gen(function*() {
            const mail = yield* Registry.findOrStart(Mail, { name: "post" })
            return [yield* mail.run(who()), yield* mail.run(next())] as const
          }))
        ]
        const answers = yield* Effect.all(asked, { concurrency: "unbounded" })
        assert.strictEqual(new Set(answers.map(([uuid]) => uuid)).size, 1)
        assert.deepStrictEqual(
          answers.map(([, count]) => count).toSorted((a, b) => a - b),
          Array.from({ length: 21 }, (_, i) => i + 1)
        )
      }))
      assert.deepStrictEqual(lives(lines), ["Mail starts", "Mail ends"])
    }))

  it.effect("G193: a shared actor that a child asks for is started and owned by the root", () =>
    inMemory(Effect.gen(function*() {
      const [user] = yield* sharing(1, "post", 1000)
      yield* pass(500)
      const children = (yield* Actor.statistics).children.map(({ actor }) => actor.name)
      assert.sameMembers(children, ["user 0", "post"])
      yield* Fiber.join(user!)
    })))

  it.effect("G194: a shared actor lives until the last Scope that uses it is closed, and this Scope waits for the actor's end", () =>
    inMemory(Effect.gen(function*() {
      const lines = yield* Journal.fresh
      const [first, second] = [yield* Scope.make(), yield* Scope.make()]
      const a = yield* Scope.provide(Registry.findOrStart(Mail), first)
      const b = yield* Scope.provide(Registry.findOrStart(Mail), second)
      assert.strictEqual(yield* a.run(next()), 1)
      yield* Scope.close(first, Exit.void)
      assert.strictEqual((yield* Effect.flip(a.run(next())))._tag, "ChannelClosed")
      assert.strictEqual(yield* b.run(next()), 2)
      yield* Scope.close(second, Exit.void)
      assert.deepStrictEqual(lives(lines), ["Mail starts", "Mail ends"])
    })))

  it.effect("G194: a shared actor ends when the last actor that uses it is killed, and no sooner", () =>
    inMemory(Effect.gen(function*() {
      const lines = yield* Journal.fresh
      const users = yield* sharing(2, "post", 10_000)
      yield* pass(1000)
      yield* kill("user 0")
      yield* pass(1000)
      assert.deepStrictEqual(lives(lines), ["Mail starts"])
      yield* kill("user 1")
      yield* pass(1000)
      assert.deepStrictEqual(lives(lines), ["Mail starts", "Mail ends"])
      yield* Effect.forEach(users, (user) => Fiber.await(user))
    })))

  it.effect("G194: a shared actor whose cleanup fails fails the Scope that closes last, and no other Scope", () =>
    inMemory(Effect.gen(function*() {
      slowEnd.fails = true
      const [first, second] = [yield* Scope.make(), yield* Scope.make()]
      yield* Scope.provide(Registry.findOrStart(Mail), first)
      yield* Scope.provide(Registry.findOrStart(Mail), second)
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(Scope.close(first, Exit.void))))
      const exit = yield* Effect.exit(Scope.close(second, Exit.void))
      assert.include(String(Exit.isFailure(exit) && exit.cause), "the cleanup of Mail failed")
    })))

  it.effect("G194: a shared actor whose cleanup fails fails its last user, even if this user is another actor", () =>
    inMemory(Effect.gen(function*() {
      slowEnd.fails = true
      const error = yield* Effect.flip(Actor.runInActor(share({ name: "post", millis: 0 })))
      assert.include(error.message, "the cleanup of Mail failed")
    })))

  it.effect("G194: the start of a shared actor stops when all its callers are gone", () =>
    inMemory(Effect.gen(function*() {
      const lines = yield* Journal.fresh
      slow.set("Mail", 5000)
      const asking = yield* Effect.forkChild(Effect.scoped(Registry.findOrStart(Mail)), { startImmediately: true })
      yield* pass(500)
      yield* Fiber.interrupt(asking)
      assert.deepStrictEqual((yield* Actor.statistics).children, [])
      assert.deepStrictEqual(lives(lines), [])
    })))

  it.effect("G194: a caller gets a new shared actor while the previous shared actor ends", () =>
    inMemory(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const first = yield* Scope.provide(Registry.findOrStart(Mail), scope)
      const uuid = yield* first.run(who())
      slowEnd.millis = 500
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      const second = yield* Registry.findOrStart(Mail)
      assert.notStrictEqual(yield* second.run(who()), uuid)
      yield* Fiber.join(closing)
    })))

  it.effect("G195: the start of a shared actor that fails gives all waiting callers one typed error, and is tried again for later callers", () =>
    inMemory(Effect.gen(function*() {
      broken.add("Mail")
      slow.set("Mail", 1000)
      const errors = yield* Effect.all(
        Array.from({ length: 5 }, () => Effect.flip(Effect.scoped(Registry.findOrStart(Mail)))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(new Set(errors.map(({ _tag }) => _tag)), new Set(["SpawnFailed"]))
      assert.strictEqual(new Set(errors.map(({ message }) => message)).size, 1)
      broken.clear()
      assert.strictEqual(yield* Effect.flatMap(Registry.findOrStart(Mail), (mail) => mail.run(next())), 1)
    })))

  it.effect("G195: the start of a shared actor that fails gives the same error to callers in every actor", () =>
    inMemory(Effect.gen(function*() {
      broken.add("Mail")
      const error = yield* Effect.flip(Actor.runInActor(share({ name: "post", millis: 0 })))
      assert.strictEqual(error._tag, "RemoteActorError")
      assert.include(error.message, "Mail is broken")
    })))

  it.effect("G196: Registry.findOrStart finds an actor that a Scope has started under the name, and the actor stays with this Scope", () =>
    inMemory(Effect.gen(function*() {
      const mine = yield* Actor.startScoped(Mail, { name: "post" })
      const found = yield* Effect.scoped(
        Effect.flatMap(Registry.findOrStart(Mail, { name: "post" }), (mail) => mail.run(who()))
      )
      assert.strictEqual(found, mine.actor.uuid)
      assert.strictEqual(yield* mine.run(next()), 1)
    })))

  it.effect("G196: Registry.findOrStart waits for and finds an actor that a Scope is starting under a unique name", () =>
    inMemory(Effect.gen(function*() {
      slow.set("Mail", 1000)
      const starting = yield* Effect.forkChild(Actor.startScoped(Mail, { name: "post", unique: true }), {
        startImmediately: true
      })
      yield* pass(200)
      const found = yield* Registry.findOrStart(Mail, { name: "post" })
      assert.strictEqual(yield* found.run(who()), (yield* Fiber.join(starting)).actor.uuid)
    })))

  it.effect("G196: Registry.findOrStart starts a shared actor if a Scope's own start under the same name fails", () =>
    inMemory(Effect.gen(function*() {
      broken.add("Mail")
      slow.set("Mail", 500)
      const other = yield* Effect.forkChild(
        Effect.ensuring(
          Effect.exit(Actor.startScoped(Mail, { name: "post", unique: true })),
          Effect.sync(() => broken.clear())
        ),
        { startImmediately: true }
      )
      yield* pass(200)
      const mail = yield* Registry.findOrStart(Mail, { name: "post" })
      assert.strictEqual(yield* mail.run(next()), 1)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(other)))
    })))

  it.effect("G196: a shared actor is started if another owner's actor of that name is ending", () =>
    inMemory(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const other = yield* Scope.provide(Actor.startScoped(Mail, { name: "post", unique: true }), scope)
      slowEnd.millis = 1000
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* pass(200)
      const [user] = yield* sharing(1, "post", 0)
      const mail = yield* Registry.findOrStart(Mail, { name: "post" })
      const uuid = yield* mail.run(who())
      assert.notStrictEqual(uuid, other.actor.uuid)
      assert.strictEqual((yield* Fiber.join(user!))[0], uuid)
      yield* Fiber.join(closing)
    })))

  it.effect("G196: a shared actor holds its name alone, and an actor of another Service gets NameTaken", () =>
    inMemory(Effect.gen(function*() {
      yield* Registry.findOrStart(Mail, { name: "post" })
      const error = yield* Effect.flip(Registry.findOrStart(Store, { name: "post" }))
      assert.strictEqual(error._tag === "NameTaken" && error.wanted, "post")
      yield* Actor.startScoped(Store, { name: "shelf" })
      assert.strictEqual((yield* Effect.flip(Registry.findOrStart(Mail, { name: "shelf" })))._tag, "NameTaken")
    })))

  it.effect("G197: a shared actor is started again when it dies, and all portals lead to the new actor", () =>
    inMemory(Effect.gen(function*() {
      const mail = yield* Registry.findOrStart(Mail, { name: "post" })
      const [user] = yield* sharing(1, "post", 2000)
      const first = yield* mail.run(who())
      const call = yield* Effect.forkChild(Effect.flip(mail.run(hang())), { startImmediately: true })
      yield* settle
      yield* kill("post")
      assert.strictEqual((yield* Fiber.join(call))._tag, "ActorLost")
      assert.notStrictEqual(yield* mail.run(who()), first)
      assert.strictEqual(mail.incarnation, 2)
      yield* Fiber.join(user!)
    })))

  it.effect("G197: a shared actor that has ended for good is started anew for the next caller", () =>
    inMemory(Effect.gen(function*() {
      const mail = yield* Registry.findOrStart(Mail, { restart: "transient" })
      const first = yield* mail.run(who())
      yield* Effect.ignore(mail.run(quit()))
      yield* pass(1000)
      const error = yield* Effect.flip(mail.run(next()))
      assert.strictEqual(error._tag === "ActorUnreachable" && error.why, "gone")
      const next_ = yield* Registry.findOrStart(Mail)
      assert.notStrictEqual(yield* next_.run(who()), first)
    })))

  it.effect("G197: a shared actor that dies too often is given up, and is started anew for the next caller", () =>
    inMemory(Effect.gen(function*() {
      const mail = yield* Registry.findOrStart(Mail)
      // Virtual time passes while a busy machine starts it: a death that comes too late for the bound does not count.
      let deaths = 0
      let last = yield* Effect.result(mail.run(next()))
      for (; deaths < 40 && Result.isSuccess(last); deaths++) {
        yield* kill("Mail")
        last = yield* Effect.result(mail.run(next()))
      }
      assert.isAtLeast(deaths, 4)
      assert.strictEqual(Result.isFailure(last) && last.failure._tag, "ActorUnreachable")
      assert.strictEqual(yield* Effect.flatMap(Registry.findOrStart(Mail), (mail) => mail.run(next())), 1)
    })))

  it.effect("G193: a shared actor that uses other Services is refused", () =>
    inMemory(Effect.gen(function*() {
      // @ts-expect-error Web uses Counter
      const exit = yield* Effect.exit(Registry.findOrStart(Web))
      assert.include(String(Exit.isFailure(exit) && exit.cause), "uses other Services")
    })))
})
