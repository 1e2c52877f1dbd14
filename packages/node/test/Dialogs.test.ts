/** Tests dialogs between processes, and an actor that dies while a dialog is open. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError, Dialog } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Processes from "@furrow/testing/Processes"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { isPrime } from "./fixtures/arithmetic.ts"
import { ticks } from "./fixtures/evidence.ts"
import { echo, greet, park, pingPong, quit, remembered, wrap } from "./fixtures/talks.ts"
import { evidence, timed, withActors } from "./support.ts"

const expose = [greet, remembered, pingPong, park, echo, quit, isPrime, ticks, wrap] as const
type Portal = Actor.Portal<typeof expose[number]>

/** Runs a test with an actor called bob, and a file to which he writes. */
const withBob = <A, E>(body: (bob: Portal, file: string) => Effect.Effect<A, E, Actor.ActorRuntime>) =>
  withActors(Effect.gen(function*() {
    const file = yield* evidence
    return yield* Actor.nursery(Effect.flatMap(Actor.start("bob", { expose }), (bob) => body(bob, file)))
  }))

const ours = (error: unknown, reason: string): void => {
  assert(error instanceof ActorError.ContextCancelled)
  assert.deepStrictEqual([error.by.name, error.by.pid, error.actor.name], ["root", process.pid, "bob"])
  assert.strictEqual(error.reason, reason)
  assert.isTrue(error.acknowledged)
}

const killed = (error: unknown): void => {
  assert.instanceOf(error, ActorError.ActorLost)
  assert.deepStrictEqual((error as ActorError.ActorLost).how, { _tag: "Signalled", signal: "SIGKILL" })
  assert.strictEqual((error as ActorError.ActorLost).actor.name, "bob")
}

const callable = (bob: Portal) =>
  Effect.gen(function*() {
    assert.isTrue(yield* bob.run(isPrime({ n: 7 })))
    assert.strictEqual((yield* bob.statistics).channel.dialogs, 0)
  })

describe("A dialog has a first value and a result, and cleans up at its end", () => {
  it.live("a dialog gives caller and callee its first value and its result, is their current dialog, and is removed after its end", () =>
    withBob((bob) =>
      Effect.gen(function*() {
        const result = yield* bob.open(
          greet({ n: 10, stay: false }),
          Effect.fnUntraced(function*(dialog) {
            assert.strictEqual(dialog.first, 11)
            assert.strictEqual(yield* dialog.stream.receive, "callee of greet, opened by root")
            const current = Option.getOrThrow(yield* Dialog.current)
            assert.deepStrictEqual([current.side, current.endpoint, current.peer.name], ["caller", "greet", "bob"])
            return yield* dialog.result
          })
        )
        assert.strictEqual(result, "yo")
        assert.isTrue(Option.isNone(yield* Dialog.current))
        assert.strictEqual(yield* bob.run(remembered()), 0)
      })
    ))

  it.live("the cleanup of a dialog has run when the cancel of the dialog returns", () =>
    withBob((bob) =>
      Effect.gen(function*() {
        yield* bob.open(greet({ n: 10, stay: true }), (dialog) =>
          Effect.gen(function*() {
            assert.strictEqual(yield* bob.run(remembered()), 10)
            yield* dialog.cancel()
            assert.strictEqual(yield* bob.run(remembered()), 0)
          }))
        yield* callable(bob)
      })
    ))
})

describe("A dialog in which caller and callee answer each other ends with its result", () => {
  for (const style of ["receive", "stream"] as const) {
    it.live(`caller and callee answer each other in a dialog until the dialog ends with its result (the callee reads by ${style})`, () =>
      withBob((bob) =>
        Effect.gen(function*() {
          const count = yield* bob.open(
            pingPong({ style }),
            Effect.fnUntraced(function*({ first, result, stream }) {
              assert.strictEqual(first, 11)
              for (let i = 0; i < 5; i++) {
                yield* stream.send("ping")
                assert.strictEqual(yield* stream.receive, "pong")
              }
              let left = 5
              yield* stream.send("ping")
              yield* Stream.runForEachWhile(
                stream.toStream,
                () => --left === 0 ? Effect.succeed(false) : Effect.as(stream.send("ping"), true)
              )
              yield* stream.end
              return yield* result
            })
          )
          assert.strictEqual(count, 10)
        })
      ))
  }
})

describe("The cancel of a dialog ends the dialog for its caller and its callee", () => {
  it.live("a cancel of a dialog by its caller is the outcome of the dialog, and the actor can be called again", () =>
    withBob((bob, file) =>
      Effect.gen(function*() {
        const dialog = yield* bob.open(
          park({ file, label: "park", millis: 50 }),
          Effect.fnUntraced(function*(dialog) {
            yield* dialog.cancel("enough")
            // The cleanup of the dialog has run in the actor.
            assert.deepStrictEqual(Folder.lines(file), ["park: cancelled by root: enough"])
            ours(yield* Effect.flip(dialog.result), "enough")
            assert.deepStrictEqual(yield* dialog.state, {
              state: "cancelled",
              cancelCalled: true,
              cancelAcknowledged: true
            })
            return dialog
          })
        )
        ours(yield* Effect.flip(dialog.result), "enough")
        const outcome = Option.getOrThrow(yield* dialog.outcome)
        assert(Exit.isFailure(outcome))
        yield* callable(bob)
      })
    ))

  it.live("a dialog that another actor cancels fails, and its error names the other actor", () =>
    withBob((bob, file) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(bob.open(
          park({ file, label: "park", millis: 0 }),
          Effect.fnUntraced(function*(dialog) {
            yield* Effect.forkChild(bob.cancel("closing"))
            return yield* dialog.result
          })
        ))
        assert(error._tag === "ContextCancelled")
        assert.deepStrictEqual([error.by.pid, error.reason], [process.pid, "closing"])
        assert.deepStrictEqual(Folder.lines(file), ["park: cancelled by root: closing"])
        yield* Processes.gone([bob.actor.pid])
      })
    ))

  for (const first of [false, true]) {
    it.live(`a dialog that its caller cancels before, during or after its stream fails with ContextCancelled in each case (the ${first ? "callee" : "caller"} sends first)`, () =>
      withBob((bob, file) =>
        Effect.gen(function*() {
          for (const when of ["before", "during", "after"] as const) {
            yield* bob.open(
              echo({ file, first, parks: true }),
              Effect.fnUntraced(function*(dialog) {
                const { stream } = dialog
                if (when !== "before") {
                  if (first) assert.strictEqual(yield* stream.receive, 0)
                  yield* stream.send(1)
                  assert.strictEqual(yield* stream.receive, 1)
                }
                if (when === "after") yield* stream.close
                yield* dialog.cancel(when)
                ours(yield* Effect.flip(dialog.result), when)
                ours(yield* Effect.flip(stream.send(2)), when)
                if (when !== "after") ours(yield* Effect.flip(stream.receive), when)
                assert.isTrue((yield* dialog.state).cancelAcknowledged)
              })
            )
          }
          assert.deepStrictEqual(
            Folder.lines(file),
            ["before", "during", "after"].map((when) => `echo: cancelled by root: ${when}`)
          )
          yield* callable(bob)
        })
      ))
  }

  it.live("a dialog whose result did not come within a bound ends when it is cancelled", () =>
    withBob((bob, file) =>
      Effect.gen(function*() {
        yield* bob.open(
          park({ file, label: "park", millis: 0 }),
          Effect.fnUntraced(function*(dialog) {
            assert.isTrue(Option.isNone(yield* Effect.timeoutOption(dialog.result, 200)))
            assert.strictEqual((yield* dialog.state).state, "open")
            yield* dialog.cancel("given up")
            assert.isTrue((yield* dialog.state).cancelAcknowledged)
          })
        )
        assert.deepStrictEqual(Folder.lines(file), ["park: cancelled by root: given up"])
        yield* callable(bob)
      })
    ))

  it.live("a cancel by the callee before the dialog's first value fails the caller with the callee as author, and interrupts the callee's sleep at once", () =>
    withBob((bob, file) =>
      Effect.gen(function*() {
        let body = 0
        const [error, millis] = yield* timed(Effect.flip(bob.open(quit({ file }), () => {
          body++
          return Effect.never
        })))
        assert(error._tag === "ContextCancelled")
        assert.deepStrictEqual([error.by.name, error.actor.name, body], ["bob", "bob", 0])
        assert.match(error.message, /was cancelled by itself: had enough/)
        assert.isBelow(millis, 3000)
        assert.deepStrictEqual(Folder.lines(file), ["quit: cancelled by bob: had enough"])
        yield* callable(bob)
      })
    ))

  it.live("the waiting body of a dialog ends when another fiber cancels the dialog or the callee's actor", () =>
    withBob((bob, file) =>
      Effect.gen(function*() {
        let cancel: ((reason: string) => Effect.Effect<void>) | undefined
        const opening = yield* Effect.forkChild(
          Effect.flip(bob.open(park({ file, label: "park", millis: 0 }), (dialog) => {
            cancel = dialog.cancel
            return Effect.never
          }))
        )
        yield* Eventually.holds("the dialog is open", () => cancel !== undefined)
        const [, millis] = yield* timed(Effect.gen(function*() {
          yield* cancel!("from outside")
          ours(yield* Fiber.join(opening), "from outside")
          yield* bob.cancel()
        }))
        assert.isBelow(millis, 5000)
        assert.deepStrictEqual(Folder.lines(file), ["park: cancelled by root: from outside"])
      })
    ))

  it.live("a body of a dialog that waits for ever fails with ContextCancelled when another fiber cancels the callee's actor", () =>
    withBob((bob, file) =>
      Effect.gen(function*() {
        const open = Effect.flip(bob.open(park({ file, label: "park", millis: 0 }), () =>
          Effect.andThen(Effect.forkChild(bob.cancel("out of band")), Effect.never)))
        const error = yield* open
        assert(error._tag === "ContextCancelled")
        assert.deepStrictEqual([error.by.name, error.reason], ["root", "out of band"])
      })
    ))

  it.live("the cancel of a dialog also cancels the callee's own dialog with a child and ends the child, and both handlers learn who cancelled", () =>
    withBob((bob, file) =>
      Effect.gen(function*() {
        const inner = yield* bob.open(wrap({ file }), (dialog) => Effect.as(dialog.cancel("over"), dialog.first))
        yield* Processes.gone([inner])
        assert.deepStrictEqual(Folder.lines(file), [
          "inner: cancelled by root: over",
          "wrap: cancelled by root: over"
        ])
        yield* callable(bob)
      })
    ))

  it.live("the interruption of a dialog's body cancels the dialog and the stream that the body reads from the callee's actor", () =>
    withBob((bob, file) =>
      Effect.gen(function*() {
        let forwarded = 0
        const both = bob.open(echo({ file, first: false, parks: false }), ({ stream }) =>
          Stream.runForEach(bob.stream(ticks({ file, label: "ticks", millis: 0 })), (n) =>
            Effect.gen(function*() {
              yield* stream.send(n)
              forwarded = yield* Effect.orDie(stream.receive)
            })))
        const fiber = yield* Effect.forkChild(both)
        yield* Eventually.holds("one item was forwarded", () =>
          forwarded > 0)
        const [, millis] = yield* timed(Fiber.interrupt(fiber))
        assert.isBelow(millis, 3000)
        assert.sameMembers([...Folder.lines(file)], [
          "ticks ended by root: interrupted",
          "echo: cancelled by root: interrupted"
        ])
        yield* callable(bob)
      })
    ))
})

describe("An actor that is killed while a dialog is open fails the dialog", () => {
  const victim = (body: (bob: Portal, file: string) => Effect.Effect<void, unknown, any>) =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      const bob = yield* Actor.startScoped("bob", { expose })
      yield* body(bob, file)
    }) as Effect.Effect<void, unknown, any>)
  const kill = (bob: Portal) => Effect.sync(() => process.kill(bob.actor.pid, "SIGKILL"))

  it.live("a killed callee fails every present and later wait of its caller for an item, for credit or for the result", () =>
    victim(Effect.fnUntraced(function*(bob, file) {
      const dialogs = yield* Effect.all(
        Array.from({ length: 3 }, (_, n) => bob.openScoped(park({ file, label: `park ${n}`, millis: 0 })))
      )
      const [receives, sends, waits] = dialogs as [typeof dialogs[0], typeof dialogs[0], typeof dialogs[0]]
      let sent = 0
      const fibers = yield* Effect.all([
        Effect.forkChild(Effect.flip(receives.stream.receive)),
        Effect.forkChild(
          Effect.flip(Effect.forever(Effect.tap(sends.stream.send(1), () => Effect.sync(() => ++sent))))
        ),
        Effect.forkChild(Effect.flip(waits.result))
      ])
      yield* Eventually.holds("the window is full", () => sent === 1024)
      yield* kill(bob)
      const [errors, millis] = yield* timed(Effect.forEach(fibers, (fiber) => Fiber.join<unknown, unknown>(fiber)))
      for (const error of errors) killed(error)
      assert.isBelow(millis, 3000)
      for (const { result, state, stream } of dialogs) {
        killed(yield* Effect.flip(stream.receive))
        killed(yield* Effect.flip(stream.send(2)))
        killed(yield* Effect.flip(result))
        assert.strictEqual((yield* state).state, "failed")
      }
    })))

  it.live("a killed callee interrupts a body of a dialog that waits for something outside of the dialog, and makes the function `open` fail", () =>
    victim(Effect.fnUntraced(function*(bob, file) {
      let interrupted = false
      const opening = bob.open(
        park({ file, label: "park", millis: 0 }),
        () =>
          Effect.onInterrupt(Effect.andThen(kill(bob), Effect.never), () =>
            Effect.sync(() => {
              interrupted = true
            }))
      )
      const [error, millis] = yield* timed(Effect.flip(opening))
      killed(error)
      assert.isTrue(interrupted)
      assert.isBelow(millis, 3000)
      killed(yield* Effect.flip(bob.open(park({ file, label: "late", millis: 0 }), () => Effect.never)))
    })))

  it.live("a dialog that its caller has cancelled fails with ActorLost if the callee's actor is killed before it acknowledges the cancel", () =>
    victim(Effect.fnUntraced(function*(bob, file) {
      const dialog = yield* bob.openScoped(park({ file, label: "park", millis: 60_000 }))
      const cancelling = yield* Effect.forkChild(dialog.cancel("enough"))
      yield* Eventually.succeeds(Effect.map(dialog.state, ({ state }) => assert.strictEqual(state, "cancelling")))
      yield* kill(bob)
      const [, millis] = yield* timed(Fiber.join(cancelling))
      assert.isBelow(millis, 3000)
      killed(yield* Effect.flip(dialog.result))
    })))

  it.live("the kill of an actor does not end dialogs of its caller with other actors", () =>
    victim(Effect.fnUntraced(function*(bob, file) {
      const alice = yield* Actor.startScoped("alice", { expose })
      const heard = yield* alice.open(
        echo({ file, first: false, parks: false }),
        Effect.fnUntraced(function*({ result, stream }) {
          killed(
            yield* Effect.flip(
              bob.open(park({ file, label: "park", millis: 0 }), () => Effect.andThen(kill(bob), Effect.never))
            )
          )
          yield* stream.send(1)
          assert.strictEqual(yield* stream.receive, 1)
          yield* stream.end
          return yield* result
        })
      )
      assert.strictEqual(heard, 1)
    })))
})
