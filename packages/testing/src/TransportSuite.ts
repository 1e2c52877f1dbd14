/**
 * Tests the duties of every `TransportDriver`: one actor for each address, an answer to each dial, silence after a
 * listener is closed, and no living actor that is reported as gone.
 *
 * To test a new transport, call `TransportSuite.contract(make)` and
 * `ConnectionSuite.contract(TransportSuite.dialled(make))`, where the effect `make` makes the driver of the transport.
 * Each test case of this suite gets a transport of its own.
 *
 * @since 0.1.0
 */
import type { ActorId } from "@furrow/actor/ActorError"
import {
  type Address,
  type Connection,
  type Listener,
  Transport,
  TransportDriver,
  TransportError
} from "@furrow/actor/Transport"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Assert from "node:assert/strict"
import type { MakePair } from "./ConnectionSuite.ts"
import type { Case, Contract } from "./Contract.ts"
import * as Eventually from "./Eventually.ts"
import { credentials } from "./internal/platform.ts"
import { bytes, equal, received, Recorder, settled } from "./internal/recorder.ts"

/**
 * Makes a transport in a network of its own; the Scope of the effect removes all that the listeners of the transport
 * leave.
 *
 * @category models
 * @since 0.1.0
 */
export type MakeTransport = Effect.Effect<TransportDriver["Service"], unknown, Scope.Scope>

/**
 * Builds the driver of a `Transport` Layer as the runtime of a root builds it, with credentials of its own. The
 * returned effect fails when the transport's settings cannot be sent to another process, or its driver cannot be
 * built.
 *
 * @example
 * ```ts
 * const make = TransportSuite.fromLayer(NodeTransport.layerTcp)
 * const transport = yield* make
 * transport.dials("/ip4/127.0.0.1/tcp/4711") // true
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const fromLayer = <E>(layer: Layer.Layer<Transport, E>): MakeTransport =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const { parts } = Context.get(yield* Layer.buildWithScope(layer, scope), Transport)
    const [part, ...others] = parts
    if (part === undefined || others.length > 0) {
      return yield* Effect.die(new Error(`the Layer has ${parts.length} transports: give each a contract of its own`))
    }
    yield* part.data
    const built = yield* Layer.buildWithScope(Layer.provide(part.layer, credentials), scope)
    return Context.get(built, TransportDriver)
  })

let actors = 0

const newActor = (name = "actor"): ActorId => {
  actors++
  return { name, uuid: `00000000-0000-4000-8000-${String(actors).padStart(12, "0")}`, pid: process.pid }
}

/**
 * A listener of a test case, with the connections that the listener has accepted. The open connections of the
 * listener end with the Scope of the test case.
 */
class Door {
  readonly guests: Array<Connection> = []
  listener!: Listener

  readonly open = (transport: TransportDriver["Service"], actor: ActorId) =>
    Effect.acquireRelease(
      Effect.map(transport.listen(actor, (guest) => this.guests.push(guest)), (listener) => {
        this.listener = listener
        return this
      }),
      () =>
        Effect.sync(() => {
          this.listener.close()
          for (const guest of this.guests) guest.destroy()
        })
    )

  guest(index = 0): Effect.Effect<Connection, Eventually.NotInTime> {
    return Eventually.holds(`guest ${index} is handed over`, () => this.guests[index])
  }
}

const door = (transport: TransportDriver["Service"], actor = newActor()) => new Door().open(transport, actor)

const dial = (transport: TransportDriver["Service"], address: string) =>
  Effect.acquireRelease(transport.dial(address), (connection) => Effect.sync(() => connection.destroy()))

/** Checks that the bytes written at one end of a connection arrive at the other end. */
const carries = (from: Connection, to: Recorder, text: string) =>
  Effect.gen(function*() {
    const before = to.received
    from.write([bytes(text)])
    yield* received(to, before + text.length)
    Assert.ok(to.text.endsWith(text), `"${to.text}" does not end with "${text}"`)
  })

const failure = <A>(effect: Effect.Effect<A, TransportError, Scope.Scope>) =>
  Effect.map(Effect.flip(effect), (error) => {
    Assert.ok(error instanceof TransportError, `it failed with ${String(error)}`)
    return error
  })

/**
 * Makes both ends of one connection of a transport, with the dialler's end first, for `ConnectionSuite.contract`.
 *
 * @example
 * ```ts
 * const [near, far] = yield* TransportSuite.dialled(TransportSuite.fromLayer(NodeTransport.layerTcp))
 * near.destroy()
 * far.destroy()
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const dialled = (make: MakeTransport): MakePair =>
  Effect.gen(function*() {
    const transport = yield* make
    const { guests, listener } = yield* door(transport)
    const near = yield* dial(transport, listener.address)
    const far = yield* Eventually.holds("the connection is handed over", () => guests[0])
    return [near, far] as const
  })

type Body = (transport: TransportDriver["Service"]) => Effect.Effect<void, unknown, Scope.Scope>

const cases = {
  "a dial is handed over, and both ends carry bytes": (transport) =>
    Effect.gen(function*() {
      const here = yield* door(transport)
      const near = yield* dial(transport, here.listener.address)
      const far = yield* here.guest()
      const atNear = new Recorder(near).start()
      const atFar = new Recorder(far).start()
      yield* carries(near, atFar, "there")
      yield* carries(far, atNear, "and back")
    }),
  "a listener that can say whether it is reachable says so while it is": (transport) =>
    Effect.gen(function*() {
      const { listener } = yield* door(transport)
      Assert.ok([undefined, true].includes(listener.isReachable?.()), "it says that it cannot be reached")
      yield* dial(transport, listener.address)
      Assert.ok([undefined, true].includes(listener.isReachable?.()), "it says that it cannot be reached any more")
    }),
  "every dial is a connection of its own": (transport) =>
    Effect.gen(function*() {
      const here = yield* door(transport)
      const near = yield* Effect.forEach(["one", "two", "three"], () => dial(transport, here.listener.address), {
        concurrency: "unbounded"
      })
      yield* here.guest(2)
      const far = here.guests.map((guest) => new Recorder(guest).start())
      near.forEach((connection, i) => connection.write([bytes(`${i}`)]))
      yield* Eventually.holds("each guest says one thing", () => far.every(({ text }) => text.length === 1))
      equal(far.map(({ text }) => text).sort(), ["0", "1", "2"])
      equal(here.guests.length, 3)
    }),
  "every actor has an address of its own, also where many come at once": (transport) =>
    Effect.gen(function*() {
      const doors = yield* Effect.forEach(
        Array.from({ length: 50 }, (_, i) => newActor(`many-${i}`)),
        (actor) => door(transport, actor),
        { concurrency: "unbounded" }
      )
      equal(new Set(doors.map(({ listener }) => listener.address)).size, 50)
      for (const index of [0, 25, 49]) {
        const near = yield* dial(transport, doors[index]!.listener.address)
        const at = new Recorder(yield* doors[index]!.guest()).start()
        yield* carries(near, at, `for ${index}`)
      }
    }),
  "a second listener of an actor fails, or is somewhere else: the first one keeps its door": (transport) =>
    Effect.gen(function*() {
      const actor = newActor("twice")
      const first = yield* door(transport, actor)
      const second = yield* Effect.result(door(transport, actor))
      if (second._tag === "Success") Assert.notEqual(second.success.listener.address, first.listener.address)
      else {
        equal(second.failure.gone, false)
        Assert.ok(second.failure.message.includes(first.listener.address), second.failure.message)
      }
      const count = first.guests.length
      const near = yield* dial(transport, first.listener.address)
      yield* carries(near, new Recorder(yield* first.guest(count)).start(), "for the first")
    }),
  "a dial of an address without a listener says that the actor is gone, and names the address": (transport) =>
    Effect.gen(function*() {
      const here = yield* door(transport)
      const { address } = here.listener
      here.listener.close()
      here.listener.close()
      const error = yield* failure(dial(transport, address))
      equal(error.gone, true)
      Assert.ok(error.message.includes(address), error.message)
    }),
  "a closed door leaves open connections open": (transport) =>
    Effect.gen(function*() {
      const here = yield* door(transport)
      const near = yield* dial(transport, here.listener.address)
      const far = new Recorder(yield* here.guest()).start()
      here.listener.close()
      yield* carries(near, far, "still here")
      equal(far.ends, [])
    }),
  "an actor may listen again after it has closed its listener": (transport) =>
    Effect.gen(function*() {
      const actor = newActor("again")
      const before = yield* door(transport, actor)
      before.listener.close()
      const here = yield* door(transport, actor)
      const near = yield* dial(transport, here.listener.address)
      yield* carries(near, new Recorder(yield* here.guest()).start(), "again")
    }),
  "nonsense in the place of an address is not dialled, and no actor is said to be gone": (transport) =>
    Effect.gen(function*() {
      for (const address of ["", "nowhere", "/ip4/127.0.0.1/udp/9", "/ip4/127.0.0.1/tcp/0", "/unix"]) {
        const error = yield* failure(dial(transport, address))
        equal([address, error.gone], [address, false])
        Assert.ok(error.message.includes(address), error.message)
      }
    }),
  "a dial that is interrupted leaves no connection open": (transport) =>
    Effect.gen(function*() {
      const here = yield* door(transport)
      for (let i = 0; i < 10; i++) {
        const dialling = yield* Effect.forkChild(transport.dial(here.listener.address), { startImmediately: true })
        yield* Fiber.interrupt(dialling)
        const exit = yield* Fiber.await(dialling)
        // A connection that a dial has made before the dial was interrupted is closed here.
        if (exit._tag === "Success") exit.value.destroy()
      }
      yield* settled
      const far = here.guests.map((guest) => new Recorder(guest).start())
      yield* Eventually.holds("every guest has left", () => far.every(({ ends }) => ends.length === 1))
      const near = yield* dial(transport, here.listener.address)
      yield* carries(near, new Recorder(yield* here.guest(far.length)).start(), "and it still answers")
    }),
  "a transport dials what it listens at, and no address of a transport that is absent": (transport) =>
    Effect.gen(function*() {
      const here = yield* door(transport)
      equal(transport.dials(here.listener.address), true)
      for (const address of ["", "/quic/somewhere", "/ip4/127.0.0.1/udp/9"]) equal(transport.dials(address), false)
    }),
  "an actor that never listened is forgotten without a word": (transport) =>
    Effect.sync(() => transport.forget?.(newActor("never")))
} satisfies Record<string, Body>

/**
 * Abilities that only some transports have, with the functions by which `TransportSuite` tests these abilities.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * Makes a listener unreachable without the listener's knowledge; for a listener of a socket, for example, the
   * function deletes the socket's file. Give the function `takeAway` if the listeners of the transport have the
   * function `isReachable`: a listener must notice that it is unreachable, and its actor must be able to open another
   * listener.
   */
  readonly takeAway?: ((address: Address) => void) | undefined
}

/** Test cases for transports whose listeners can become unreachable. */
const takenAway = (takeAway: (address: Address) => void) => ({
  "a door that was taken away is noticed by its listener, and by who dials": (transport) =>
    Effect.gen(function*() {
      const { listener } = yield* door(transport)
      Assert.ok(listener.isReachable !== undefined, "its listeners do not say whether they are reachable")
      equal(listener.isReachable(), true)
      takeAway(listener.address)
      equal(listener.isReachable(), false)
      const error = yield* failure(dial(transport, listener.address))
      Assert.ok(error.message.includes(listener.address), error.message)
    }),
  "an actor whose door was taken away may listen again, and its connections stay": (transport) =>
    Effect.gen(function*() {
      const actor = newActor("away")
      const before = yield* door(transport, actor)
      const near = yield* dial(transport, before.listener.address)
      const far = new Recorder(yield* before.guest()).start()
      takeAway(before.listener.address)
      before.listener.close()
      const here = yield* door(transport, actor)
      equal(here.listener.isReachable?.(), true)
      const again = yield* dial(transport, here.listener.address)
      yield* carries(again, new Recorder(yield* here.guest()).start(), "again")
      yield* carries(near, far, "still here")
    })
} satisfies Record<string, Body>)

/**
 * Returns the test cases for listening and dialling with the transport whose driver the effect `make` makes.
 *
 * @example
 * ```ts
 * const [first] = TransportSuite.contract(TransportSuite.fromLayer(NodeTransport.layerTcp))
 * first?.title // "a dial is handed over, and both ends carry bytes"
 * yield* first?.run ?? Effect.void
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const contract = (make: MakeTransport, { takeAway }: Options = {}): Contract =>
  Object.entries<Body>({ ...cases, ...takeAway === undefined ? {} : takenAway(takeAway) }).map((
    [title, body]
  ): Case => ({
    title,
    run: Effect.scoped(Effect.flatMap(make, body))
  }))
