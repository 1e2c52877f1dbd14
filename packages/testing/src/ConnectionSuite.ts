/**
 * Tests the duties of every `Connection`: order, backpressure, half close, a cut of the connection, and an end that
 * is reported once.
 *
 * To test a new transport, call `ConnectionSuite.contract` with an effect that makes the two ends of one connection.
 * Each test case of this suite gets its own connected pair. The suite `TransportSuite` tests listening and dialling.
 *
 * @since 0.1.0
 */
import type { Connection } from "@furrow/actor/Transport"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Assert from "node:assert/strict"
import type { Case, Contract } from "./Contract.ts"
import * as Eventually from "./Eventually.ts"
import { bytes, ended, equal, pattern, received, Recorder, settled } from "./internal/recorder.ts"

/**
 * Makes both ends of one connection, neither of which is started; the Scope in which the ends are made removes all
 * that they leave behind.
 *
 * @category models
 * @since 0.1.0
 */
export type MakePair = Effect.Effect<readonly [Connection, Connection], unknown, Scope.Scope>

const nothingElse = (...recorders: ReadonlyArray<Recorder>): Effect.Effect<void> =>
  Effect.map(settled, () => {
    for (const recorder of recorders) equal([recorder.ends.length, recorder.afterEnd], [1, 0])
  })

/** The largest number of bytes that a transport may accept from a writer whose reader does not read. */
const mostBytes = 64 * 1024 * 1024

/** Writes chunks until the connection is full, and returns the number of bytes that the connection took. */
const fill = (connection: Connection, chunk: Uint8Array): number => {
  let written = 0
  let room = true
  while (room && written < mostBytes) {
    room = connection.write([chunk])
    written += chunk.length
  }
  Assert.ok(!room, `write never answered false: ${written} bytes were taken from it without a reader`)
  return written
}

/**
 * Writes to a connection until `write` answers false for good, because a driver may have more room after its first
 * answer false. Returns the number of bytes that the connection took.
 */
const fillUp = (connection: Connection, writer: Recorder, chunk: Uint8Array): Effect.Effect<number> =>
  Effect.gen(function*() {
    let written = 0
    for (let drains = -1; drains < writer.drains;) {
      drains = writer.drains
      written += fill(connection, chunk)
      Assert.ok(written <= mostBytes, `it takes more and more without a reader: ${written} bytes`)
      yield* settled
    }
    return written
  })

type Body = (near: Connection, far: Connection) => Effect.Effect<void, unknown>

const cases = {
  "bytes arrive in the order they were written, whatever their sizes": (near, far) => {
    const at = new Recorder(far).start()
    new Recorder(near).start()
    const sent = [1, 0, 7, 4096, 1, 65_537, 300_000, 2].map((size, i) => pattern(size, i))
    return Effect.gen(function*() {
      near.write([sent[0]!])
      near.write(sent.slice(1, 5))
      near.write(sent.slice(5))
      const whole = Buffer.concat(sent)
      yield* received(at, whole.length)
      Assert.ok(Buffer.concat(at.chunks).equals(whole), "the bytes differ from what was written")
    })
  },
  "memory of bytes that have left may be written again": (near, far) => {
    const at = new Recorder(far).start()
    new Recorder(near).start()
    const { hasLeft } = near
    const sent = [5, 70_000, 1_000_000].map((size, i) => pattern(size, i))
    return Effect.gen(function*() {
      if (hasLeft === undefined) return
      let received = 0
      for (const bytes of sent) {
        const memory = bytes.slice()
        near.write([memory.subarray(0, 3), memory.subarray(3)])
        const left = Effect.sync(() => Assert.ok(hasLeft(), "bytes that arrived have not left"))
        if (!hasLeft()) yield* Eventually.succeeds(left)
        memory.fill(0)
        received += bytes.length
        yield* Eventually.succeeds(Effect.sync(() => Assert.ok(at.received >= received, "bytes did not arrive")))
      }
      Assert.ok(Buffer.concat(at.chunks).equals(Buffer.concat(sent)), "bytes that had left were changed")
    })
  },
  "both directions carry bytes at once, and do not mix": (near, far) => {
    const left = new Recorder(near).start()
    const right = new Recorder(far).start()
    return Effect.gen(function*() {
      for (let i = 0; i < 100; i++) {
        near.write([bytes(`r${i};`)])
        far.write([bytes(`l${i};`)])
      }
      const expected = (letter: string) => Array.from({ length: 100 }, (_, i) => `${letter}${i};`).join("")
      yield* received(right, expected("r").length)
      yield* received(left, expected("l").length)
      equal([right.text, left.text], [expected("r"), expected("l")])
    })
  },
  "bytes written before the other end starts to read wait for it": (near, far) =>
    Effect.gen(function*() {
      new Recorder(near).start()
      near.write([bytes("early")])
      yield* settled
      const at = new Recorder(far).start()
      yield* received(at, 5)
      equal(at.text, "early")
    }),
  "nothing arrives inside the call that sent it": (near, far) =>
    Effect.gen(function*() {
      let writing = false
      let inside = 0
      const at: Recorder = new Recorder(far, () => {
        if (writing) inside++
        if (at.received < 4) echo("b")
      }).start()
      const echo = (text: string) => {
        writing = true
        far.write([bytes(text)])
        near.write([bytes("a")])
        writing = false
      }
      new Recorder(near, () => {
        if (writing) inside++
      }).start()
      echo("b")
      yield* received(at, 4)
      equal(inside, 0)
    }),
  "a chunk that arrived is a plain Uint8Array that stays as it is": (near, far) =>
    Effect.gen(function*() {
      const at = new Recorder(far).start()
      new Recorder(near).start()
      near.write([bytes("first")])
      yield* received(at, 5)
      const kept = at.chunks[0]!
      equal(Object.getPrototypeOf(kept), Uint8Array.prototype)
      near.write([pattern(500_000)])
      yield* received(at, 500_005)
      equal(Buffer.from(kept).toString(), "first")
    }),
  "a writer hears false while its reader does not read, then one drain, and loses nothing": (near, far) =>
    Effect.gen(function*() {
      const writer = new Recorder(near).start()
      const written = yield* fillUp(near, writer, pattern(512 * 1024))
      const { drains } = writer
      const at = new Recorder(far).start()
      yield* received(at, written)
      yield* Eventually.holds("drain is said", () => writer.drains === drains + 1)
      equal(near.write([bytes("more")]), true)
      yield* received(at, written + 4)
      yield* settled
      equal([writer.drains, at.received], [drains + 1, written + 4])
    }),
  "a writer that never heard false hears no drain": (near, far) =>
    Effect.gen(function*() {
      const writer = new Recorder(near).start()
      const at = new Recorder(far).start()
      equal(near.write([bytes("little")]), true)
      yield* received(at, 6)
      yield* settled
      equal(writer.drains, 0)
    }),
  "end sends queued bytes first, then says the end once, without a reason": (near, far) =>
    Effect.gen(function*() {
      new Recorder(near).start()
      const at = new Recorder(far)
      const queued = pattern(2 * 1024 * 1024)
      near.write([queued])
      near.end()
      at.start()
      yield* ended(at)
      Assert.ok(Buffer.concat(at.chunks).equals(queued), `${at.received} of ${queued.length} queued bytes arrived`)
      equal(at.ends, [undefined])
      yield* nothingElse(at)
    }),
  "a side that has ended still hears what its peer had sent, and then the peer's end": (near, far) =>
    Effect.gen(function*() {
      const us = new Recorder(near)
      const peer = new Recorder(far).start()
      far.write([bytes("answer")])
      near.end()
      us.start()
      yield* ended(peer)
      far.end()
      yield* ended(us)
      equal([us.text, us.ends], ["answer", [undefined]])
      yield* nothingElse(us, peer)
    }),
  "bytes that a peer had queued when it hears the end of this side arrive all the same": (near, far) =>
    Effect.gen(function*() {
      const us = new Recorder(near)
      const queued = fill(far, pattern(64 * 1024))
      near.end()
      const peer = new Recorder(far).start()
      yield* settled
      us.start()
      yield* received(us, queued)
      far.end()
      yield* ended(peer)
      yield* ended(us)
      equal([us.received, us.ends, peer.ends], [queued, [undefined], [undefined]])
      yield* nothingElse(us)
    }),
  "bytes and the end behind them wait for a reader that comes late": (near, far) =>
    Effect.gen(function*() {
      const us = new Recorder(near).start()
      near.write([bytes("farewell")])
      near.end()
      yield* settled
      const peer = new Recorder(far).start()
      yield* ended(peer)
      equal([peer.text, peer.ends], ["farewell", [undefined]])
      far.end()
      yield* ended(us)
      yield* nothingElse(us, peer)
    }),
  "an end that came before any listener is said to a late one": (near, far) =>
    Effect.gen(function*() {
      near.destroy()
      yield* settled
      const peer = new Recorder(far).start()
      yield* ended(peer)
      yield* nothingElse(peer)
    }),
  "destroy ends both ends, once each": (near, far) =>
    Effect.gen(function*() {
      const us = new Recorder(near).start()
      const peer = new Recorder(far).start()
      near.write([bytes("hello")])
      yield* received(peer, 5)
      near.destroy()
      near.destroy()
      near.end()
      yield* ended(us)
      yield* ended(peer)
      yield* nothingElse(us, peer)
    }),
  "destroy ends a connection whose writer is waiting for room": (near, far) =>
    Effect.gen(function*() {
      const us = new Recorder(near).start()
      const peer = new Recorder(far)
      fill(near, pattern(64 * 1024))
      near.destroy()
      yield* ended(us)
      peer.start()
      yield* ended(peer)
      yield* nothingElse(us, peer)
    }),
  "a peer that is cut off while it sends says its end, and throws nothing": (near, far) =>
    Effect.gen(function*() {
      const us = new Recorder(near).start()
      const peer = new Recorder(far).start()
      for (let i = 0; i < 20; i++) far.write([pattern(64 * 1024)])
      near.destroy()
      for (let i = 0; i < 20; i++) far.write([pattern(64 * 1024)])
      yield* ended(us)
      yield* ended(peer)
      far.write([bytes("into the void")])
      far.end()
      far.destroy()
      yield* nothingElse(us, peer)
    }),
  "writing after the end is harmless: it answers true and nothing arrives": (near, far) =>
    Effect.gen(function*() {
      const us = new Recorder(near).start()
      const peer = new Recorder(far).start()
      near.write([bytes("last")])
      near.end()
      equal(near.write([bytes("late")]), true)
      yield* ended(peer)
      far.end()
      yield* ended(us)
      equal([near.write([bytes("later")]), far.write([bytes("later")])], [true, true])
      near.end()
      yield* nothingElse(us, peer)
      equal(peer.text, "last")
    })
} satisfies Record<string, Body>

/**
 * Returns the test cases for the connections of a transport, whose connected pairs `make` makes.
 *
 * @example
 * ```ts
 * const pair = TransportSuite.dialled(TransportSuite.fromLayer(NodeTransport.layerTcp))
 * const [first] = ConnectionSuite.contract(pair)
 * first?.title // "bytes arrive in the order they were written, whatever their sizes"
 * yield* first?.run ?? Effect.void
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const contract = (make: MakePair): Contract =>
  Object.entries<Body>(cases).map(([title, body]): Case => ({
    title,
    run: Effect.scoped(
      Effect.flatMap(make, ([near, far]) =>
        Effect.onExit(Effect.suspend(() => body(near, far)), () =>
          Effect.sync(() => {
            near.destroy()
            far.destroy()
          })))
    )
  }))
