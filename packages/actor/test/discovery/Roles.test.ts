/** Roles across trees: a portal leads to the successor of a supervised actor, also where that actor is in another tree. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, Registry, Supervisor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { askTwice, hang, Mail, who } from "../fixtures/supervised.ts"
import { forest, type Tree } from "../support/Forest.ts"
import { backoff } from "../support/Supervised.ts"
import { pass, settle, until } from "../support/Time.ts"

/** Two trees: in `right` an actor named `post` plays a role, and `kill` kills the process that plays it now. */
const trees = Effect.gen(function*() {
  const { cut, heal, plant } = yield* forest
  const left = yield* plant("left")
  let last: { readonly signal: (signal: "SIGKILL") => void } | undefined
  const right = yield* plant("right", {
    between: (process) => {
      last = process
      return process
    }
  })
  const post = Supervisor.of(Mail, { name: "post", unique: true })
  yield* until(10_000)(right.run(Layer.build(Supervisor.layer({ backoff }, [post]))))
  yield* pass(500)
  const kill = Effect.andThen(Effect.sync(() => last!.signal("SIGKILL")), settle)
  return { left, right, kill, cut, heal }
})

const found = (tree: Tree) => until(10_000)(tree.run(Registry.wait(Mail, "post", { within: "5 seconds" })))

describe("A portal follows a role in another tree", () => {
  it.effect("G291: a portal to a role of another tree leads to the successor after each restart, and calls during a restart wait for it", () =>
    Effect.gen(function*() {
      const { kill, left } = yield* trees
      const post = yield* found(left)
      const seen = [yield* until(5_000)(post.run(who()))]
      for (let restart = 0; restart < 2; restart++) {
        yield* kill
        seen.push(yield* until(20_000)(post.run(who())))
      }
      assert.strictEqual(new Set(seen).size, 3)
    }))

  it.effect("G291: a call in flight to a role of another tree fails with ActorLost, and the next call reaches the successor", () =>
    Effect.gen(function*() {
      const { kill, left } = yield* trees
      const post = yield* found(left)
      const before = yield* until(5_000)(post.run(who()))
      const open = yield* Effect.forkChild(Effect.flip(post.run(hang())))
      yield* settle
      yield* kill
      assert.strictEqual((yield* until(5_000)(Fiber.join(open)))._tag, "ActorLost")
      assert.notStrictEqual(yield* until(20_000)(post.run(who())), before)
    }))

  it.effect("G291: an actor deep in one tree follows a role of another tree by a reference, also while the engine is out of reach", () =>
    Effect.gen(function*() {
      const { cut, heal, kill, left } = yield* trees
      const ref = Option.getOrThrow(yield* left.run(Registry.query("post")))
      const deep = yield* until(10_000)(left.run(Actor.startScoped("deep", { expose: [askTwice] })))
      cut("left")
      const asked = yield* Effect.forkChild(deep.run(askTwice({ whom: ref as Actor.ActorRef<Mail> })))
      yield* pass(1_000)
      yield* kill
      const [first, second] = yield* until(20_000)(Fiber.join(asked))
      heal("left")
      // Questions to the engine that are under way end by their bounds.
      yield* pass(8_000, 500)
      assert.isString(first)
      assert.notStrictEqual(second, first)
    }))

  it.effect("G291: calls to a role fail with a typed error when the tree of the role has ended", () =>
    Effect.gen(function*() {
      const { left, right } = yield* trees
      const post = yield* found(left)
      yield* until(5_000)(post.run(who()))
      yield* until(10_000)(right.end)
      const error = yield* until(20_000)(Effect.flip(post.run(who())))
      assert.strictEqual(error._tag, "ActorUnreachable")
    }))
})
