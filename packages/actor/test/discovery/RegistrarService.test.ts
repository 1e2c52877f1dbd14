/** The registrar of a root, as its watchers and its tree know it. */
import { assert, describe, it } from "@effect/vitest"
import { CurrentDialog } from "@furrow/actor/internal/dialog/DialogContext"
import { contract } from "@furrow/actor/internal/discovery/Directory"
import type { Change } from "@furrow/actor/internal/discovery/Registrar"
import { RegistrarService, serveDirectory } from "@furrow/actor/internal/discovery/RegistrarService"
import { NameTaken } from "@furrow/actor/internal/errors/ActorError"
import { type ActorEvent, makeEvents } from "@furrow/actor/internal/inspect/ActorEvent"
import type { Entry } from "@furrow/actor/internal/settings/ActorRef"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { settle } from "../support/Time.ts"
import { idOf } from "../support/Wire.ts"

const entry = (path: string, name = path, unique = false): Entry => {
  const uuids = path.split("/")
  return {
    actor: { name, uuid: uuids.at(-1)!, pid: 0 },
    path: uuids,
    service: null,
    exposed: [],
    unique
  }
}

const make = (isGone: (entry: Entry) => Effect.Effect<boolean> = () => Effect.succeed(true)) => {
  const source = makeEvents()
  const events: Array<ActorEvent> = []
  source.subscribe((event) => events.push(event))
  return { registrar: new RegistrarService({ root: entry("r", "root"), events: source, isGone }), events }
}

const come = (registrar: RegistrarService, path: string, name?: string) =>
  Effect.andThen(
    Effect.orDie(registrar.claim(entry(path, name))),
    registrar.ready(path.split("/").at(-1)!, 1)
  )

const short = (change: Change): string =>
  change._tag === "Snapshot"
    ? `all ${change.entries.map(({ actor }) => actor.uuid).join(" ")}`.trim()
    : `${change._tag} ${change.entry.actor.uuid}`

/** Reads a watch into a list, as fast as it may. */
const reading = (registrar: RegistrarService, name?: string) =>
  Effect.gen(function*() {
    const heard: Array<string> = []
    const fiber = yield* Effect.forkChild(
      Stream.runForEach(registrar.watch(name), (change) => Effect.sync(() => void heard.push(short(change))))
    )
    yield* settle
    return { heard, stop: Fiber.interrupt(fiber) }
  })

/** How many it tells: there is no other way to see that somebody is forgotten. */
const watchers = (registrar: RegistrarService): number =>
  (registrar as unknown as { readonly watchers: ReadonlySet<unknown> }).watchers.size

describe("A watcher of the registry gets a list of all actors first, and then each change", () => {
  it.effect("a watcher gets every listed actor, then each change in order", () =>
    Effect.gen(function*() {
      const { registrar } = make()
      yield* come(registrar, "r/a")
      const { heard } = yield* reading(registrar)
      assert.deepStrictEqual(heard, ["all a r"])
      yield* come(registrar, "r/b")
      yield* come(registrar, "r/b/c")
      yield* registrar.gone("b")
      yield* come(registrar, "r/d")
      yield* settle
      assert.deepStrictEqual(heard, ["all a r", "Up b", "Up c", "Down c", "Down b", "Up d"])
    }))

  it.effect("a watcher of one name gets only the changes of that name", () =>
    Effect.gen(function*() {
      const { registrar } = make()
      yield* come(registrar, "r/a", "x")
      const { heard } = yield* reading(registrar, "x")
      yield* come(registrar, "r/b", "y")
      yield* come(registrar, "r/b/c", "x")
      yield* registrar.gone("b")
      yield* settle
      assert.deepStrictEqual(heard, ["all a", "Up c", "Down c"])
    }))

  it.effect("a watcher that reads slowly costs bounded memory: it gets a new snapshot instead of the changes that it missed", () =>
    Effect.gen(function*() {
      const { registrar } = make()
      const read = yield* Queue.bounded<string>(1)
      yield* Effect.forkChild(
        Stream.runForEach(registrar.watch(undefined), (change) => Queue.offer(read, short(change)))
      )
      yield* settle
      for (let n = 0; n < 5_000; n++) {
        yield* come(registrar, `r/${n}`)
        yield* registrar.gone(`${n}`)
      }
      yield* come(registrar, "r/last")
      const heard: Array<string> = []
      while (heard.at(-1) !== "Up last" && heard.at(-1) !== "all last r") heard.push(yield* Queue.take(read))
      assert.isBelow(heard.length, 1_100)
      assert.strictEqual(heard[0], "all r")
      // It began anew once: what came before that is nothing it has to know.
      const anew = heard.findLastIndex((line) => line.startsWith("all"))
      assert.isAbove(anew, 0)
      const there = new Set(heard[anew]!.split(" ").slice(1))
      for (const line of heard.slice(anew + 1)) {
        const [what, who] = line.split(" ")
        assert.strictEqual(there.has(who!), what === "Down", line)
        if (what === "Up") there.add(who!)
        else there.delete(who!)
      }
      assert.deepStrictEqual([...there].toSorted(), ["last", "r"])
    }))

  it.effect("a watcher that leaves is removed, however it leaves", () =>
    Effect.gen(function*() {
      const { registrar } = make()
      const { stop } = yield* reading(registrar)
      yield* Stream.runDrain(Stream.take(registrar.watch("x"), 1))
      assert.strictEqual(watchers(registrar), 1)
      yield* stop
      assert.strictEqual(watchers(registrar), 0)
    }))
})

describe("The registry removes a stale entry only if its actor has ended", () => {
  it.effect("a stale entry is removed if the tree confirms that the actor has ended, together with all actors below it", () =>
    Effect.gen(function*() {
      const { events, registrar } = make()
      yield* come(registrar, "r/a")
      yield* come(registrar, "r/a/b")
      const { heard } = yield* reading(registrar)
      yield* registrar.stale("a")
      yield* settle
      assert.deepStrictEqual(heard, ["all b a r", "Down b", "Down a"])
      assert.deepStrictEqual(events.map(({ _tag }) => _tag), ["RegistryStale"])
    }))

  it.effect("a report of a stale entry changes nothing if the actor is alive, is the root, or is unknown", () =>
    Effect.gen(function*() {
      const { events, registrar } = make(() => Effect.succeed(false))
      yield* come(registrar, "r/a")
      for (const uuid of ["a", "r", "ghost"]) yield* registrar.stale(uuid)
      assert.deepStrictEqual((yield* registrar.list(undefined)).map(({ actor }) => actor.uuid), ["a", "r"])
      assert.deepStrictEqual(events, [])
    }))
})

/** The tree's requests over connections, in the name of the peer. */
const asked = (registrar: RegistrarService, by: string, name: string, payload: unknown) => {
  const { handler } = serveDirectory(registrar, registrar, Context.empty()).get(name)!
  return Effect.provideService(handler(payload) as Effect.Effect<unknown, unknown>, CurrentDialog, {
    cancellation: undefined,
    info: { side: "callee", endpoint: name, peer: idOf(by), id: 1 }
  })
}

describe("Parents report their children to the registrar", () => {
  const { claim, gone, ready } = contract
  it.effect("only a parent claims names for its children, and reports to the registrar when they are ready and when they are gone", () =>
    Effect.gen(function*() {
      const { registrar } = make()
      yield* come(registrar, "r/a")
      yield* asked(registrar, "a", claim.endpoint.name, { entry: entry("r/a/b", "bob", true) })
      const early = yield* Effect.flip(asked(registrar, "a", claim.endpoint.name, { entry: entry("r/a/c", "bob") }))
      assert.match((early as NameTaken).message, /the name "bob" is taken by an actor that is still starting: choose/)
      yield* asked(registrar, "a", ready.endpoint.name, { uuid: "b", pid: 9 })
      assert.deepStrictEqual((yield* registrar.list("bob")).map(({ actor }) => actor.pid), [9])
      const taken = yield* Effect.flip(asked(registrar, "a", claim.endpoint.name, { entry: entry("r/a/c", "bob") }))
      assert.instanceOf(taken, NameTaken)
      assert.match((taken as NameTaken).message, /the name "bob" is taken by bob@9: choose another, or share it/)
      yield* asked(registrar, "a", gone.endpoint.name, { uuid: "b" })
      assert.deepStrictEqual(yield* registrar.list("bob"), [])
    }))

  it.effect("the registrar accepts only from an actor's parent the reports that the actor claims a name, is ready, or has ended", () =>
    Effect.gen(function*() {
      const { registrar } = make()
      yield* come(registrar, "r/a")
      yield* come(registrar, "r/b")
      yield* come(registrar, "r/a/c")
      yield* Effect.orDie(registrar.claim(entry("r/a/d")))
      const before = yield* registrar.list(undefined)
      const lies: ReadonlyArray<readonly [string, string, unknown]> = [
        ["b", claim.endpoint.name, { entry: entry("r/a/x") }],
        ["b", claim.endpoint.name, { entry: entry("r/x") }],
        ["b", claim.endpoint.name, { entry: { ...entry("r/b/x"), path: ["r", "b", "y"] } }],
        ["b", claim.endpoint.name, { entry: entry("x/b/y") }],
        ["b", claim.endpoint.name, { entry: entry("r/b/c") }],
        ["ghost", claim.endpoint.name, { entry: entry("r/ghost/x") }],
        ["b", ready.endpoint.name, { uuid: "d", pid: 1 }],
        ["b", gone.endpoint.name, { uuid: "a" }],
        ["b", gone.endpoint.name, { uuid: "c" }],
        ["b", gone.endpoint.name, { uuid: "b" }],
        ["b", gone.endpoint.name, { uuid: "r" }],
        ["r", gone.endpoint.name, { uuid: "r" }]
      ]
      for (const [by, name, payload] of lies) {
        const exit = yield* Effect.exit(asked(registrar, by, name, payload))
        assert.isTrue(Exit.isFailure(exit), `${by}: ${name} ${JSON.stringify(payload)}`)
        assert.strictEqual(exit._tag === "Failure" ? exit.cause.reasons[0]?._tag : "", "Die")
      }
      assert.deepStrictEqual(yield* registrar.list(undefined), before)
    }))

  it.effect("a late report about a removed actor changes nothing", () =>
    Effect.gen(function*() {
      const { registrar } = make()
      yield* asked(registrar, "a", ready.endpoint.name, { uuid: "x", pid: 1 })
      yield* asked(registrar, "a", gone.endpoint.name, { uuid: "x" })
      assert.strictEqual((yield* registrar.list(undefined)).length, 1)
    }))
})
