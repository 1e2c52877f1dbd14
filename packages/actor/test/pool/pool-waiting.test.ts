import { assert, describe, it } from "@effect/vitest"
import { Line } from "@furrow/actor/internal/pool/Line"
import * as Waiting from "@furrow/actor/internal/pool/Waiting"

const holder = (): Waiting.Holder => ({ own: new Line(), life: 0, isLeaving: false })

/** A task of a key is begun by a place, and is over. */
const use = (waiting: Waiting.Waiting, key: string, at: Waiting.Holder): void => {
  const ticket = Waiting.makeTicket(key)
  Waiting.admit(waiting, ticket)
  Waiting.hold(ticket, at)
  Waiting.release(waiting, ticket)
}

const placeOf = (waiting: Waiting.Waiting, key: string): unknown => {
  const ticket = Waiting.makeTicket(key)
  const place = Waiting.admit(waiting, ticket)
  Waiting.withdraw(waiting, ticket)
  return place
}

describe("A pool remembers keys for which no task waits or runs", () => {
  it("keys of a pool without a task stay with their worker up to a limit, and the least recently used key is forgotten first", () => {
    const waiting = Waiting.make()
    const at = holder()
    for (let i = 0; i < Waiting.maxRememberedKeys; i++) use(waiting, `k${i}`, at)
    assert.strictEqual(waiting.keys.size, Waiting.maxRememberedKeys)
    assert.strictEqual(placeOf(waiting, "k0"), at)
    // k0 was used last now, so k1 is the oldest.
    use(waiting, "new", at)
    assert.deepStrictEqual([waiting.keys.size, waiting.rememberedCount], [
      Waiting.maxRememberedKeys,
      Waiting.maxRememberedKeys
    ])
    assert.deepStrictEqual(["k0", "k1", "k2"].map((key) => waiting.keys.has(key)), [true, false, true])
    assert.strictEqual(placeOf(waiting, "k1"), "any")
  })

  it("a pool remembers a key without a task once, however many tasks with the key have ended", () => {
    const waiting = Waiting.make()
    const at = holder()
    for (let i = 0; i < 5; i++) use(waiting, "k", at)
    assert.deepStrictEqual([waiting.rememberedCount, waiting.keys.size], [1, 1])
    const running = Waiting.makeTicket("k")
    Waiting.admit(waiting, running)
    Waiting.hold(running, at)
    assert.deepStrictEqual([waiting.rememberedCount, waiting.keys.size], [0, 1])
  })
})
