/** The guarantees for actors that are neither parent nor child of each other. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor, Registry } from "@furrow/actor"
import type { ProcessHandle } from "@furrow/actor/internal/spawn/Spawner"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Crypto from "node:crypto"
import { inMemory } from "../support/InMemory.ts"
import { drained, settle, until } from "../support/Time.ts"

const module = import.meta.url
const ran: Array<string> = []

const here = Actor.fn("here", { module, success: Schema.String })(() =>
  Effect.map(Actor.current, ({ name }) => {
    ran.push(name)
    return name
  })
)
const hidden = Actor.fn("hidden", { module, success: Schema.String })(() =>
  Effect.sync(() => {
    ran.push("hidden")
    return "hidden"
  })
)
const hold = Actor.fn("hold", { module })(() =>
  Effect.onExit(Effect.andThen(Effect.sync(() => void ran.push("held")), Effect.never), (exit) =>
    Effect.sync(() => {
      const by = Exit.isFailure(exit) ? Actor.cancelledBy(exit.cause) : Option.none()
      ran.push(`let go: ${Option.getOrThrow(by).reason}`)
    }))
)

/** Its finalizer takes half a second. */
const lingering = Actor.fn("lingering", { module })(() => Effect.onInterrupt(Effect.never, () => Effect.sleep(500)))

const peer = { whom: Actor.ref([here, hold]) }
const meet = Actor.fn("meet", { module, payload: peer, success: Schema.String })(({ whom }) =>
  Actor.orDie(Effect.flatMap(Actor.portal(whom), (portal) => portal.run(here())))
)
/** The exit of a call that lasts. */
const wait = Actor.fn("wait", { module, payload: peer, success: Schema.String })(({ whom }) =>
  Effect.gen(function*() {
    const portal = yield* Actor.orDie(Actor.portal(whom))
    const error = yield* Effect.orDie(Effect.flip(portal.run(hold())))
    return error._tag === "ActorLost" ? `${error._tag}: ${error.how._tag}` : error._tag
  })
)
const retire = Actor.fn("retire", { module, payload: peer })(({ whom }) =>
  Actor.orDie(Effect.flatMap(Actor.portal(whom), (portal) => portal.cancel("time to go")))
)
const connections = Actor.fn("connections", { module, success: Schema.Array(Schema.String) })(() =>
  Effect.map(Actor.statistics, ({ peers }) => peers.map(({ actor }) => actor.name))
)
/** Holds up whoever builds it. */
let gate = Deferred.makeUnsafe<void>()
const slow = Actor.fn("slow", { module, layer: Layer.effectDiscard(Effect.suspend(() => Deferred.await(gate))) })(
  () => Effect.void
)
const nest = Actor.fn("nest", { module })(() =>
  Actor.orDie(Effect.andThen(Actor.startScoped("inner", { expose: [here] }), Effect.never))
)

/** Asks the root, from that many levels further down. */
const upward = Actor.fn("upward", { module, payload: { levels: Schema.Int }, success: Schema.Array(Schema.String) })(
  ({ levels }): Effect.Effect<ReadonlyArray<string>, never, Actor.ActorRuntime> =>
    Actor.orDie(Effect.scoped(Effect.gen(function*() {
      if (levels > 0) return yield* Actor.runInActor(upward({ levels: levels - 1 }))
      const root = yield* Actor.root([here])
      const found = yield* Registry.wait([here], "root", { within: 200 })
      const { ancestors } = yield* Actor.current
      return [yield* root.run(here()), yield* found.run(here()), `${ancestors.length}`]
    })))
)
/** The rest of a borrowed portal when its Scope has closed. */
const letGo = Actor.fn("letGo", { module, payload: peer, success: Schema.Array(Schema.String) })(({ whom }) =>
  Actor.orDie(Effect.gen(function*() {
    const portal = yield* Effect.scoped(Actor.portal(whom))
    const error = yield* Effect.orDie(Effect.flip(portal.run(here())))
    const again = yield* Actor.portal(whom)
    const { peers } = yield* Actor.statistics
    return [`${error._tag} ${"side" in error ? error.side : ""}`, yield* again.run(here()), `${peers.length}`]
  }))
)

const expose = [here, hold, meet, wait, retire, connections] as const

/** A tree whose processes can be killed by name. */
const killable = () => {
  const processes = new Map<string, ProcessHandle>()
  const layer = MemoryActor.layer({
    between: (process) => {
      processes.set(process.actor.name, process)
      return process
    }
  })
  return { layer, kill: (name: string) => Effect.sync(() => processes.get(name)!.signal("SIGKILL")) }
}

describe("Peers of one tree", () => {
  it.effect("G65: the registry lists an actor when the actor is ready, and removes the actor and all below it when it is killed", () => {
    const { kill, layer } = killable()
    gate = Deferred.makeUnsafe()
    const heard: Array<string> = []
    const nameOf = ({ actor }: Registry.Entry) => actor.name
    return drained(
      Effect.scoped(Effect.gen(function*() {
        yield* Effect.forkChild(
          Stream.runForEach(Registry.watch(), (change) =>
            Effect.sync(() =>
              heard.push(
                change._tag === "Snapshot"
                  ? change.entries.map(nameOf).join()
                  : `${change._tag} ${nameOf(change.entry)}`
              )
            ))
        )
        const starting = yield* Effect.forkChild(Actor.startScoped("outer", { expose: [nest, slow] }))
        yield* settle
        assert.deepStrictEqual(heard, ["root"])
        yield* Deferred.succeed(gate, undefined)
        const outer = yield* Fiber.join(starting)
        yield* Effect.forkChild(Effect.ignore(outer.run(nest())))
        yield* settle
        assert.deepStrictEqual((yield* Registry.list()).map(nameOf), ["inner", "outer", "root"])
        yield* kill("outer")
        yield* outer.wait
        yield* settle
        assert.deepStrictEqual(heard, ["root", "Up outer", "Up inner", "Down inner", "Down outer"])
        assert.deepStrictEqual((yield* Registry.list()).map(nameOf), ["root"])
      })).pipe(until(10_000))
    ).pipe(Effect.provide(layer))
  })

  it.effect("G66: of two actors that claim one name alone, one gets it, no other actor shares the name, and the name is free when its holder ends", () =>
    inMemory(
      Actor.nursery(Effect.gen(function*() {
        const alone = Effect.exit(Actor.start("only", { expose, unique: true }))
        const [one, other] = yield* Effect.all([alone, alone], { concurrency: "unbounded" })
        assert.deepStrictEqual([one._tag, other._tag].toSorted(), ["Failure", "Success"])
        const taken = yield* Effect.flip(Actor.start("only", { expose }))
        assert(taken._tag === "NameTaken")
        const [holder] = yield* Registry.list({ name: "only" })
        assert.deepStrictEqual(taken.actor, holder!.actor)
        const winner = one._tag === "Success" ? one.value : other._tag === "Success" ? other.value : undefined
        yield* winner!.cancel("make room")
        yield* Actor.start("only", { expose, unique: true })
      })).pipe(until(10_000))
    ))

  it.effect("G67: two actors that dial each other at the same time, from many fibers, have one connection that does not involve the root", () =>
    inMemory(
      Actor.nursery(Effect.gen(function*() {
        const a = yield* Actor.start("a", { expose })
        const b = yield* Actor.start("b", { expose })
        const before = [(yield* a.statistics).channel, (yield* b.statistics).channel]
        const both = Effect.all([a.run(meet({ whom: b.ref })), b.run(meet({ whom: a.ref }))], {
          concurrency: "unbounded"
        })
        const heard = yield* Effect.all(Array.from({ length: 20 }, () => both), { concurrency: "unbounded" })
        assert.deepStrictEqual(heard, Array.from({ length: 20 }, () => ["b", "a"]))
        assert.deepStrictEqual([yield* a.run(connections()), yield* b.run(connections())], [["b"], ["a"]])
        assert.deepStrictEqual((yield* Actor.statistics).peers, [])
        // The root asked for 41 answers of each, and was asked for two addresses at most: what they said is not in it.
        const after = [(yield* a.statistics).channel, (yield* b.statistics).channel]
        const sent = after.map((channel, i) => channel.received.frames - before[i]!.received.frames)
        for (const frames of sent) assert.isBelow(frames, 30)
      })).pipe(until(10_000))
    ))

  it.effect("an actor that is ending accepts no new connection, and keeps its connections until its handlers have ended", () => {
    let dial: Effect.Effect<unknown, unknown> = Effect.void
    const layer = MemoryActor.layer({
      betweenPeers: (transport) => ({
        ...transport,
        listen: (actor, accept) =>
          Effect.tap(transport.listen(actor, accept), ({ address }) =>
            Effect.sync(() => {
              if (actor.name === "ending") dial = transport.dial(address)
            }))
      })
    })
    return drained(
      Actor.nursery(Effect.gen(function*() {
        const start = (name: string) => Actor.start(name, { expose: [...expose, lingering] })
        const [known, ending] = yield* Effect.all([start("known"), start("ending")])
        assert.strictEqual(yield* known.run(meet({ whom: ending.ref })), "ending")
        yield* dial
        yield* Effect.forkChild(Effect.ignore(ending.run(lingering())))
        yield* settle
        const cancelling = yield* Effect.forkChild(ending.cancel("over"))
        yield* settle
        assert.match(String(yield* Effect.flip(dial)), /no actor listens at/)
        assert.deepStrictEqual(yield* known.run(connections()), ["ending"])
        yield* Fiber.join(cancelling)
        assert.deepStrictEqual(yield* known.run(connections()), [])
      })).pipe(until(10_000))
    ).pipe(Effect.provide(layer))
  })

  it.effect("G68: an actor refuses a dialler that does not know the secret of the tree, and runs no handler for the dialler", () => {
    ran.length = 0
    const secrets = { acceptor: "of the tree", dialler: "of the tree" }
    let dialled = false
    const layer = MemoryActor.layer({
      betweenPeers: (transport) => ({
        ...transport,
        listen: (actor, accept) =>
          transport.listen(actor, (connection) => {
            dialled = false
            accept(connection)
            dialled = true
          })
      }),
      authenticator: () => {
        const secret = dialled ? secrets.dialler : secrets.acceptor
        return {
          nonce: new Uint8Array(Crypto.randomBytes(32)),
          mac: (data) => new Uint8Array(Crypto.createHmac("sha256", secret).update(data).digest())
        }
      }
    })
    return drained(
      Actor.nursery(Effect.gen(function*() {
        const a = yield* Actor.start("a", { expose })
        const b = yield* Actor.start("b", { expose })
        secrets.dialler = "overheard"
        const error = yield* Effect.flip(a.run(meet({ whom: b.ref })))
        assert.match(error.message, /ActorUnreachable.*secret/s)
        assert.deepStrictEqual(ran, [])
        secrets.dialler = "of the tree"
        assert.strictEqual(yield* a.run(meet({ whom: b.ref })), "b")
      })).pipe(until(10_000))
    ).pipe(Effect.provide(layer))
  })

  it.effect("G69: a lost peer is noticed at once: open calls to it fail, and its own calls are interrupted", () => {
    ran.length = 0
    const { kill, layer } = killable()
    return drained(
      Effect.scoped(Effect.gen(function*() {
        const [a, b, c] = yield* Effect.forEach(["a", "b", "c"], (name) => Actor.startScoped(name, { expose }))
        const waiting = yield* Effect.forkChild(a!.run(wait({ whom: b!.ref })))
        yield* Effect.forkChild(Effect.exit(b!.run(wait({ whom: c!.ref }))))
        yield* settle
        assert.deepStrictEqual(ran, ["held", "held"])
        yield* kill("b")
        // The clock stands still.
        yield* settle
        assert.strictEqual(yield* Fiber.join(waiting), "ActorLost: ConnectionClosed")
        assert.include(ran, "let go: caller-lost")
        assert.strictEqual((yield* b!.wait)._tag, "Lost")
        assert.strictEqual(yield* a!.run(meet({ whom: c!.ref })), "c")
      })).pipe(until(10_000))
    ).pipe(Effect.provide(layer))
  })

  it.effect("G70: a cancel through a borrowed portal names the asking actor, and the owner's nursery continues", () =>
    inMemory(
      Actor.nursery(Effect.gen(function*() {
        const a = yield* Actor.start("a", { expose })
        const b = yield* Actor.start("b", { expose })
        const call = yield* Effect.forkChild(Effect.flip(b.run(hold())))
        yield* settle
        yield* a.run(retire({ whom: b.ref }))
        const error = yield* Fiber.join(call)
        assert(error._tag === "ContextCancelled", error.message)
        assert.deepStrictEqual([error.by.name, error.reason], ["a", "time to go"])
        assert.deepInclude(yield* b.wait, { _tag: "Cancelled", reason: "time to go", cleanup: [] })
        assert.strictEqual(yield* a.run(here()), "a")
      })).pipe(until(10_000))
    ))

  it.effect("a borrowed portal ends with its Scope, and the connection and the actor live on", () =>
    inMemory(
      Actor.nursery(Effect.gen(function*() {
        const a = yield* Actor.start("a", { expose: [letGo] })
        const b = yield* Actor.start("b", { expose })
        assert.deepStrictEqual(yield* a.run(letGo({ whom: b.ref })), ["ChannelClosed local", "b", "1"])
      })).pipe(until(10_000))
    ))

  it.effect("the root is listed from the first moment, and can be called from any depth", () =>
    drained(
      Effect.gen(function*() {
        assert.deepStrictEqual((yield* Registry.list()).map(({ actor }) => actor.name), ["root"])
        for (const levels of [0, 1, 3]) {
          assert.deepStrictEqual(yield* Actor.runInActor(upward({ levels })), ["root", "root", `${levels + 1}`])
        }
      }).pipe(until(10_000))
    ).pipe(Effect.provide(MemoryActor.layer({ expose: [here] }))))

  it.effect("an actor that has ended is no longer found, and its name is free for another actor", () =>
    inMemory(
      Effect.scoped(Actor.nursery(Effect.gen(function*() {
        const first = yield* Actor.start("bro", { expose })
        const found = yield* Registry.find([here], "bro")
        assert.strictEqual(yield* Option.getOrThrow(found).run(here()), "bro")
        yield* first.cancel("enough")
        assert.isTrue(Option.isNone(yield* Registry.find([here], "bro")))
        const waiting = yield* Effect.forkChild(Registry.wait([here], "bro"))
        yield* settle
        assert.isUndefined(waiting.pollUnsafe())
        const second = yield* Actor.start("bro", { expose })
        assert.strictEqual((yield* Fiber.join(waiting)).actor.uuid, second.actor.uuid)
        const wrong = yield* Effect.flip(Registry.find([hidden], "bro"))
        assert.strictEqual(wrong._tag, "EndpointUnknown")
      }))).pipe(until(10_000))
    ))

  it.effect("G71: a reference that claims more endpoints than its actor exposes opens no further endpoints", () => {
    ran.length = 0
    const peek = Actor.fn("peek", { module, payload: { whom: Actor.ref([hidden]) }, success: Schema.String })(
      ({ whom }) =>
        Effect.gen(function*() {
          const portal = yield* Actor.orDie(Actor.portal(whom))
          const error = yield* Effect.orDie(Effect.flip(portal.run(hidden())))
          return error._tag
        })
    )
    return inMemory(
      Actor.nursery(Effect.gen(function*() {
        const a = yield* Actor.start("a", { expose: [peek] })
        const b = yield* Actor.start("b", { expose: [here] })
        const forged = { ...b.ref, exposed: [{ name: "hidden", module }] } as Actor.ActorRef<any>
        assert.strictEqual(yield* a.run(peek({ whom: forged })), "EndpointUnknown")
        const honest = yield* Effect.flip(a.run(peek({ whom: { ...b.ref } as Actor.ActorRef<any> })))
        assert.strictEqual(honest._tag, "PayloadInvalid")
        assert.deepStrictEqual(ran, [])
      })).pipe(until(10_000))
    )
  })
})
