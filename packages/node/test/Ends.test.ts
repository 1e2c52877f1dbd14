/** Tests that every watcher of an actor in a real process is told its end. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, Nursery, Portal } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { breakDown, fires, leave, spell, victim, watcher, watches } from "./fixtures/ends.ts"
import { evidence, withActors } from "./support.ts"

const startVictim = Actor.startScoped("victim", { expose: victim })
type Victim = Effect.Success<typeof startVictim>

const ends: ReadonlyArray<readonly [string, (portal: Victim) => Effect.Effect<unknown>, RegExp]> = [
  ["returns", (portal) => Effect.ignore(portal.run(leave())), /^Returned$/],
  ["fails", (portal) => Effect.ignore(portal.run(breakDown())), /^Failed: nobody catches this$/],
  ["is cancelled", (portal) => portal.cancel("enough"), /^Cancelled by root: enough$/],
  [
    "is killed",
    ({ actor }) => Effect.sync(() => process.kill(actor.pid, "SIGKILL")),
    /^Lost: victim@\d+ is lost: its process was killed by SIGKILL\b/
  ]
]

describe("The exit of an actor is the same for every reader of the exit", () => {
  for (const [how, end, expected] of ends) {
    it.live(`G120: the owner, a peer and a monitor of an actor get the same exit when the actor ends (it ${how})`, () =>
      withActors(Effect.scoped(Effect.gen(function*() {
        const file = yield* evidence
        const [portal, peer] = yield* Effect.all([startVictim, Actor.startScoped("peer", { expose: watcher })])
        const watching = yield* Effect.forEach([
          Effect.map(portal.wait, spell),
          Effect.map(Portal.monitor(portal.ref), spell),
          peer.run(watches({ who: portal.ref, how: "portal", file })),
          peer.run(watches({ who: portal.ref, how: "reference", file }))
        ], (effect) => Effect.forkChild(effect))
        yield* Eventually.holds("the peer has a portal", () => Folder.lines(file).includes("connected"))
        // The peer has two open calls of this process and has asked two questions itself.
        yield* Eventually.succeeds(
          Effect.map(peer.statistics, ({ channel }) => assert.isAtLeast(channel.dialogs, 4)),
          { what: "the peer watches" }
        )
        yield* end(portal)
        // A question after the end of the actor is answered, too.
        const late = yield* peer.run(watches({ who: portal.ref, how: "reference", file }))
        const told = yield* Effect.forEach(watching, (fiber) => Fiber.join(fiber))
        assert.strictEqual(new Set([...told, late]).size, 1, [...told, late].join("\n"))
        assert.match(told[0]!, expected)
      }))))
  }

  it.live("G122: a nursery can read the exit of a killed actor, and start another actor afterwards", () =>
    withActors(Effect.gen(function*() {
      const names = yield* Actor.nursery(Effect.gen(function*() {
        const reading = yield* Nursery.exits.pipe(
          Stream.take(2),
          Stream.mapEffect(({ actor, exit }) =>
            Effect.as(Actor.start(`${actor.name}+`, { expose: victim }), `${actor.name} ${exit._tag}`)
          ),
          Stream.runCollect,
          Effect.forkChild({ startImmediately: true })
        )
        const first = yield* Actor.start("a", { expose: victim })
        process.kill(first.actor.pid, "SIGKILL")
        const second = yield* Actor.start("b", { expose: victim })
        yield* Effect.ignore(second.run(leave()))
        return yield* Fiber.join(reading)
      }))
      assert.deepStrictEqual(names, ["a Lost", "b Returned"])
    })))
})

describe("The error of a call to a killed actor says truthfully whether the call had begun", () => {
  for (const from of ["owner", "peer"] as const) {
    it.live(`G124: when an actor is killed amid a thousand calls, no call has run whose error says that the call had not begun (calls of its ${from})`, () =>
      withActors(Effect.scoped(Effect.gen(function*() {
        const file = yield* evidence
        const [portal, peer] = yield* Effect.all([startVictim, Actor.startScoped("peer", { expose: watcher })])
        const call = fires({ who: portal.ref, file, calls: 1000 })
        const firing = yield* Effect.forkChild(from === "owner" ? call : peer.run(call))
        yield* Eventually.holds("calls have run", () => Folder.lines(file).length >= 100, { every: 1 })
        process.kill(portal.actor.pid, "SIGKILL")
        const { done, maybe, no } = yield* Fiber.join(firing)
        assert.strictEqual(done + maybe + no.length, 1000)
        assert.isAtLeast(no.length, 500)
        const ran = new Set(Folder.lines(file).map(Number))
        assert.deepStrictEqual(no.filter((id) => ran.has(id)), [])
        assert.isAtLeast(ran.size, done)
        assert.isAtMost(ran.size, done + maybe)
      }))))
  }
})
