import { assert, describe, it } from "@effect/vitest"
import { CurrentDialog } from "@furrow/actor/internal/dialog/DialogContext"
import { RegistrarService, serveDirectory } from "@furrow/actor/internal/discovery/RegistrarService"
import { makeEvents } from "@furrow/actor/internal/inspect/ActorEvent"
import type { Entry } from "@furrow/actor/internal/settings/ActorRef"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { idOf } from "./support/Wire.ts"

const entry = (...path: ReadonlyArray<string>): Entry => ({
  actor: idOf(path.at(-1)!),
  path,
  service: null,
  exposed: [],
  unique: false
})

/** The registrar of a tree: root > a > deep, root > b; all of them ready. */
const registrar = Effect.gen(function*() {
  const service = new RegistrarService({
    root: entry("root"),
    events: makeEvents(),
    isGone: () => Effect.succeed(false)
  })
  const handlers = serveDirectory(service, service, Context.empty())
  /** The answer of `who` over a connection of its own; true when it was heard. */
  const says = (who: string, what: "claim" | "ready" | "gone", payload: object) => {
    const served = {
      cancellation: undefined,
      info: { side: "callee" as const, endpoint: what, peer: idOf(who), id: 1 }
    }
    const asked = handlers.get(`furrow/registry/${what}`)!.handler(payload) as Effect.Effect<void>
    return Effect.map(
      Effect.exit(Effect.provideService(asked, CurrentDialog, served)),
      ({ _tag }) => _tag === "Success"
    )
  }
  const listed = Effect.map(service.list(undefined), (entries) => entries.map(({ actor }) => actor.name).toSorted())
  for (const path of [["root", "a"], ["root", "b"], ["root", "a", "deep"]]) {
    assert.isTrue(yield* says(path.at(-2)!, "claim", { entry: entry(...path) }))
    assert.isTrue(yield* says(path.at(-2)!, "ready", { uuid: path.at(-1), pid: 1 }))
  }
  assert.deepStrictEqual(yield* listed, ["a", "b", "deep", "root"])
  return { says, listed }
})

const lies: ReadonlyArray<readonly [title: string, what: "claim" | "ready" | "gone", payload: object]> = [
  ["somebody else's child is its own", "claim", { entry: entry("root", "b", "deep") }],
  ["somebody else's child is one of its parent", "claim", { entry: entry("root", "a", "deep") }],
  ["a new actor is below somebody else", "claim", { entry: entry("root", "a", "new") }],
  ["it stands somewhere else itself", "claim", { entry: entry("root", "a", "deep", "b", "new") }],
  ["the root is its child", "claim", { entry: entry("root", "b", "root") }],
  ["its parent is its child", "claim", { entry: { ...entry("root", "b", "a"), unique: true } }],
  ["somebody else's child is gone", "gone", { uuid: "deep" }],
  ["its sibling is gone", "gone", { uuid: "a" }],
  ["the root is gone", "gone", { uuid: "root" }],
  ["somebody else's child has another process", "ready", { uuid: "deep", pid: 666 }]
]

describe("The registry accepts reports about an actor only from the actor's parent", () => {
  it.effect.each(lies)(
    "a false report of an actor about another actor is refused and changes nothing in the registry (case: $0)",
    ([, what, payload]) =>
      Effect.gen(function*() {
        const { listed, says } = yield* registrar
        assert.isFalse(yield* says("b", what, payload))
        assert.deepStrictEqual(yield* listed, ["a", "b", "deep", "root"])
      })
  )

  it.effect("a parent changes the entries of its own children in the registry", () =>
    Effect.gen(function*() {
      const { listed, says } = yield* registrar
      assert.isTrue(yield* says("b", "claim", { entry: entry("root", "b", "new") }))
      assert.isTrue(yield* says("b", "ready", { uuid: "new", pid: 7 }))
      assert.deepStrictEqual(yield* listed, ["a", "b", "deep", "new", "root"])
      assert.isTrue(yield* says("b", "gone", { uuid: "new" }))
      assert.deepStrictEqual(yield* listed, ["a", "b", "deep", "root"])
      assert.isTrue(yield* says("a", "gone", { uuid: "deep" }))
    }))
})
