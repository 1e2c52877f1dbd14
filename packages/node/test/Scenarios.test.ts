/** Tests single actors and nurseries between real processes, as far as no other test file is about them. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, Timeouts } from "@furrow/actor"
import * as NodeActor from "@furrow/node/NodeActor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Leaks from "@furrow/testing/Leaks"
import * as Processes from "@furrow/testing/Processes"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { count, isPrime } from "./fixtures/arithmetic.ts"
import { hold, stored } from "./fixtures/evidence.ts"
import { refuse } from "./fixtures/later.ts"
import { introduce, introduced, plant, present, square } from "./fixtures/peers.ts"
import { region, unsayable } from "./fixtures/peersRegion.ts"
import { stubborn } from "./fixtures/stuck.ts"
import { evidence, withActors } from "./support.ts"

describe("An actor that runs in another process answers calls until it ends", () => {
  it.live("an actor in another process runs one function, is not a root, and has ended when its answer arrives", () =>
    withActors(Effect.gen(function*() {
      const children: Array<number> = []
      const watching = yield* Effect.forkChild(
        Effect.forever(Effect.andThen(
          Effect.map(Actor.statistics, (now) => void children.push(now.children.length)),
          Effect.sleep(5)
        ))
      )
      const { n, pid } = yield* Actor.runInActor(square({ n: 7 }))
      yield* Fiber.interrupt(watching)
      assert.strictEqual(n, 49)
      assert.notStrictEqual(pid, process.pid)
      assert.strictEqual(Math.max(...children), 1)
      assert.isFalse(Processes.isAlive(pid))
    })))

  it.live("an actor in another process answers a repeated call again, and ends when it is cancelled", () =>
    withActors(Actor.nursery(Effect.gen(function*() {
      const daemon = yield* Actor.start("daemon", { expose: [isPrime] })
      for (let n = 0; n < 2; n++) assert.isTrue(yield* daemon.run(isPrime({ n: 7 })))
      yield* daemon.cancel()
      assert.isFalse(Processes.isAlive(daemon.actor.pid))
    }))))

  it.live("an actor in another process calls endpoints of its root, at any depth of the tree", () =>
    Leaks.withoutLeaks(
      Effect.gen(function*() {
        introduced.length = 0
        yield* Actor.nursery(Effect.gen(function*() {
          const { a } = yield* plant(["a"])
          yield* a!.run(present())
          assert.deepStrictEqual(introduced.map(({ actor }) => actor), [a!.actor])
        }))
      }).pipe(Effect.provide(NodeActor.layer({ expose: [introduce] })))
    ))

  it.live("an actor in another process refuses a call of an unknown endpoint or with an invalid payload, and goes on", () =>
    withActors(Actor.nursery(Effect.gen(function*() {
      const daemon = yield* Actor.start("daemon", { expose: [isPrime] })
      const unknown = yield* Effect.flip(
        (daemon as Actor.Portal<any>).run(Actor.endpoint("missing", { payload: { n: Schema.Int } })({ n: 1 }))
      )
      assert.deepInclude(unknown, { _tag: "EndpointUnknown", endpoint: "missing" })
      const unfit = yield* Effect.flip(daemon.run(isPrime({ n: "seven" as unknown as number })))
      assert.deepInclude(unfit, { _tag: "PayloadInvalid", side: "caller", endpoint: "isPrime" })
      const wrongVerb = yield* Effect.flip((daemon as Actor.Portal<any>).run(count({ to: 1 }) as never))
      assert.strictEqual((wrongVerb as Actor.ActorError)._tag, "EndpointUnknown")
      assert.isTrue(yield* daemon.run(isPrime({ n: 7 })))
    }))))

  it.live("an actor in another process boxes an error that its contract lacks, whether its caller still waits or not, and goes on", () =>
    withActors(Actor.nursery(Effect.gen(function*() {
      const daemon = yield* Actor.start("daemon", { expose: [unsayable, isPrime] })
      const error = yield* Effect.flip(daemon.run(unsayable()))
      assert.instanceOf(error, ActorError.RemoteActorError)
      assert.strictEqual((error as ActorError.RemoteActorError).type, "Even")
      // A caller that has gone gets no error, and the actor goes on.
      yield* Effect.timeoutOption(daemon.run(unsayable()), 0)
      assert.isTrue(yield* daemon.run(isPrime({ n: 7 })))
    }))))

  it.live("an actor in another process runs its finalizers when its owner's Scope closes, the finalizers of its layers last", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      yield* Effect.scoped(Effect.gen(function*() {
        const portal = yield* Actor.startScoped("keeper", {
          expose: [stored, hold],
          env: { set: { EVIDENCE: file } }
        })
        assert.strictEqual(yield* portal.run(stored()), file)
        yield* Effect.forkChild(portal.run(hold({ file, label: "work", millis: 100 })))
        yield* Eventually.holds("it runs", () => Folder.lines(file).length === 2)
      }))
      assert.deepStrictEqual(Folder.lines(file), [
        "store opened",
        "work runs",
        "work ended by root: scope closed",
        "store closed"
      ])
    })))
})

describe("A nursery of processes ends all its actors at a failure or an interruption", () => {
  it.live("a nursery of processes fails with one of many simultaneous failures as a typed error, to which the other failures are attached", () =>
    withActors(Effect.gen(function*() {
      const exit = yield* Effect.exit(Actor.nursery(Effect.forEach(
        Array.from({ length: 12 }, (_, n) => n),
        (n) => Actor.forkInActor(refuse({ who: String(n), after: 300 })),
        { concurrency: 4, discard: true }
      )))
      assert.isTrue(Exit.isFailure(exit))
      if (!Exit.isFailure(exit)) return
      assert.deepStrictEqual(exit.cause.reasons.map((reason) => reason._tag), ["Fail"])
      assert.strictEqual((Cause.squash(exit.cause) as { readonly _tag: string })._tag, "Refused")
      const others = Context.getOption(Cause.annotations(exit.cause) as Context.Context<any>, ActorError.OtherFailures)
      for (const { type } of Option.getOrElse(others, () => [])) assert.strictEqual(type, "Refused")
      assert.deepStrictEqual(Processes.titled("furrow[").map(Processes.describe), [])
    })))

  it.live("a nursery of processes fails with the defect of its body after its actors have ended", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      const pids: Array<number> = []
      const exit = yield* Effect.exit(Actor.nursery(Effect.gen(function*() {
        const daemon = yield* Actor.start("daemon", { expose: [isPrime, hold] })
        pids.push(daemon.actor.pid)
        assert.isTrue(yield* daemon.run(isPrime({ n: 7 })))
        yield* Effect.forkChild(daemon.run(hold({ file, label: "work", millis: 200 })))
        yield* Eventually.holds("it runs", () => Folder.lines(file).length === 1)
        return yield* Effect.die(new Error("Ctrl-C"))
      })))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      if (Exit.isFailure(exit)) assert.strictEqual((Cause.squash(exit.cause) as Error).message, "Ctrl-C")
      assert.deepStrictEqual(Folder.lines(file), ["work runs", "work ended by root: nursery failed"])
      assert.deepStrictEqual(pids.filter(Processes.isAlive), [])
    })))

  it.live("an interrupted nursery of processes cancels all its actors at once, even where its body waits for one of them", () =>
    withActors(
      Effect.gen(function*() {
        const file = yield* evidence
        const body = yield* Effect.forkChild(Actor.nursery(Effect.gen(function*() {
          yield* Actor.forkInActor(hold({ file, label: "other", millis: 0 }))
          const slow = yield* Actor.start("slow", { expose: [stubborn] })
          yield* Effect.forkChild(slow.run(stubborn({ file })))
          yield* Eventually.holds("both run", () => Folder.lines(file).length === 2)
          Folder.append(file, "ready")
          return yield* Effect.never
        })))
        yield* Eventually.holds("the body waits", () => Folder.lines(file).includes("ready"))
        const since = performance.now()
        yield* Effect.forkChild(Fiber.interrupt(body))
        yield* Eventually.holds(
          "the other has ended",
          () => Folder.lines(file).includes("other ended by root: nursery interrupted")
        )
        // The slow actor has until the bound of its own.
        assert.isBelow(performance.now() - since, 2500)
        yield* Fiber.await(body)
      }).pipe(Timeouts.provide({ cancel: 4000, finalizers: 1000 }))
    ))

  it.live("a job that fails in the nursery of a dialog fails the dialog and ends the nursery's other jobs, whichever calls have started these jobs", () =>
    withActors(Actor.nursery(Effect.gen(function*() {
      const file = yield* evidence
      const actor = yield* Actor.start("region", { expose: [region.keep, region.task] })
      const error = yield* Effect.flip(actor.open(region.keep({ file }), () =>
        Effect.gen(function*() {
          yield* actor.run(region.task({ file, label: "first", fails: 100_000 }))
          yield* actor.run(region.task({ file, label: "second", fails: 100_000 }))
          yield* actor.run(region.task({ file, label: "third", fails: 300 }))
          return yield* Effect.never
        })))
      assert.deepInclude(error, { _tag: "Refused", who: "third" })
      assert.deepStrictEqual([...Folder.lines(file)].sort(), ["first ended", "second ended", "third ended"])
    }))))
})
