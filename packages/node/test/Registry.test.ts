/**
 * Tests the registry of a tree of processes: which actors are listed, from when, until when, and as seen from which
 * process.
 */
import { assert, describe, it } from "@effect/vitest"
import { Actor, Registry } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Processes from "@furrow/testing/Processes"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import { ticks } from "./fixtures/evidence.ts"
import { contend, dismiss, leave, listed, meet, plant, square, station, visit, watch } from "./fixtures/peers.ts"
import { doomed, late } from "./fixtures/peersBooting.ts"
import { inTree, listsOnly, names, type Planted, type Station, wrote } from "./fixtures/peersTree.ts"
import { evidence, timed, withActors } from "./support.ts"

/** Collects the changes that the registry reports to an actor in the tree. */
const watched = (portal: Station) =>
  Effect.gen(function*() {
    const heard: Array<string> = []
    const fiber = yield* portal.stream(watch()).pipe(
      Stream.runForEach((line) => Effect.sync(() => heard.push(line))),
      Effect.forkChild
    )
    yield* Eventually.holds("the watcher hears of who is there", () => heard.length > 0)
    const hears = (lines: ReadonlyArray<string>) =>
      Eventually.succeeds(
        Effect.sync(() => assert.deepStrictEqual(heard.slice(1).filter((line) => lines.includes(line)), lines)),
        { within: "20 seconds", what: `the watcher hears ${lines.join(", ")}` }
      )
    return { heard, hears, stop: Fiber.interrupt(fiber) }
  })

/** Checks that the registry lists the same actors in the root and for an actor that asks it. */
const agree = (tree: Planted, from: string, expected: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    yield* listsOnly(expected)
    assert.deepStrictEqual(yield* (yield* tree.at(from)).run(listed()), [...expected].sort())
  })

describe("The entry of an actor in the registry begins when the actor is ready", () => {
  it.live("an actor is listed in the registry when it is ready, not earlier, and never when its start is interrupted", () =>
    withActors(Effect.gen(function*() {
      const file = yield* evidence
      const env = { set: { GATE: file } }
      const begun = (n: number) => Eventually.holds("it boots", () => Folder.lines(`${file}.begun`).length === n)
      yield* Actor.nursery(Effect.gen(function*() {
        const starting = yield* Effect.forkChild(Actor.start("late", { expose: [late], env }))
        yield* begun(1)
        assert.deepStrictEqual(yield* names, ["root"])
        yield* Fiber.interrupt(starting)
        const again = yield* Effect.forkChild(Actor.start("late", { expose: [late], env }))
        yield* begun(2)
        assert.deepStrictEqual(yield* names, ["root"])
        Fs.writeFileSync(file, "")
        const portal = yield* Fiber.join(again)
        // The entry exists at once, because a start completes when the actor can be found.
        const entry = Option.getOrThrow(yield* Registry.query("late"))
        assert.deepStrictEqual([entry.actor, entry.path], [portal.actor, portal.ref.path])
        assert.isTrue(Option.isSome(yield* Effect.scoped(Registry.find([late], "late"))))
        const other = yield* Effect.flip(Effect.scoped(Registry.find([square], "late")))
        assert.deepInclude(other, { _tag: "EndpointUnknown", endpoint: "square" })
      }))
      assert.deepStrictEqual(yield* names, ["root"])
    })))

  it.live("an actor is listed in the registry until its nursery ends, and a wait for its name finds it in every process of the tree", () =>
    inTree(["asker", "p"], (tree) =>
      Effect.gen(function*() {
        const asker = yield* tree.at("asker")
        const { hears, heard } = yield* watched(yield* tree.at("p"))
        assert.deepStrictEqual(heard, ["there: asker p root"])
        const waiting = yield* Effect.forkChild(asker.run(meet({ name: "actor", file: tree.file })))
        const here = yield* Effect.forkChild(Effect.scoped(Registry.wait([square], "actor", { within: "20 seconds" })))
        yield* Actor.nursery(Effect.gen(function*() {
          const actor = yield* Actor.start("actor", { expose: station })
          assert.strictEqual((yield* Fiber.join(waiting)).pid, actor.actor.pid)
          assert.deepStrictEqual((yield* Fiber.join(here)).actor, actor.actor)
          assert.deepStrictEqual(yield* asker.run(listed()), ["actor", "asker", "p", "root"])
        }))
        assert.deepStrictEqual(yield* asker.run(listed()), ["asker", "p", "root"])
        yield* hears(["up: actor", "down: actor (ended)"])
        assert.isTrue(Option.isNone(yield* Registry.find([square], "actor")))
        const error = yield* Effect.flip(Registry.wait([square], "actor", { within: "200 millis" }))
        assert.match(error.message, /^"actor" cannot be reached: no actor of that name was ready within 200ms/)
      })))

  it.live("G65: an actor is listed in the registry until portal.cancel, a process.exit in a handler, or a SIGKILL of the actor or of its parent", () =>
    inTree(
      ["w", "p", "p/cancelled", "q", "q/exits", "r", "r/killed", "s", "s/t", "s/t/u", "s/v"],
      (tree) =>
        Effect.gen(function*() {
          const { hears } = yield* watched(yield* tree.at("w"))
          const rest = new Set(["root", "w", "p", "cancelled", "q", "exits", "r", "killed", "s", "t", "u", "v"])
          const left = (...names: ReadonlyArray<string>) => {
            for (const name of names) rest.delete(name)
            return Effect.andThen(
              agree(tree, "w", [...rest]),
              Effect.forEach(names, (name) => hears([`down: ${name} (ended)`]))
            )
          }
          yield* (yield* tree.at("w")).run(dismiss({ name: "cancelled", reason: "not needed" }))
          yield* left("cancelled")
          const exits = yield* tree.at("exits")
          const lost = yield* Effect.flip(exits.run(leave({ code: 3 })))
          assert.strictEqual(lost._tag, "ActorLost")
          yield* left("exits")
          process.kill((yield* tree.at("killed")).actor.pid, "SIGKILL")
          yield* left("killed")
          // The actor s belongs to a Scope of its own, so that it does not fail the nursery: t is below s, and u is
          // below t.
          const below = yield* Effect.forEach(["u", "v"], (name) => Effect.map(tree.at(name), ({ actor }) => actor.pid))
          process.kill((yield* tree.at("t")).actor.pid, "SIGKILL")
          yield* left("t", "u", "v")
          yield* Processes.gone(below)
        })
    ))

  it.live("an actor whose layer cannot be built is never listed in the registry, and its name becomes free", () =>
    withActors(Actor.nursery(Effect.gen(function*() {
      const error = yield* Effect.flip(Actor.start("name", { expose: [doomed], unique: true }))
      assert.deepInclude(error, { _tag: "SpawnFailed", step: "layer" })
      assert.deepStrictEqual(yield* names, ["root"])
      const portal = yield* Actor.start("name", { expose: [square], unique: true })
      assert.deepStrictEqual(Option.map(yield* Registry.query("name"), ({ actor }) => actor), Option.some(portal.actor))
    }))))
})

describe("An actor is removed from the registry when its nursery ends", () => {
  for (const streaming of [false, true]) {
    for (const how of ["fails", "is interrupted"] as const) {
      it.live(`the actors of a nursery are no longer in the registry after the nursery failed or was interrupted (its body ${how}, the actors ${streaming ? "stream" : "do nothing"})`, () =>
        inTree(["asker"], (tree) =>
          Effect.gen(function*() {
            const asker = yield* tree.at("asker")
            const ready = yield* Deferred.make<void>()
            const body = Actor.nursery(Effect.gen(function*() {
              const three = yield* plant(["x", "y", "z"])
              for (const [label, portal] of streaming ? Object.entries(three) : []) {
                let first = true
                yield* Effect.forkChild(
                  Stream.runForEach(portal.stream(ticks({ file: tree.file, label, millis: 0 })), () =>
                    Effect.sync(() => {
                      if (first) Folder.append(tree.file, `${label} streams`)
                      first = false
                    }))
                )
                yield* wrote(tree.file, `${label} streams`)
              }
              const uuids = (yield* Registry.list()).map(({ actor }) => actor.uuid)
              for (const { actor } of Object.values(three)) assert.include(uuids, actor.uuid)
              assert.deepStrictEqual(yield* asker.run(listed()), ["asker", "root", "x", "y", "z"])
              yield* Deferred.succeed(ready, undefined)
              return yield* how === "fails" ? Effect.fail("Ctrl-C") : Effect.never
            }))
            const fiber = yield* Effect.forkChild(Effect.exit(body))
            yield* Deferred.await(ready)
            const [exit, millis] = yield* timed(
              how === "fails" ? Fiber.join(fiber) : Effect.as(Fiber.interrupt(fiber), Exit.interrupt(0))
            )
            if (how === "fails") assert.deepStrictEqual(exit, Exit.fail("Ctrl-C"))
            assert.isBelow(millis, 5000)
            // No entry is left at once, because the nursery waits for its actors.
            assert.deepStrictEqual(yield* names, ["asker", "root"])
            assert.deepStrictEqual(yield* asker.run(listed()), ["asker", "root"])
          })))
    }
  }

  it.live("the registry removes an actor when the actor's nursery fails, even where a stream of the actor was closed before", () =>
    inTree(["asker"], (tree) =>
      Effect.gen(function*() {
        const asker = yield* tree.at("asker")
        const exit = yield* Effect.exit(Actor.nursery(Effect.gen(function*() {
          const two = yield* plant(["one", "two"])
          yield* Effect.scoped(Effect.gen(function*() {
            for (const [label, portal] of Object.entries(two)) {
              const pull = yield* Stream.toPull(portal.stream(ticks({ file: tree.file, label, millis: 0 })))
              yield* Effect.orDie(pull)
            }
            assert.deepStrictEqual(yield* asker.run(listed()), ["asker", "one", "root", "two"])
          }))
          assert.deepStrictEqual(Folder.lines(tree.file).length, 2)
          return yield* Effect.fail("Ctrl-C")
        })))
        assert.deepStrictEqual(exit, Exit.fail("Ctrl-C"))
        assert.deepStrictEqual(yield* asker.run(listed()), ["asker", "root"])
      })))
})

describe("Names in the registry may be common to several actors, or unique", () => {
  it.live("the registry finds the actor of a common name that was ready last, and lists all actors with this name", () =>
    inTree(["asker"], (tree) =>
      Effect.gen(function*() {
        const asker = yield* tree.at("asker")
        const waiting = yield* Effect.forkChild(asker.run(meet({ name: "doggy", file: tree.file })))
        const [, millis] = yield* timed(Actor.nursery(Effect.gen(function*() {
          const doggies: Array<Station> = []
          for (let n = 0; n < 4; n++) doggies.push(yield* Actor.start("doggy", { expose: station }))
          const pids = doggies.map(({ actor }) => actor.pid)
          assert.include(pids, (yield* Fiber.join(waiting)).pid)
          assert.deepStrictEqual(
            (yield* Registry.list({ name: "doggy" })).map(({ actor }) => actor.pid),
            [...pids].reverse()
          )
          assert.strictEqual((yield* asker.run(meet({ name: "doggy", file: tree.file }))).pid, pids[3])
          yield* doggies[3]!.cancel()
          assert.strictEqual((yield* asker.run(meet({ name: "doggy", file: tree.file }))).pid, pids[2])
        })))
        assert.isBelow(millis, 20_000)
        assert.deepStrictEqual(yield* asker.run(listed()), ["asker", "root"])
      })))

  it.live("G66: a unique name that an actor has is refused to every other actor of the tree, until the actor with this name ends", () =>
    inTree(["a", "p", "p/b"], (tree) =>
      Effect.gen(function*() {
        const b = yield* tree.at("b")
        const holder = yield* Actor.start("only", { expose: station, unique: true })
        const contention = (who: Station) =>
          Effect.scoped(Effect.map(who.openScoped(contend({ name: "only" })), ({ first }) => first))
        assert.strictEqual(yield* contention(b), "NameTaken: only")
        const error = yield* Effect.flip(Actor.start("only", { expose: [square] }))
        assert.strictEqual(
          error.message,
          `the name "only" is taken by only@${holder.actor.pid}: choose another, or share it`
        )
        // A name that other actors share cannot become unique either.
        assert.strictEqual(
          yield* Effect.scoped(Effect.map(b.openScoped(contend({ name: "a" })), ({ first }) => first)),
          "NameTaken: a"
        )
        assert.strictEqual(yield* b.run(visit({ to: holder.ref, n: 2 })), holder.actor.pid)
        yield* holder.cancel()
        assert.strictEqual(yield* contention(b), "won")
        yield* listsOnly(["root", "a", "p", "b"])
        assert.isEmpty(Processes.titled("furrow[only@"))
      })))

  it.live(
    "a unique name that two actors in different processes ask for concurrently goes to exactly one actor, in each of ten attempts",
    () =>
      inTree(["a", "a/b", "c", "c/d"], (tree) =>
        Effect.gen(function*() {
          const rivals = [yield* tree.at("b"), yield* tree.at("d")] as const
          const wins = [0, 0]
          for (let round = 0; round < 10; round++) {
            yield* Effect.scoped(Effect.gen(function*() {
              const said = yield* Effect.all(
                rivals.map((rival) => Effect.map(rival.openScoped(contend({ name: "crown" })), ({ first }) => first)),
                { concurrency: 2 }
              )
              const winner = said.indexOf("won")
              assert.deepStrictEqual([...said].sort(), ["NameTaken: crown", "won"], `round ${round}`)
              wins[winner]!++
              assert.deepStrictEqual((yield* Registry.list({ name: "crown" })).length, 1)
            }))
            assert.deepStrictEqual(yield* Registry.list({ name: "crown" }), [])
          }
          assert.strictEqual(wins[0]! + wins[1]!, 10)
        })),
    60_000
  )
})
