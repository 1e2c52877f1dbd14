/**
 * Tests actors that are neither parent nor child of each other, in processes of their own: they find, call and lose
 * each other.
 */
import { assert, describe, it } from "@effect/vitest"
import { Actor, Registry, Timeouts } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Processes from "@furrow/testing/Processes"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { attach, chat, chatted, giveUp, listed, meet, peers, square, station } from "./fixtures/peers.ts"
import {
  entries,
  inTree,
  listsOnly,
  type Planted,
  tcpConnections,
  treeFolder,
  unixConnections,
  wrote
} from "./fixtures/peersTree.ts"
import { timed } from "./support.ts"

/** Returns the peers of an actor; both ends of every connection must agree. */
const peersOf = (tree: Planted, name: string) =>
  name === "root"
    ? Effect.map(Actor.statistics, ({ peers }) => peers.map(({ actor }) => actor.name).sort())
    : Effect.flatMap(tree.at(name), (portal) => portal.run(peers()))

const attached = (tree: Planted, label: string) =>
  Effect.forEach(["call", "stream", "dialog"], (verb) => wrote(tree.file, `${label}/${verb} runs`), { discard: true })

for (const transport of ["unix", "tcp"] as const) {
  describe(`Actors that are not parent and child call each other directly (over ${transport})`, () => {
    it.live("G67: actors that are not parent and child find each other by name, and have one connection for each pair", () =>
      inTree(["a", "a/b", "a/b/c", "d", "d/e", "d/e/f"], (tree) =>
        Effect.gen(function*() {
          const all = ["a", "b", "c", "d", "e", "f"]
          const pids = new Map<string, number>()
          for (const name of all) pids.set(name, (yield* tree.at(name)).actor.pid)
          // Every actor calls every other one at the same moment, so that their dials cross.
          const pairs = all.flatMap((from) => all.filter((to) => to !== from).map((to) => ({ from, to })))
          yield* Effect.forEach(pairs, ({ from, to }) =>
            Effect.gen(function*() {
              const portal = yield* tree.at(from)
              const met = yield* portal.run(meet({ name: to, file: tree.file }))
              const pid = pids.get(to)!
              assert.deepStrictEqual(met, { pid, sum: 125_250, heard: [pid, 1, 2], error: "Negative" }, `${from} ${to}`)
            }), { concurrency: "unbounded", discard: true })
          const expected = {
            root: ["b", "c", "e", "f"],
            a: ["c", "d", "e", "f"],
            b: ["d", "e", "f", "root"],
            c: ["a", "d", "e", "f", "root"],
            d: ["a", "b", "c", "f"],
            e: ["a", "b", "c", "root"],
            f: ["a", "b", "c", "d", "root"]
          }
          yield* Effect.forEach(Object.entries(expected), ([name, others]) =>
            Eventually.succeeds(
              Effect.map(peersOf(tree, name), (found) => assert.deepStrictEqual(found, others)),
              { what: `the peers of ${name}` }
            ))
          // The kernel counts the same connections, so a crossing dial has left none behind.
          const count = () =>
            transport === "tcp"
              ? tcpConnections([process.pid, ...pids.values()])
              : unixConnections(treeFolder(tree.runtime))
          yield* Eventually.succeeds(Effect.sync(() => assert.strictEqual(count(), 15)), { what: "15 connections" })
          if (transport === "tcp") assert.deepStrictEqual(entries(tree.runtime), [])
        }), { transport }))

    it.live("G69: a killed callee is lost at once to the calls, streams and dialogs of its peer", () =>
      inTree(["caller", "p", "p/callee", "q", "q/cousin"], (tree) =>
        Effect.gen(function*() {
          const callers = yield* Effect.forEach(["caller", "cousin"], (name) =>
            Effect.flatMap(tree.at(name), (portal) =>
              Effect.forkChild(portal.run(attach({ name: "callee", file: tree.file, label: name })))))
          yield* attached(tree, "caller")
          yield* attached(tree, "cousin")
          process.kill((yield* tree.at("callee")).actor.pid, "SIGKILL")
          const [answers, millis] = yield* timed(Effect.forEach(callers, Fiber.join))
          assert.isBelow(millis, 2500)
          for (const answer of answers) {
            assert.deepStrictEqual(answer, [
              "call: ActorLost callee: ConnectionClosed",
              "stream: ActorLost callee: ConnectionClosed",
              "dialog: ActorLost callee: ConnectionClosed"
            ])
          }
          yield* listsOnly(["root", "caller", "p", "q", "cousin"])
          const late = yield* (yield* tree.at("caller")).run(peers())
          assert.notInclude(late, "callee")
        }), { transport }))

    it.live("G69: when a caller is killed, its callee at once interrupts the handlers of the calls by this caller, and serves other callers", () =>
      inTree(["callee", "p", "p/caller"], (tree) =>
        Effect.gen(function*() {
          const caller = yield* tree.at("caller")
          yield* Effect.forkChild(caller.run(attach({ name: "callee", file: tree.file, label: "caller" })))
          yield* attached(tree, "caller")
          process.kill(caller.actor.pid, "SIGKILL")
          const [, millis] = yield* timed(
            Effect.forEach(
              ["caller/call ended by", "caller/stream ended by", "caller/dialog: ended by"],
              (said) => wrote(tree.file, `${said} callee: caller-lost`)
            )
          )
          assert.isBelow(millis, 2500)
          const callee = yield* tree.at("callee")
          assert.deepStrictEqual(yield* callee.run(peers()), [])
          assert.strictEqual((yield* callee.run(square({ n: 3 }))).n, 9)
        }), { transport }))
  })
}

describe("A stopped peer", () => {
  it.live("a call to a peer that is stopped by SIGSTOP waits, can be interrupted within a bound, and goes on after SIGCONT", () =>
    inTree(["caller", "p", "p/callee"], (tree) =>
      Effect.gen(function*() {
        const caller = yield* tree.at("caller")
        const callee = yield* tree.at("callee")
        const chatting = yield* Effect.forkChild(caller.run(chat({ name: "callee" })))
        const asked = caller.run(chatted())
        const more = (than: number) =>
          Eventually.succeeds(
            Effect.map(asked, (count) => assert.isAbove(count, than)),
            { within: "20 seconds", what: `more than ${than} answers` }
          )
        yield* more(3)
        process.kill(callee.actor.pid, "SIGSTOP")
        yield* Eventually.holds("it is stopped", () => Processes.find(callee.actor.pid)?.state === "T")
        const waiting = yield* Effect.forkChild(caller.run(meet({ name: "callee", file: tree.file })))
        const before = yield* asked
        const bound = yield* caller.run(giveUp({ name: "callee", file: tree.file, label: "given up", after: 300 }))
        assert.isAtLeast(bound, 900)
        assert.isBelow(bound, 4000)
        assert.isAtMost(yield* asked, before + 1)
        assert.isUndefined(waiting.pollUnsafe())
        // The stopped actor stays listed, because it has not ended.
        assert.isTrue(Option.isSome(yield* Registry.query("callee")))
        process.kill(callee.actor.pid, "SIGCONT")
        assert.strictEqual((yield* Fiber.join(waiting)).pid, callee.actor.pid)
        yield* more(before + 3)
        yield* Fiber.interrupt(chatting)
      }), { timeouts: { ...Timeouts.defaults, cancel: 1000 } }))
})

describe("A tree without calls between actors makes no socket", () => {
  it.live("a tree without calls between actors makes no folder and no socket, although its registry is used", () =>
    inTree(["a", "p", "p/b"], (tree) =>
      Effect.gen(function*() {
        const a = yield* tree.at("a")
        assert.deepStrictEqual(yield* a.run(listed()), ["a", "b", "p", "root"])
        const entry = Option.getOrThrow(yield* Registry.query("b"))
        assert.deepInclude(entry, { service: null, unique: false })
        assert.strictEqual(entry.path.length, 3)
        assert.deepStrictEqual(entry.exposed.map(({ name }) => name), station.map(({ endpoint }) => endpoint.name))
        assert.isTrue(Processes.isAlive(entry.actor.pid))
        assert.isTrue(Option.isNone(yield* Registry.query("nobody")))
        assert.deepStrictEqual(yield* a.run(peers()), [])
        assert.deepStrictEqual((yield* Actor.statistics).peers, [])
        assert.deepStrictEqual(entries(tree.runtime), [])
        // Only an actor that is called has a socket, and only from its first call on.
        yield* a.run(meet({ name: "b", file: tree.file }))
        assert.deepStrictEqual(entries(treeFolder(tree.runtime)), [`b@${entry.actor.pid}.sock`])
        assert.deepStrictEqual(Folder.lines(tree.file), ["meeting runs", "meeting: returned"])
      })))
})
