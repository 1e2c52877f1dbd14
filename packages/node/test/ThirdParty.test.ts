/**
 * Tests how an actor's end looks to a third actor that does not own it, between real processes: the rows of table 26.1
 * with three actors.
 */
import { assert, describe, it } from "@effect/vitest"
import { Actor, Timeouts } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Processes from "@furrow/testing/Processes"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { hold } from "./fixtures/evidence.ts"
import { attach, dismiss, echo, inShort, Negative, relay, square } from "./fixtures/peers.ts"
import { inTree, listsOnly, type Planted, wrote } from "./fixtures/peersTree.ts"
import { timed } from "./support.ts"

const reason = "needed elsewhere"

/** The third actor asks the callee's actor to end. */
const cancels = (tree: Planted, name = "r") =>
  Effect.flatMap(tree.at("t"), (third) => third.run(dismiss({ name, reason })))

const stay = (tree: Planted, name: string, body: Effect.Effect<unknown, Actor.ActorError> = Effect.never) =>
  Effect.flatMap(tree.at(name), (portal) => portal.open(echo({ file: tree.file, label: name }), () => body))

describe("A third actor, which is neither caller nor owner, cancels an actor", () => {
  it.live("an actor that a third actor cancels ends with the actors below it, and its callers learn the third actor's name (specification 26.1, row 5)", () =>
    inTree(["o", "t", "p", "p/r", "p/r/x"], (tree) =>
      Effect.gen(function*() {
        const opener = yield* tree.at("o")
        const below = yield* tree.at("x")
        const attached = yield* Effect.forkChild(
          opener.run(attach({ name: "r", file: tree.file, label: "o" }))
        )
        const inner = yield* Effect.forkChild(
          Effect.flip(below.run(hold({ file: tree.file, label: "x", millis: 0 })))
        )
        const mine = yield* Effect.forkChild(Effect.flip(stay(tree, "r")))
        for (const line of ["o/call runs", "o/stream runs", "o/dialog runs", "x runs", "r runs"]) {
          yield* wrote(tree.file, line)
        }
        const { ended, millis } = yield* cancels(tree)
        assert.strictEqual(ended, "Cancelled")
        assert.isBelow(millis, 5000)
        const expected = `ContextCancelled in r by t: ${reason}`
        assert.deepStrictEqual(
          yield* Fiber.join(attached),
          [`call: ${expected}`, `stream: ${expected}`, `dialog: ${expected}`]
        )
        const error = yield* Fiber.join(mine)
        assert.strictEqual(inShort(error), expected)
        assert.deepInclude(error, { acknowledged: true })
        assert.strictEqual(inShort(yield* Fiber.join(inner)), `ContextCancelled in x by t: ${reason}`)
        for (const said of ["o/call ended", "o/stream ended", "o/dialog: ended", "x ended", "r: ended"]) {
          assert.include(Folder.lines(tree.file), `${said} by t: ${reason}`)
        }
        yield* listsOnly(["root", "o", "t", "p"])
        yield* Processes.gone([below.actor.pid])
        assert.strictEqual((yield* (yield* tree.at("p")).run(square({ n: 2 }))).n, 4)
      })))

  it.live("G70: a third actor's cancel does not fail the nursery of the cancelled actor, and the nursery's other actors go on", () =>
    inTree(["r", "t", "other"], (tree) =>
      Effect.gen(function*() {
        const r = yield* tree.at("r")
        const other = yield* Effect.forkChild(stay(tree, "other"))
        yield* wrote(tree.file, "other runs")
        const waiting = yield* Effect.forkChild(r.wait)
        assert.strictEqual((yield* cancels(tree)).ended, "Cancelled")
        assert.deepInclude(yield* Fiber.join(waiting), { _tag: "Cancelled", reason })
        assert.strictEqual((yield* (yield* tree.at("other")).run(square({ n: 2 }))).n, 4)
        assert.isUndefined(other.pollUnsafe())
        const late = yield* Effect.flip(r.run(square({ n: 2 })))
        // The owner did not end the actor, and has not lost it either.
        assert.deepInclude(late, { _tag: "ChannelClosed", side: "peer" })
        assert.deepStrictEqual((yield* Actor.statistics).children.map(({ actor }) => actor.name).sort(), ["other", "t"])
        yield* Fiber.interrupt(other)
      })))

  it.live("a body that fails while it handles a third actor's cancel keeps its own error, and the dialogs that enclose the body are cancelled (specification 26.1, row 12)", () =>
    inTree(["first", "second", "p", "p/r", "t"], (tree) =>
      Effect.gen(function*() {
        const inner = stay(tree, "r").pipe(
          Effect.catchTag("ContextCancelled", () => Effect.fail(new Negative({ n: -12 })))
        )
        const outer = Effect.flatMap(tree.at("first"), (first) =>
          first.open(echo({ file: tree.file, label: "first" }), () =>
            Effect.flatMap(tree.at("second"), (second) =>
              second.open(echo({ file: tree.file, label: "second" }), () =>
                inner))))
        const fiber = yield* Effect.forkChild(Effect.flip(outer))
        for (const name of ["first", "second", "r"]) {
          yield* wrote(tree.file, `${name} runs`)
        }
        yield* cancels(tree)
        const error = yield* Fiber.join(fiber)
        assert.deepInclude(error, { _tag: "Negative", n: -12 })
        assert.deepStrictEqual(Folder.lines(tree.file).slice(3), [
          `r: ended by t: ${reason}`,
          "second: ended by root: the caller failed",
          "first: ended by root: the caller failed"
        ])
      })))

  it.live("the error of a third actor's cancel that passes through enclosing dialogs also cancels these dialogs (specification 26.1, row 13)", () =>
    inTree(["first", "second", "p", "p/r", "t"], (tree) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Effect.flip(
          stay(tree, "first", stay(tree, "second", stay(tree, "r")) as Effect.Effect<unknown, Actor.ActorError>)
        ))
        for (const name of ["first", "second", "r"]) yield* wrote(tree.file, `${name} runs`)
        yield* cancels(tree)
        assert.strictEqual(inShort(yield* Fiber.join(fiber)), `ContextCancelled in r by t: ${reason}`)
        assert.deepStrictEqual(Folder.lines(tree.file).slice(3), [
          `r: ended by t: ${reason}`,
          "second: ended by root: the caller failed",
          "first: ended by root: the caller failed"
        ])
        yield* listsOnly(["root", "first", "second", "p", "t"])
      })))

  it.live("a call that a third actor cancels names the third actor in its error, even at a caller two processes away (specification 26.1, row 14)", () =>
    inTree(["a", "b", "p", "p/c", "q", "q/r", "t"], (tree) =>
      Effect.gen(function*() {
        const a = yield* tree.at("a")
        const fiber = yield* Effect.forkChild(Effect.flip(
          a.open(relay({ via: ["c", "b"], name: "r", file: tree.file }), () => Effect.never)
        ))
        yield* wrote(tree.file, "relayed runs")
        yield* cancels(tree)
        assert.strictEqual(inShort(yield* Fiber.join(fiber)), `ContextCancelled in r by t: ${reason}`)
        yield* listsOnly(["root", "a", "b", "p", "c", "q", "t"])
        assert.strictEqual((yield* a.run(square({ n: 2 }))).n, 4)
      })))

  it.live("a third actor cannot cancel an actor above itself", () =>
    inTree(["p", "p/t"], (tree) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(cancels(tree, "p"))
        assert.match(error.message, /an actor cannot cancel (one above it|its parent)/)
        yield* listsOnly(["root", "p", "t"])
      })))

  it.live("a third actor's cancel of a stopped actor waits no longer than the owner's cancel, and takes effect when the actor goes on", () =>
    inTree(["p", "p/r", "t"], (tree) =>
      Effect.gen(function*() {
        const r = yield* tree.at("r")
        const third = yield* tree.at("t")
        // The connection exists before, because a stopped actor accepts none.
        yield* Effect.forkChild(third.run(attach({ name: "r", file: tree.file, label: "t" })))
        yield* wrote(tree.file, "t/dialog runs")
        process.kill(r.actor.pid, "SIGSTOP")
        yield* Eventually.holds("it is stopped", () => Processes.find(r.actor.pid)?.state === "T")
        const events: Array<Actor.ActorEvent> = []
        yield* Effect.forkChild(Stream.runForEach(Actor.events, (event) => Effect.sync(() => events.push(event))))
        const [, millis] = yield* timed(Effect.scoped(
          Effect.flatMap(Actor.portal(r.ref), (portal) => portal.cancel("by the root"))
        ))
        assert.isAtLeast(millis, 1900)
        assert.isBelow(millis, 6000)
        yield* Eventually.holds(
          "it is told",
          () => events.some((event) => event._tag === "CancelUnacknowledged" && event.actor.name === "r")
        )
        assert.strictEqual(Processes.find(r.actor.pid)?.state, "T")
        process.kill(r.actor.pid, "SIGCONT")
        yield* Processes.gone([r.actor.pid])
        yield* listsOnly(["root", "p", "t"])
        assert.include(Folder.lines(tree.file), "t/dialog: ended by root: by the root")
      }), {
      timeouts: { ...Timeouts.defaults, cancelAck: 500, finalizers: 1000, terminate: 500 }
    }))
})
