/** Connections that neither side uses: they are closed in order, and the next use makes another one unnoticed. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, Registry, Supervisor, Timeouts } from "@furrow/actor"
import type { PeerChannel } from "@furrow/actor/internal/channel/PeerChannel"
import { current } from "@furrow/actor/internal/local/LocalActor"
import type { Connection, ConnectionHandlers, TransportDriver } from "@furrow/actor/internal/transport/Transport"
import type { Portal } from "@furrow/actor/Portal"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Mail, quit, who } from "../fixtures/supervised.ts"
import { forest, type Tree } from "../support/Forest.ts"
import { pass, settle, until } from "../support/Time.ts"
import { mesh, refOf } from "./fixtures/Mesh.ts"

/** The arguments of the calls that have run. */
const ran: Array<number> = []

const half = Actor.fn("half", { module: import.meta.url, payload: { n: Schema.Int }, success: Schema.Int })(({ n }) =>
  Effect.sync(() => {
    ran.push(n)
    return n / 2
  })
)

const count = Actor.stream("count", { module: import.meta.url, payload: { to: Schema.Int }, success: Schema.Int })(
  ({ to }) => Stream.range(1, to)
)

const echo = Actor.dialog("echo", {
  module: import.meta.url,
  started: Schema.String,
  input: Schema.Int,
  output: Schema.Int
})((_, dialog) =>
  Actor.orDie(Effect.gen(function*() {
    const { receive, send } = yield* dialog.started("up")
    yield* send(yield* Effect.orDie(receive))
  }))
)

const forever = Actor.fn("forever", { module: import.meta.url })(() => Effect.never)

const expose = [half, count, echo, forever] as const

const idleMillis = 20_000
/** The bound, and the looks of both sides behind it. */
const closedMillis = idleMillis + 1_000

/** A connection between machines whose reader can be kept waiting. */
const wire = (connection: Connection) => {
  let held: Array<() => void> | undefined
  const later = (act: () => void) => void (held === undefined ? act() : held.push(act))
  return {
    hold: () => void (held = []),
    release: () => {
      const waiting = held ?? []
      held = undefined
      for (const act of waiting) act()
    },
    connection: {
      ...connection,
      silent: true,
      start: (handlers: ConnectionHandlers) =>
        connection.start({
          data: (bytes) => later(() => handlers.data(bytes)),
          drain: handlers.drain,
          end: (reason) => later(() => handlers.end(reason))
        })
    }
  }
}

type Wire = ReturnType<typeof wire>

/** Makes the connections of a transport ones between machines, and lists the ends that were dialled and accepted. */
const between = (wires: Array<Wire>) => (driver: TransportDriver["Service"]): TransportDriver["Service"] => {
  const noted = (connection: Connection) => {
    const one = wire(connection)
    wires.push(one)
    return one.connection
  }
  return {
    ...driver,
    listen: (actor, accept) => driver.listen(actor, (connection) => accept(noted(connection))),
    dial: (address) => Effect.map(driver.dial(address), noted)
  }
}

interface Side {
  readonly tree: Tree
  readonly wires: ReadonlyArray<Wire>
  readonly open: Effect.Effect<number>
  /** The tags of events about peers. */
  readonly heard: ReadonlyArray<string>
}

/** Two trees, the first of which has the root with the smaller uuid: it is the one that asks for the end of a connection. */
const two = (idle: number = idleMillis, isNetwork = true) =>
  Effect.gen(function*() {
    const { plant } = yield* forest
    const planted = (name: string) =>
      Effect.gen(function*() {
        const wires: Array<Wire> = []
        const tree = yield* plant(name, {
          expose,
          timeouts: { idle },
          ...(isNetwork ? { around: between(wires) } : {})
        })
        const local = yield* tree.run(current)
        const heard: Array<string> = []
        local.events.subscribe(({ _tag }) => _tag.startsWith("Peer") ? heard.push(_tag) : undefined)
        const open = Effect.map(tree.run(Actor.statistics), ({ peers }) => peers.length)
        return { tree, wires, open, heard, name, uuid: local.info.id.uuid }
      })
    const sides = [yield* planted("left"), yield* planted("right")]
    yield* pass(500)
    const [asking, asked] = sides.toSorted((a, b) => a.uuid < b.uuid ? -1 : 1)
    return { asking: asking!, asked: asked! }
  })

type Sides = Effect.Success<ReturnType<typeof two>>

/** A portal to the root of the other tree, over which one call has gone. */
const met = ({ tree }: Side, { name }: Sides["asked"]): Effect.Effect<Portal<any>> =>
  until(10_000)(Effect.orDie(tree.run(Effect.gen(function*() {
    const portal = Option.getOrThrow(yield* Registry.find(expose, name))
    assert.strictEqual(yield* portal.run(half({ n: 2 })), 1)
    ran.length = 0
    return portal
  }))))

const opens = ({ asked, asking }: Sides) => Effect.all([asking.open, asked.open])

describe("A connection between two computers is closed when neither side uses it", () => {
  for (const from of ["asking", "asked"] as const) {
    it.effect(`G300: a connection that neither side uses is closed after its idle bound, and no watch reports a loss (case: the dialler is ${from})`, () =>
      Effect.gen(function*() {
        const sides = yield* two()
        yield* met(sides[from], sides[from === "asking" ? "asked" : "asking"])
        yield* pass(idleMillis - 1_000, 250)
        assert.deepStrictEqual(yield* opens(sides), [1, 1])
        yield* pass(2_000, 250)
        assert.deepStrictEqual(yield* opens(sides), [0, 0])
        for (const { heard } of [sides.asking, sides.asked]) {
          assert.deepStrictEqual(heard, ["PeerConnected", "PeerIdle"])
        }
      }))

    it.effect(`G301: a call, stream or dialog dials the actor of its portal again after the idle connection was closed (case: the dialler is ${from})`, () =>
      Effect.gen(function*() {
        const sides = yield* two()
        const side = sides[from]
        const portal = yield* met(side, sides[from === "asking" ? "asked" : "asking"])
        const uses: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
          portal.run(half({ n: 4 })),
          Stream.runCollect(portal.stream(count({ to: 3 }))),
          portal.open(echo(), ({ stream }: any) => Effect.andThen(stream.send(7), stream.receive)),
          Effect.scoped(
            Effect.flatMap(
              portal.openScoped(echo()),
              ({ stream }: any) => Effect.andThen(stream.send(8), stream.receive)
            )
          )
        ]
        const answers: Array<unknown> = []
        for (const use of uses) {
          yield* pass(closedMillis, 250)
          assert.deepStrictEqual(yield* opens(sides), [0, 0])
          answers.push(yield* until(10_000)(side.tree.run(use)))
          assert.deepStrictEqual(yield* opens(sides), [1, 1])
        }
        assert.deepStrictEqual(answers, [2, [1, 2, 3], 7, 8])
      }))
  }

  it.effect("G300: a connection is not closed for idleness while a dialog is open, if the idle bound is infinite, or within one computer", () =>
    Effect.gen(function*() {
      const [busy, endless, local] = [yield* two(), yield* two(Infinity), yield* two(idleMillis, false)]
      const portal = yield* met(busy.asking, busy.asked)
      const open = yield* Effect.forkChild(busy.asking.tree.run(portal.run(forever())))
      for (const { asked, asking } of [endless, local]) yield* met(asking, asked)
      yield* pass(5 * idleMillis, 250)
      for (const sides of [busy, endless, local]) assert.deepStrictEqual(yield* opens(sides), [1, 1])
      yield* Fiber.interrupt(open)
      // The bound of the cancel counts as a use, though the cancel is acknowledged at once.
      yield* pass(Timeouts.defaults.cancel + closedMillis, 250)
      assert.deepStrictEqual(yield* opens(busy), [0, 0])
    }))
})

/** Two trees whose asked side has closed their connection, which the asking side cannot know yet. */
const crossing = Effect.gen(function*() {
  const sides = yield* two()
  const portal = yield* met(sides.asking, sides.asked)
  const [held] = sides.asking.wires
  yield* pass(idleMillis - 1_000, 250)
  held!.hold()
  yield* pass(2_000, 250)
  assert.deepStrictEqual(yield* opens(sides), [1, 0])
  return { sides, portal, release: Effect.andThen(Effect.sync(() => held!.release()), settle) }
})

describe("Calls and streams that are sent while an idle connection is being closed are not lost", () => {
  it.effect("G302: calls, streams and dialogs that are sent while an idle connection is being closed are made again and run once", () =>
    Effect.gen(function*() {
      const { portal, release, sides: { asking } } = yield* crossing
      const work = Effect.all([
        portal.run(half({ n: 10 })),
        Stream.runCollect(portal.stream(count({ to: 2 }))),
        portal.open(echo(), ({ stream }: any) => Effect.andThen(stream.send(5), stream.receive))
      ], { concurrency: "unbounded" })
      const working = yield* Effect.forkChild(asking.tree.run(work as Effect.Effect<unknown, unknown>))
      yield* settle
      assert.isUndefined(working.pollUnsafe())
      yield* release
      assert.deepStrictEqual(yield* until(10_000)(Fiber.join(working)), [5, [1, 2], 5])
      assert.deepStrictEqual(ran, [10])
    }))

  it.effect("G302: the cancel of an actor that is sent while an idle connection is being closed reaches the actor", () =>
    Effect.gen(function*() {
      const sides = yield* two()
      const { asked, asking } = sides
      yield* until(5_000)(asked.tree.run(Actor.startScoped("bert", { expose })))
      yield* pass(500)
      const bert = yield* until(10_000)(Effect.orDie(asking.tree.run(
        Effect.map(Registry.find(expose, "bert"), Option.getOrThrow)
      )))
      const end = yield* Effect.forkChild(asking.tree.run(bert.wait))
      yield* pass(2 * closedMillis, 250)
      assert.isUndefined(end.pollUnsafe())
      yield* until(10_000)(asking.tree.run(bert.cancel("enough")))
      const exit = yield* until(5_000)(Fiber.join(end))
      assert.strictEqual(exit._tag, "Cancelled")
    }))
})

describe("A portal to a supervised actor of another tree needs no open connection", () => {
  it.effect("G301: a portal to a supervised actor keeps no connection open, and leads to the successor of an actor that died meanwhile", () =>
    Effect.gen(function*() {
      const sides = yield* two()
      const { asked, asking } = sides
      const supervisor = Supervisor.layer({}, [Supervisor.of(Mail, { name: "post" })])
      yield* until(10_000)(Effect.orDie(asked.tree.run(Layer.build(supervisor))))
      yield* pass(500)
      const post: Portal<any> = yield* until(10_000)(Effect.orDie(asking.tree.run(
        Effect.map(Registry.find(Mail, "post"), Option.getOrThrow)
      )))
      const asks = (call: any) => until(10_000)(asking.tree.run(post.run(call)))
      const first = yield* asks(who())
      yield* pass(2 * closedMillis, 250)
      assert.deepStrictEqual(yield* asking.open, 0)
      assert.strictEqual(yield* asks(who()), first)
      yield* pass(2 * closedMillis, 250)
      assert.deepStrictEqual(yield* asking.open, 0)
      const own: Portal<any> = yield* until(10_000)(Effect.orDie(asked.tree.run(
        Effect.map(Registry.find(Mail, "post"), Option.getOrThrow)
      )))
      yield* Effect.forkChild(Effect.ignore(asked.tree.run(own.run(quit()))))
      yield* pass(5_000, 250)
      assert.notStrictEqual(yield* asks(who()), first)
    }))
})

describe("A watch over an unused connection learns of the peer's end", () => {
  it.effect("G303: a connection stays open while one side watches for the end of the other side, and the watch learns of the end", () =>
    Effect.gen(function*() {
      const sides = yield* two()
      const { asked, asking } = sides
      for (const [side, other] of [[asking, asked], [asked, asking]] as const) {
        const portal = yield* met(side, other)
        const watching = yield* Effect.forkChild(side.tree.run(portal.closed))
        const before = side.heard.length
        yield* pass(3 * idleMillis, 250)
        // A connection that was closed and dialled again for the watch would be open, too.
        assert.strictEqual(side.heard.length, before)
        assert.deepStrictEqual(yield* opens(sides), [1, 1])
        yield* Fiber.interrupt(watching)
        yield* pass(closedMillis, 250)
        assert.deepStrictEqual(yield* opens(sides), [0, 0])
      }
      const portal = yield* met(asking, asked)
      const watching = yield* Effect.forkChild(asking.tree.run(portal.closed))
      yield* pass(idleMillis, 250)
      yield* until(10_000)(asked.tree.end)
      yield* until(1_000)(Fiber.join(watching))
    }))

  it.effect("G303: a watch that begins while an idle connection is being closed dials the peer again and learns of the peer's death", () =>
    Effect.gen(function*() {
      const { portal, release, sides } = yield* crossing
      const { asked, asking } = sides
      const watches = [yield* Effect.forkChild(asking.tree.run(portal.closed))]
      yield* settle
      yield* release
      yield* pass(3 * idleMillis, 250)
      assert.deepStrictEqual(yield* opens(sides), [1, 1])
      watches.push(yield* Effect.forkChild(asking.tree.run(portal.closed)))
      yield* settle
      for (const watch of watches) assert.isUndefined(watch.pollUnsafe())
      yield* until(10_000)(asked.tree.end)
      for (const watch of watches) yield* until(1_000)(Fiber.join(watch))
    }))

  it.effect("G301: a call to an actor that has ended while its connection was closed fails as unreachable", () =>
    Effect.gen(function*() {
      const sides = yield* two()
      const portal = yield* met(sides.asking, sides.asked)
      yield* pass(closedMillis, 250)
      yield* until(10_000)(sides.asked.tree.end)
      yield* pass(500)
      const error: any = yield* until(10_000)(sides.asking.tree.run(Effect.flip(portal.run(half({ n: 4 })))))
      assert.strictEqual(error._tag, "ActorUnreachable")
      yield* until(10_000)(sides.asking.tree.run(portal.closed))
    }))
})

describe("A connection stays open if its peer could not be dialled again", () => {
  it.effect("G303: an idle connection stays open if a side that has used it could not dial the other side again", () =>
    Effect.gen(function*() {
      const { add } = yield* mesh
      let isKnown = false
      const a = add("a", { silent: true })
      const b = add("b", {
        silent: true,
        locate: () => isKnown ? Effect.succeed(["/memory/1"]) : Effect.fail({ gone: false, reason: "behind a wall" })
      })
      const channel: PeerChannel = yield* a.channelTo("b")
      yield* b.peers.connect(refOf("a"))
      yield* pass(400_000, 1_000)
      assert.isTrue(channel.isOpen)
      isKnown = true
      yield* pass(400_000, 1_000)
      assert.deepStrictEqual([channel.isOpen, channel.parting.isRetired], [false, true])
      assert.deepStrictEqual([a.tags(), b.tags()], [["PeerConnected", "PeerIdle"], ["PeerConnected", "PeerIdle"]])
      assert.isTrue(a.dialled[0]!.ended() && b.accepted[0]!.ended())
    }))
})
