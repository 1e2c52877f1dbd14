import { assert, describe, it } from "@effect/vitest"
import * as Failure from "@furrow/protocol/Failure"
import * as Payload from "@furrow/protocol/Payload"
import { Schema } from "effect"

const { decode, encode } = Payload.codec(Failure.Failure)
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
  { _tag: "Fail", error: Uint8Array.of(1, 2, 3), boxed, others: [boxed, boxed] },
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
  const encoded = encode(failure)
  assert(encoded.ok)
  const decoded = decode(encoded.value)
  assert(decoded.ok)
  return decoded.value
}

describe("Failure", () => {
  for (const failure of failures) {
    it(`${failure._tag} crosses whole`, () => assert.deepStrictEqual(cross(failure), failure))
  }

  it("own properties and parts cross with it, and a failure without these fields is read as well", () => {
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

  it("every kind of failure is tried above", () => {
    const known = Failure.Failure.members.map((member) => member.fields._tag.schema.literal)
    assert.deepStrictEqual(failures.map(({ _tag }) => _tag), known)
  })

  it("a chain of causes crosses at any length that occurs", () => {
    let chain = boxed
    for (let i = 0; i < 100; i++) chain = { ...boxed, cause: chain }
    assert.deepStrictEqual(cross({ _tag: "Defect", boxed: chain, others: [], ending: false }), {
      _tag: "Defect",
      ending: false,
      boxed: chain,
      others: []
    })
  })

  it("text that is no failure is refused", () => {
    assert.isFalse(encode({ _tag: "Oops" }).ok)
    assert.isFalse(decode(Uint8Array.of(1, 2, 3)).ok)
  })

  it("a failure is an ordinary schema", () => assert.isTrue(Schema.is(Failure.Failure)(failures[0])))
})
