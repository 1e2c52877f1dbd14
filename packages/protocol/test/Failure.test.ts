import { assert, describe, it } from "@effect/vitest"
import * as Failure from "@furrow/protocol/Failure"
import * as Payload from "@furrow/protocol/Payload"
import { Arbitrary, Schema } from "effect"

const root = { name: "root", uuid: "r", pid: 1 }
const worker = { name: "worker", uuid: "w", pid: 2 }
const boxed: Failure.Boxed = {
  type: "TypeError",
  message: "x is not a function",
  stack: "TypeError: x is not a function\n    at f (a.ts:1:2)",
  cause: { type: "Error", message: "below", stack: "", cause: null, origin: worker, path: [] },
  origin: worker,
  path: [worker, root]
}

const failures: ReadonlyArray<Failure.Failure> = [
  { _tag: "Fail", error: Uint8Array.of(1, 2, 3), type: "Odd", message: "1 is odd", others: [boxed, boxed] },
  { _tag: "Defect", boxed, others: [], ending: false },
  { _tag: "Cancelled", by: root, reason: "timeout", actor: worker, path: [worker], others: [boxed], ending: true },
  { _tag: "EndpointUnknown", endpoint: "isPrime", exposed: ["count", "chat"] },
  { _tag: "Busy", limit: 10_000 },
  { _tag: "ContractMismatch", endpoint: "isPrime", representation: "{}" },
  { _tag: "PayloadInvalid", part: "payload", issue: `Expected an integer\n  at ["n"]` },
  { _tag: "SpawnFailed", step: "import", boxed },
  { _tag: "CleanupFailed", boxed },
  { _tag: "BackgroundFailed", boxed },
  { _tag: "Lost", actor: worker, how: { _tag: "Signalled", signal: "SIGKILL" }, began: "no" }
]

const cross = (failure: Failure.Failure): unknown => {
  const decoded = Failure.decode(Failure.encode(failure))
  assert(decoded.ok)
  return decoded.value
}

const text = Schema.Union([Schema.Literals(["", "interrupted", "é", "x".repeat(255), "x".repeat(256)]), Schema.String])
/** Half a surrogate pair is no text that could cross, and -0 is no pid. */
const wellFormed = <A>(value: A): A =>
  typeof value === "string"
    ? value.toWellFormed() as A
    : typeof value === "number"
    ? value + 0 as A
    : typeof value === "object" && value !== null && !(value instanceof Uint8Array)
    ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, wellFormed(inner)])) as A
    : value
const actorId = Schema.Struct({ name: text, uuid: text, pid: Schema.Int })
const boxes = Schema.Literals([0, 1])
const own = Arbitrary.map(
  Arbitrary.schema(Schema.Struct({ error: Schema.Uint8Array, type: text, message: text, others: boxes })),
  ({ others, ...rest }): Failure.Failure => (
    { _tag: "Fail", ...wellFormed(rest), others: others === 0 ? [] : [boxed] }
  )
)
const cancelled = Arbitrary.map(
  Arbitrary.schema(
    Schema.Struct({ by: actorId, reason: text, actor: actorId, path: boxes, others: boxes, ending: Schema.Boolean })
  ),
  ({ others, path, ...rest }): Failure.Failure => ({
    _tag: "Cancelled",
    ...wellFormed(rest),
    path: path === 0 ? [] : [worker],
    others: others === 0 ? [] : [boxed]
  })
)

describe("The encoding of failures", () => {
  for (const failure of failures) {
    it(`each kind of failure (here ${failure._tag}) is decoded to the value that was encoded`, () =>
      assert.deepStrictEqual(cross(failure), failure))
  }

  it("the own properties and the inner errors of an error cross in its failure, and a failure without these fields is decoded as well", () => {
    const full = { ...boxed, properties: { code: "ENOENT", at: [1, { deep: null }] }, parts: [boxed, boxed] }
    const failure = { _tag: "Defect", boxed: full, others: [full], ending: false } as const
    assert.deepStrictEqual(cross(failure), failure)

    const Earlier: Schema.Codec<Failure.Boxed> = Schema.Struct({
      type: Schema.String,
      message: Schema.String,
      stack: Schema.String,
      cause: Schema.NullOr(Schema.suspend((): Schema.Codec<Failure.Boxed> => Earlier)),
      origin: Failure.ActorId,
      path: Schema.Array(Failure.ActorId)
    })
    const earlier = Payload.codec(Earlier).encode(boxed)
    assert(earlier.ok)
    const read = Payload.codec(Failure.Boxed).decode(earlier.value)
    assert.deepStrictEqual(read, { ok: true, value: boxed })
  })

  it("every kind of failure has a test that encodes and decodes it", () => {
    const known = Failure.Failure.members.map((member) => member.fields._tag.schema.literal)
    assert.deepStrictEqual(failures.map(({ _tag }) => _tag), known)
  })

  it("a failure with a long chain of causes is decoded as it was encoded", () => {
    let chain = boxed
    for (let i = 0; i < 100; i++) chain = { ...boxed, cause: chain }
    assert.deepStrictEqual(cross({ _tag: "Defect", boxed: chain, others: [], ending: false }), {
      _tag: "Defect",
      ending: false,
      boxed: chain,
      others: []
    })
  })

  it.prop(
    "an endpoint's own error and a cancellation are decoded as they were encoded, whatever they contain",
    { own, cancelled },
    ({ cancelled, own }) => {
      assert.deepStrictEqual(cross(own), own)
      assert.deepStrictEqual(cross(cancelled), cancelled)
    }
  )

  it.prop("cut-off bytes of a failure are refused, or are decoded to another error of the endpoint", {
    own,
    cancelled
  }, ({ cancelled, own }) => {
    for (const failure of [own, cancelled]) {
      const bytes = Failure.encode(failure)
      for (let at = 0; at < bytes.length; at += 7) {
        const decoded = Failure.decode(bytes.subarray(0, at))
        if (decoded.ok) assert.strictEqual(decoded.value._tag, "Fail")
      }
    }
  })

  it.prop(
    "the bytes of a failure show an endpoint's own error, and whether a cancellation is plain, without being decoded",
    { own, cancelled },
    ({ cancelled, own }) => {
      const error = Failure.ownError(Failure.encode(own))
      assert(own._tag === "Fail")
      if (own.others.length > 0) assert.isUndefined(error)
      else if (error !== undefined) assert.deepStrictEqual(new Uint8Array(error), own.error)
      assert.isUndefined(Failure.ownError(Failure.encode(cancelled)))
      assert(cancelled._tag === "Cancelled")
      if (Failure.isPlainCancellation(Failure.encode(cancelled))) assert.lengthOf(cancelled.others, 0)
      assert.isFalse(Failure.isPlainCancellation(Failure.encode(own)))
    }
  )

  it("an error and a cancellation without other failures have bytes that show it", () => {
    const error = Uint8Array.of(1, 2, 3)
    const fail = Failure.encode({ _tag: "Fail", error, type: "Odd", message: "1 is odd", others: [] })
    assert.deepStrictEqual(new Uint8Array(Failure.ownError(fail)!), error)
    for (let at = 0; at < fail.length - error.length; at++) assert.isUndefined(Failure.ownError(fail.subarray(0, at)))
    const plain = { _tag: "Cancelled", by: root, reason: "", actor: root, path: [], others: [], ending: true } as const
    assert.isTrue(Failure.isPlainCancellation(Failure.encode(plain)))
    assert.isFalse(Failure.isPlainCancellation(Failure.encode({ ...plain, others: [boxed] })))
  })

  it("bytes that encode no failure are refused", () => {
    for (const bytes of [[], [1], [1, 2, 3], [2, 0x83], [0, 1, 2, 3], [9, 9, 9]]) {
      assert.isFalse(Failure.decode(Uint8Array.from(bytes)).ok)
    }
  })

  it("the bytes of a failure show, without being decoded, whether the work of its call had begun", () => {
    const refusals = failures.filter((failure) => Failure.isRefusal(Failure.encode(failure))).map(({ _tag }) => _tag)
    assert.deepStrictEqual(refusals, ["EndpointUnknown", "Busy", "ContractMismatch", "PayloadInvalid", "Lost"])
    const asked = { _tag: "Cancelled", by: root, reason: "", actor: root, path: [], others: [], ending: true } as const
    assert.isFalse(Failure.isRefusal(Failure.encode(asked)))
    assert.isTrue(Failure.isRefusal(Failure.encode({ ...asked, began: "no" })))
  })

  it("the schema `Failure` is an ordinary schema of Effect, so `Schema.is` recognises a failure", () =>
    assert.isTrue(Schema.is(Failure.Failure)(failures[0])))
})

describe("The encoding of farewells", () => {
  const farewells: ReadonlyArray<readonly [what: string, farewell: Failure.Farewell]> = [
    ["a return", { how: { _tag: "Returned" }, cleanup: [] }],
    ["a return, with the last dialog that was read", { how: { _tag: "Returned" }, cleanup: [], taken: 0 }],
    ["a cancellation", { how: { _tag: "Cancelled", by: root, reason: "done" }, cleanup: [], taken: 70_000 }],
    ["a reason beyond ASCII", { how: { _tag: "Cancelled", by: root, reason: "fertig, größtenteils" }, cleanup: [] }],
    ["a failure", { how: { _tag: "Failed", boxed }, cleanup: [], taken: 1 }],
    ["a failed cleanup", { how: { _tag: "Returned" }, cleanup: [boxed, boxed] }]
  ]

  it.each(farewells)(
    "G224: each kind of farewell (here %s) is decoded to the value that was encoded",
    (_, farewell) => {
      const encoded = Failure.encodeFarewell(farewell)
      assert(encoded.ok)
      assert.deepStrictEqual(Failure.decodeFarewell(encoded.value), { ok: true, value: farewell })
    }
  )

  it.each(farewells)(
    "G224: the bytes of a farewell (here %s) are refused if they are cut off at any place",
    (_, farewell) => {
      const encoded = Failure.encodeFarewell(farewell)
      assert(encoded.ok)
      for (let size = 0; size < encoded.value.length; size++) {
        assert.isFalse(Failure.decodeFarewell(encoded.value.subarray(0, size)).ok, `${size} bytes of it`)
      }
    }
  )

  it("G224: a farewell in an unknown form is refused", () => {
    assert.isFalse(Failure.decodeFarewell(Uint8Array.of(9, 0)).ok)
  })
})
