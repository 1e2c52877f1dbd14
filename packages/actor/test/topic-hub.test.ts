import { assert, describe, it } from "@effect/vitest"
import { ActorRuntime } from "@furrow/actor/internal/settings/ActorRuntime"
import { handlers } from "@furrow/actor/internal/topic/Broker"
import { type Action, Hub, type Message, type Taken } from "@furrow/actor/internal/topic/Hub"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const message = (text: string): Message => ({ key: text[0]!, bytes: new TextEncoder().encode(text) })
const messages = (...texts: ReadonlyArray<string>) => texts.map(message)

const textsOf = (taken: Taken | "overrun" | "over" | undefined): ReadonlyArray<string> =>
  typeof taken !== "object"
    ? []
    : taken.messages.map(({ bytes }) => new TextDecoder().decode(bytes))

/** All that a subscriber has still to be given. */
const drain = (hub: Hub, id: number): ReadonlyArray<string> => {
  const texts = textsOf(hub.take(id)[0])
  return texts.length === 0 ? [] : [...texts, ...drain(hub, id)]
}

const published = (actions: ReadonlyArray<{ readonly _tag: string; readonly id: number }>) =>
  actions.filter(({ _tag }) => _tag === "Published").map(({ id }) => id)

const hubOf = (buffer: number, replay = 0) => new Hub({ buffer, replay })

describe("The hub of a topic passes messages on to subscribers", () => {
  it("G178: a topic's hub gives each subscriber the messages of its keys, in the order of publishing", () => {
    const hub = hubOf(10)
    hub.subscribe(1, ["a"], "block", 0)
    hub.subscribe(2, null, "block", 0)
    assert.deepStrictEqual(published(hub.publish(10, messages("a1", "b1", "a2"))), [10])
    assert.deepStrictEqual(drain(hub, 1), ["a1", "a2"])
    assert.deepStrictEqual(drain(hub, 2), ["a1", "b1", "a2"])
  })

  it("G179: a subscriber of a topic with the policy `block` and a full buffer holds up the publishers of its keys, and no other publishers", () => {
    const hub = hubOf(1)
    hub.subscribe(1, ["a"], "block", 0)
    assert.deepStrictEqual(published(hub.publish(10, messages("a1"))), [10])
    assert.deepStrictEqual(published(hub.publish(11, messages("a2"))), [])
    // Another key passes, and one of the same key does not overtake.
    assert.deepStrictEqual(published(hub.publish(12, messages("b1"))), [12])
    assert.deepStrictEqual(published(hub.publish(13, messages("a3"))), [])
    const [first, actions] = hub.take(1)
    assert.deepStrictEqual(textsOf(first), ["a1"])
    assert.deepStrictEqual(published(actions), [11])
    assert.deepStrictEqual(textsOf(hub.take(1)[0]), ["a2"])
    assert.deepStrictEqual(drain(hub, 1), ["a3"])
    assert.strictEqual(hub.statistics.publishersWaiting, 0)
  })

  it("G179: a publisher that waits for a subscriber with a full buffer continues when the subscriber leaves, even if another publisher has given up", () => {
    const hub = hubOf(1)
    hub.subscribe(1, ["a"], "block", 0)
    hub.publish(10, messages("a1"))
    hub.publish(11, messages("a2", "b1"))
    assert.deepStrictEqual(published(hub.withdraw(11)), [])
    hub.publish(12, messages("a3"))
    assert.deepStrictEqual(published(hub.leave(1)), [12])
  })

  it("G180: a subscriber of a topic with the policy `drop-oldest` and a full buffer loses its oldest messages, which are counted, and holds up no publisher", () => {
    const hub = hubOf(2)
    hub.subscribe(1, null, "drop-oldest", 0)
    assert.deepStrictEqual(published(hub.publish(10, messages("a1", "a2", "a3", "a4", "a5"))), [10])
    const [taken] = hub.take(1)
    assert.deepStrictEqual(textsOf(taken), ["a4", "a5"])
    assert.deepInclude(taken as Taken, { dropped: 3 })
    hub.publish(11, messages("a6"))
    assert.deepInclude(hub.take(1)[0] as Taken, { dropped: 0 })
  })

  it("G180: a subscriber of a topic with the policy `error` that is too slow is ended, and holds up no publisher", () => {
    const hub = hubOf(1)
    hub.subscribe(1, null, "error", 0)
    assert.deepStrictEqual(published(hub.publish(10, messages("a1", "a2"))), [10])
    assert.strictEqual(hub.take(1)[0], "overrun")
  })

  it("G181: a topic's hub gives a later subscriber the last kept messages of its keys", () => {
    const hub = hubOf(10, 3)
    hub.publish(10, messages("a1", "b1", "a2", "b2", "a3"))
    hub.subscribe(1, null, "block", 9)
    hub.subscribe(2, ["a"], "block", 9)
    hub.subscribe(3, null, "block", 1)
    hub.subscribe(4, null, "block", 0)
    assert.deepStrictEqual([1, 2, 3, 4].map((id) => drain(hub, id)), [["a2", "b2", "a3"], ["a2", "a3"], ["a3"], []])
  })

  it("G181: a topic's hub gives a later subscriber all kept messages that it asks for, even more than its buffer holds", () => {
    for (const overflow of ["block", "drop-oldest", "error"] as const) {
      const hub = hubOf(2, 5)
      hub.publish(10, messages("a1", "a2", "a3", "a4", "a5"))
      hub.subscribe(1, null, overflow, 5)
      assert.deepStrictEqual(published(hub.publish(11, messages("a6", "a7"))), [11])
      assert.deepStrictEqual(drain(hub, 1), ["a1", "a2", "a3", "a4", "a5", "a6", "a7"])
    }
  })

  it("G180: a topic's hub reports dropped messages after the messages that were published before the subscriber came", () => {
    const hub = hubOf(1, 2)
    hub.publish(10, messages("a1", "a2"))
    hub.subscribe(1, null, "drop-oldest", 2)
    hub.publish(11, messages("a3", "a4"))
    assert.deepStrictEqual([hub.take(1)[0], hub.take(1)[0]], [
      { dropped: 0, messages: messages("a1", "a2") },
      { dropped: 1, messages: messages("a4") }
    ])
  })

  it("G179: a topic on which 1000 publishers wait serves one read of each of 1000 subscribers within 1.5 seconds", () => {
    const hub = hubOf(1)
    for (let id = 0; id < 1000; id++) hub.subscribe(id, null, "block", 0)
    for (let id = 0; id < 1000; id++) hub.publish(10_000 + id, messages("a"))
    const start = performance.now()
    // Those that have read on come first, and one that is full is found behind all of them.
    for (let id = 0; id < 1000; id++) hub.take(id)
    assert.isBelow(performance.now() - start, 1500)
    assert.strictEqual(hub.statistics.publishersWaiting, 998)
  })

  it("G181: a topic's hub holds no more bytes for a subscriber than its bound, but always one message", () => {
    const hub = hubOf(1000, 1000)
    const large = { key: "a", bytes: new Uint8Array(5 * 1024 * 1024) }
    hub.subscribe(1, null, "drop-oldest", 0)
    hub.publish(10, [large, large, large, large])
    const [taken] = hub.take(1)
    assert.lengthOf((taken as Taken).messages, 2)
    assert.deepInclude(taken as Taken, { dropped: 2 })
    assert.strictEqual(hub.statistics.kept, 1)
  })

  it.effect("G181: a topic's hub keeps in memory only the bytes of a message, and not the larger chunk in which the message arrived", () =>
    Effect.gen(function*() {
      const made = yield* handlers("Prices", { buffer: 4, replay: 4 }, () => {})
      const arrived = new Uint8Array(64 * 1024).fill(7)
      yield* made.publish({ messages: [{ key: "", bytes: arrived.subarray(10, 13) }] })
      const [, item] = yield* made.subscribe({ keys: null, overflow: "block", replay: 1 }).pipe(
        Stream.take(2),
        Stream.runCollect,
        Effect.provideService(ActorRuntime, {} as never)
      )
      assert.deepStrictEqual(item!.message!.bytes, new Uint8Array([7, 7, 7]))
      assert.strictEqual(item!.message!.bytes.buffer.byteLength, 3)
    }))

  it("G182: the hub of a drained topic gives each subscriber the remaining messages, and then ends its subscription", () => {
    const hub = hubOf(1)
    hub.subscribe(1, ["a"], "block", 0)
    hub.subscribe(2, ["b"], "block", 0)
    hub.publish(10, messages("a1"))
    hub.publish(11, messages("a2"))
    const woken = (actions: ReadonlyArray<Action>) => actions.filter(({ _tag }) => _tag === "Wake").map(({ id }) => id)
    assert.deepStrictEqual(woken(hub.drain()), [1, 2])
    // A publisher waits, so that there is more to come.
    assert.strictEqual(hub.take(2)[0], undefined)
    const [taken, actions] = hub.take(1)
    assert.deepStrictEqual(textsOf(taken), ["a1"])
    assert.includeMembers([...woken(actions)], [2])
    assert.strictEqual(hub.take(2)[0], "over")
    assert.deepStrictEqual(drain(hub, 1), ["a2"])
    assert.strictEqual(hub.take(1)[0], "over")
  })

  it("G181: a topic's hub keeps nothing of a subscriber that has left", () => {
    const hub = hubOf(1)
    for (let id = 0; id < 100; id++) hub.subscribe(id, id % 2 === 0 ? null : [`k${id}`], "block", 0)
    for (let id = 0; id < 100; id++) hub.leave(id)
    assert.deepStrictEqual(hub.statistics, { subscribers: 0, publishersWaiting: 0, kept: 0 })
    assert.deepStrictEqual(published(hub.publish(1000, messages("k1", "k2"))), [1000])
  })
})
