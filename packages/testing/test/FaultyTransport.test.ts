import { assert, describe, it } from "@effect/vitest"
import * as MemoryTransport from "@furrow/actor/internal/transport/MemoryTransport"
import type { Connection } from "@furrow/actor/internal/transport/Transport"
import * as ConnectionSuite from "@furrow/testing/ConnectionSuite"
import * as FaultyTransport from "@furrow/testing/FaultyTransport"
import * as Effect from "effect/Effect"

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** What one end is told, as one line for each thing. */
const listen = (connection: Connection): Array<string> => {
  const heard: Array<string> = []
  connection.start({
    data: (bytes) => heard.push(Buffer.from(bytes).toString()),
    drain: () => heard.push("(drain)"),
    end: (reason) => heard.push(reason === undefined ? "(end)" : `(end: ${reason})`)
  })
  return heard
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = "the quick brown fox jumps over the lazy dog"
const words = text.split(" ").map((word, i) => i === 0 ? word : ` ${word}`)
const joined = (heard: ReadonlyArray<string>): string => heard.filter((line) => !line.startsWith("(")).join("")

/** Says the text both ways over a faulty link: what the far end and we hear. */
const talk = (faults: FaultyTransport.Faults, during: (link: FaultyTransport.Link) => void = () => {}) =>
  Effect.promise(async () => {
    const [link, far] = FaultyTransport.pair(MemoryTransport.pair, faults)
    const there = listen(far)
    const here = listen(link.connection)
    for (const word of words) {
      link.connection.write([bytes(word)])
      far.write([bytes(word)])
    }
    during(link)
    await turns(400)
    return { there, here, link }
  })

describe("A faulty connection shows the faults that a test asks for", () => {
  for (const seed of [1, 2, 3]) {
    describe(`A connection that only delays, splits and joins chunks passes all tests of the suite for connections (seed ${seed})`, () => {
      const make = Effect.sync(() => {
        const [link, far] = FaultyTransport.pair(MemoryTransport.pair, { seed, delay: 3, split: 0.3, join: 0.3 })
        return [link.connection, far] as const
      })
      for (const { run, title } of ConnectionSuite.contract(make)) {
        // This case takes a first chunk for a whole one.
        if (!title.includes("plain Uint8Array")) it.live(title, () => run)
      }
    })
  }

  it.live("a faulty connection without faults passes each chunk on unchanged", () =>
    Effect.gen(function*() {
      const { here, there } = yield* talk({ seed: 1 })
      assert.deepStrictEqual(there, words)
      assert.deepStrictEqual(here, words)
    }))

  it.live("a faulty connection splits and joins chunks, keeps every byte in order, and repeats its faults for the same seed", () =>
    Effect.gen(function*() {
      const faults = { seed: 7, delay: 2, split: 0.5, join: 0.5 }
      const { here, there } = yield* talk(faults)
      assert.strictEqual(joined(there), text)
      assert.strictEqual(joined(here), text)
      assert.notDeepEqual(there, words)
      assert.deepStrictEqual((yield* talk(faults)).there, there)
      assert.notDeepEqual((yield* talk({ ...faults, seed: 8 })).there, there)
    }))

  it.live("a faulty connection tells its writer to wait although there is room, and calls `drain` later", () =>
    Effect.promise(async () => {
      const [link, far] = FaultyTransport.pair(MemoryTransport.pair, { seed: 1, stall: 1 })
      const there = listen(far)
      const here = listen(link.connection)
      assert.isFalse(link.connection.write([bytes("a")]))
      await turns(10)
      assert.deepStrictEqual([there, here], [["a"], ["(drain)"]])
    }))

  it.live("a faulty connection can end after any byte that its own side sends, and the end is reported once to both sides", () =>
    Effect.gen(function*() {
      for (const after of [1, 3, 4, 20, text.length]) {
        const { here, link, there } = yield* talk({
          seed: 1,
          delay: 2,
          cut: { after, counting: "outgoing", how: "both" }
        })
        assert.strictEqual(joined(there), text.slice(0, after))
        assert.strictEqual(there.at(-1), "(end)")
        assert.strictEqual(here.filter((line) => line === "(end: cut)").length, 1)
        assert.isTrue(link.isCut)
      }
    }))

  it.live("a faulty connection can end after any byte that its own side receives", () =>
    Effect.gen(function*() {
      for (const after of [1, 3, 4, 20]) {
        const { here } = yield* talk({ seed: 1, split: 0.2, cut: { after, counting: "incoming", how: "both" } })
        assert.strictEqual(joined(here), text.slice(0, after))
        assert.strictEqual(here.at(-1), "(end: cut)")
      }
    }))

  it.live("a faulty connection that is cut in one direction still passes bytes in the other direction", () =>
    Effect.gen(function*() {
      const deaf = yield* talk({ seed: 1, delay: 2 }, (link) => link.cut("incoming"))
      assert.strictEqual(joined(deaf.there), text)
      assert.deepStrictEqual(deaf.here, ["(end: cut)"])
      const mute = yield* talk({ seed: 1, delay: 2 }, (link) => link.cut("outgoing"))
      assert.strictEqual(joined(mute.here), text)
      assert.strictEqual(mute.there.at(-1), "(end)")
      assert.isFalse(mute.here.includes("(end: cut)"))
    }))

  it.live("a faulty connection that is held passes no bytes until it is released, and loses none", () =>
    Effect.gen(function*() {
      const { here, link, there } = yield* talk({ seed: 1 }, (link) => link.hold())
      const before = there.length
      link.connection.write([bytes("!")])
      yield* Effect.promise(() => turns(20))
      assert.strictEqual(there.length, before)
      link.release()
      yield* Effect.promise(() => turns(20))
      assert.strictEqual(joined(there), `${text}!`)
      assert.strictEqual(joined(here), text)
    }))
})
