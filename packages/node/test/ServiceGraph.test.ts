/** Tests Services in processes as one graph: their order, what the parent between them relays, and what is lost. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Processes from "@furrow/testing/Processes"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Client, Db, keep, NotFound, Spawner, Store, tail, talk, Web, work } from "./fixtures/graph.ts"
import { evidence, timed, withActors } from "./support.ts"

const App = Web.layer.pipe(Layer.provideMerge(Store.layer), Layer.provideMerge(Db.layer))

/** Runs a test whose Services write to a file that their environment names. */
const withDiary = <A, E>(body: (file: string) => Effect.Effect<A, E, Actor.ActorRuntime>) =>
  withActors(Effect.gen(function*() {
    const file = yield* evidence
    yield* Effect.acquireRelease(
      Effect.sync(() => void (process.env["EVIDENCE"] = file)),
      () => Effect.sync(() => void delete process.env["EVIDENCE"])
    )
    return yield* body(file)
  }))
const wrote = (file: string, line: string) => Eventually.holds(line, () => Folder.lines(file).includes(line))

describe("A graph of Services", () => {
  it.live("G58: a graph of Services starts in the order of their uses and stops in reverse, so a stopping Service can call Services it uses", () =>
    withDiary((file) =>
      Effect.gen(function*() {
        const pids = yield* Effect.provide(Effect.all([Db.calls.pid(), Store.calls.pid(), Web.calls.pid()]), App)
        assert.strictEqual(new Set([process.pid, ...pids]).size, 4)
        assert.deepStrictEqual(Folder.lines(file), [
          "Db opens",
          "Store opens",
          "Web opens",
          "Web closes",
          "Store still reads 42",
          "Store closes",
          "Db closes"
        ])
        yield* Processes.gone(pids)
      })
    ))

  it.live("G59: a graph of Services relays calls, typed errors, streams and dialogs through a parent, over two hops", () =>
    withDiary((file) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* Web.calls.get({ key: "answer" }), "42")
        const error = yield* Effect.flip(Web.calls.get({ key: "question" }))
        assert.instanceOf(error, NotFound)
        assert.strictEqual((error as NotFound).key, "question")
        assert.deepStrictEqual(
          yield* Stream.runCollect(Stream.take(Store.calls.rows({ from: 1 }), 5000)),
          Array.from({ length: 5000 }, (_, n) => n + 1)
        )
        yield* wrote(file, "rows ended by root: interrupted")
        const store = yield* Store
        const heard = yield* store.open(
          tail({ label: "tail" }),
          Effect.fnUntraced(function*({ first, result, stream }) {
            assert.strictEqual(first, "hello from Db")
            for (let n = 0; n < 3; n++) {
              yield* stream.send(n)
              assert.strictEqual(yield* stream.receive, n * 2)
            }
            yield* stream.end
            return yield* result
          })
        )
        assert.strictEqual(heard, 3)
        assert.includeMembers([...Folder.lines(file)], ["tail/db returned", "tail returned"])
      }).pipe(Effect.provide(App))
    ))

  it.live("a graph of Services relays a defect with its origin, and a deadline reduced by the time of the relay", () =>
    withDiary(() =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Store.calls.bug())
        assert(error._tag === "RemoteActorError")
        assert.deepStrictEqual([error.type, error.boxed.message, error.origin.name], [
          "RangeError",
          "the disk is full",
          "Db"
        ])
        // The deadline has whole milliseconds, and the delay makes sure that some of them pass before the call.
        const left = yield* Actor.timeout("20 seconds")(Effect.delay(Store.calls.deadline(), "5 millis"))
        assert.isBelow(left!, 20_000)
        assert.isAbove(left!, 5000)
        assert.isNull(yield* Store.calls.deadline())
      }).pipe(Effect.provide(App))
    ))

  it.live("a graph of Services relays a cancel with its author, and waits for the finalizers of the last Service", () =>
    withDiary((file) =>
      Effect.gen(function*() {
        const call = yield* Effect.forkChild(Web.calls.hold({ label: "hold" }))
        yield* wrote(file, "hold/store/db runs")
        yield* Fiber.interrupt(call)
        assert.deepStrictEqual(Folder.lines(file).slice(-3), [
          "hold/store/db ended by root: interrupted",
          "hold/store ended by root: interrupted",
          "hold ended by root: interrupted"
        ])
        const store = yield* Store
        yield* store.open(tail({ label: "tail" }), (dialog) => dialog.cancel("enough"))
        assert.deepStrictEqual(Folder.lines(file).slice(-2), [
          "tail/db ended by root: enough",
          "tail ended by root: enough"
        ])
        assert.strictEqual((yield* store.statistics).channel.dialogs, 0)
        assert.strictEqual((yield* (yield* Db).statistics).channel.dialogs, 0)
      }).pipe(Effect.provide(App))
    ))

  it.live("an actor in a graph of Services can start another Service, which uses the Services that the actor was given", () =>
    withDiary(() =>
      Effect.gen(function*() {
        const [probe, db] = yield* Web.calls.nested()
        assert.strictEqual(db, yield* Db.calls.pid())
        assert.notInclude([process.pid, db, yield* Web.calls.pid()], probe)
        yield* Processes.gone([probe!])
      }).pipe(Effect.provide(App))
    ))
})

describe("A Service that dies while other Services use it fails their calls", () => {
  it.live("the ActorLost of a user of a lost Service names the Service, in the running call and in the next call", () =>
    withDiary((file) =>
      Effect.gen(function*() {
        const call = yield* Effect.forkChild(Web.calls.sees())
        const through = yield* Effect.forkChild(Effect.flip(Web.calls.hold({ label: "hold" })))
        yield* wrote(file, "seen runs")
        yield* wrote(file, "hold/store/db runs")
        process.kill(yield* Db.calls.pid(), "SIGKILL")
        const [answer, millis] = yield* timed(Fiber.join(call))
        assert.strictEqual(answer, "ActorLost of Db: ConnectionClosed")
        assert.isBelow(millis, 3000)
        // The handlers in between did not expect the error, so the caller gets a defect, or the loss that they relayed.
        const error = yield* Fiber.join(through)
        assert.include(error.message, "Db@")
        assert.strictEqual(yield* Web.calls.sees(), "ActorLost of Db: ConnectionClosed")
        // The Services in between still live.
        assert.notStrictEqual(yield* Web.calls.pid(), yield* Store.calls.pid())
      }).pipe(Effect.provide(App))
    ))

  it.live("a Service that works for a caller interrupts the work with the reason caller-lost when the caller dies", () =>
    withDiary((file) =>
      Effect.gen(function*() {
        yield* Effect.forkChild(Effect.exit(Store.calls.hold({ label: "hold" })))
        yield* wrote(file, "hold/db runs")
        process.kill(yield* Store.calls.pid(), "SIGKILL")
        yield* wrote(file, "hold/db ended by Db: caller-lost")
        assert.strictEqual(yield* Db.calls.get({ key: "answer" }), "42")
      }).pipe(Effect.provide(App))
    ))
})

describe("Actor.launch stops its graph of Services in order", () => {
  it.live("Actor.launch fails when an actor of its graph is lost later, and stops the graph's other actors in reverse order", () =>
    withDiary((file) =>
      Effect.gen(function*() {
        const pids: Array<number> = []
        const look = Layer.effectDiscard(Effect.gen(function*() {
          pids.push(yield* Db.calls.pid(), yield* Store.calls.pid(), yield* Web.calls.pid())
        }))
        const launched = yield* Effect.forkChild(Effect.flip(Actor.launch(look.pipe(Layer.provide(App)))))
        yield* Eventually.holds("the graph runs", () => pids.length === 3)
        process.kill(pids[1]!, "SIGKILL")
        const error = yield* Fiber.join(launched)
        assert.instanceOf(error, ActorError.ActorLost)
        assert.strictEqual((error as ActorError.ActorLost).actor.name, "Store")
        assert.deepStrictEqual(Folder.lines(file), ["Db opens", "Store opens", "Web opens", "Web closes", "Db closes"])
        yield* Processes.gone(pids)
      })
    ))

  it.live("Actor.launch ends its graph of Services in order when it is interrupted", () =>
    withDiary((file) =>
      Effect.gen(function*() {
        const launched = yield* Effect.forkChild(Actor.launch(App))
        yield* wrote(file, "Web opens")
        yield* Fiber.interrupt(launched)
        assert.deepStrictEqual(Folder.lines(file).slice(3), [
          "Web closes",
          "Store still reads 42",
          "Store closes",
          "Db closes"
        ])
      })
    ))

  it.live("G231: Actor.launch runs the finalizers of an actor that becomes ready while its start is interrupted", () =>
    withDiary((file) =>
      Effect.gen(function*() {
        for (let round = 1; round <= 10; round++) {
          const starting = yield* Effect.forkChild(Effect.provide(Effect.never, Db.layer))
          yield* Eventually.holds("it opens", () => Folder.lines(file).length === 2 * round - 1, { every: 1 })
          yield* Fiber.interrupt(starting)
          assert.deepStrictEqual(Folder.lines(file).slice(2 * round - 2), ["Db opens", "Db closes"])
        }
      })
    ))
})

describe("A client, a Service and an actor that the Service has started end together", () => {
  it.live("a client, a Service and an actor that the Service has started are cancelled dialog by dialog, and leave no process", () =>
    withDiary((file) =>
      Effect.gen(function*() {
        const context = yield* Layer.build(Client.layer.pipe(Layer.provideMerge(Spawner.layer)))
        const spawner = Context.get(context, Spawner)
        const client = Context.get(context, Client)
        const [, millis] = yield* timed(spawner.open(keep(), (keeping) =>
          Effect.gen(function*() {
            yield* client.open(work({ name: "little_bro" }), (working) =>
              Effect.gen(function*() {
                const pid = working.first
                assert.strictEqual(Processes.titled("furrow[little_bro@").length, 1)
                yield* spawner.open(talk({ name: "little_bro" }), ({ first, stream }) =>
                  Effect.gen(function*() {
                    assert.strictEqual(first, "little_bro")
                    yield* stream.send(7)
                    assert.strictEqual(yield* stream.receive, 7)
                  }))
                yield* working.cancel("the client is done")
                const error = yield* Effect.flip(working.result)
                assert(error._tag === "ContextCancelled" && error.by.pid === process.pid && error.acknowledged)
                assert.deepStrictEqual(yield* Effect.provide(Spawner.calls.names(), context), ["little_bro"])
                yield* keeping.cancel("the service is done")
                assert.isTrue((yield* keeping.state).cancelAcknowledged)
                yield* Processes.gone([pid])
              }))
            assert.deepStrictEqual(yield* Effect.provide(Spawner.calls.names(), context), [])
            const gone = yield* Effect.flip(spawner.open(talk({ name: "little_bro" }), () => Effect.void))
            assert.instanceOf(gone, NotFound)
          })))
        assert.isBelow(millis, 10_000)
        assert.deepStrictEqual(Folder.lines(file), [
          "work ended by root: the client is done",
          "keep ended by root: the service is done"
        ])
      }).pipe(Effect.scoped)
    ))
})
