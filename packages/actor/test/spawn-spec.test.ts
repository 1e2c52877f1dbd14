/** The words of a parent to a new actor as bytes, and the actor's answer. */
import { assert, describe, it } from "@effect/vitest"
import { concealed, readyCodec, type SpawnSpec, specCodec } from "@furrow/actor/internal/spawn/SpawnSpec"
import * as Envelope from "@furrow/protocol/Envelope"

const id = { name: "frank", uuid: "9e8d", pid: 4700 }
const portable = { module: "file:///tls.js", key: "tls", settings: "{\"host\":\"a\"}" }

const spec = {
  actor: id,
  ancestors: [id],
  expose: [{ module: "file:///work.js", name: "double" }],
  service: {
    module: "file:///web.js",
    key: "Web",
    config: Uint8Array.of(1, 2, 3),
    uses: [
      { key: "Counter", actor: id, ref: { actor: id, path: ["9e8d"], service: "Counter", exposed: [] } },
      { key: "Here", actor: id, ref: null }
    ]
  },
  level: "Info",
  timeouts: {
    spawn: 10_000,
    cancel: 5_000,
    cancelAck: 500.5,
    finalizers: 5_000,
    terminate: 500,
    explain: 100,
    logs: 100,
    connect: 5_000,
    handshake: 5_000,
    silence: 10_000,
    idle: 300_000
  },
  platform: {
    tree: "tree",
    run: "/run/furrow",
    secret: Uint8Array.from({ length: 32 }, (_, i) => i * 8),
    transports: [portable],
    spawner: portable,
    ambient: [portable],
    observe: "look",
    graves: null
  }
} satisfies SpawnSpec

type Path = ReadonlyArray<string | number>

/** Every field, and every item of a list. */
const places = (value: unknown, at: Path = []): ReadonlyArray<Path> =>
  typeof value !== "object" || value === null || value instanceof Uint8Array
    ? [at]
    : [at, ...Object.entries(value).flatMap(([key, part]) => places(part, [...at, Array.isArray(value) ? +key : key]))]

const replaced = (value: unknown, [first, ...rest]: Path, by: unknown): unknown => {
  if (first === undefined) return by
  const part = replaced((value as Record<string | number, unknown>)[first], rest, by)
  return Array.isArray(value) ? value.with(first as number, part) : { ...value as object, [first]: part }
}

const textOf = (at: Path): string => at.map((key) => typeof key === "number" ? `[${key}]` : `.${key}`).join("")

/** Bytes of anything, as a peer that is not this package could send them. */
const anything = Envelope.plainCodec<unknown>(() => undefined)

const bytesOf = (value: unknown): Uint8Array => {
  const encoded = anything.encode(value)
  assert.isTrue(encoded.ok)
  return encoded.ok ? encoded.value : new Uint8Array()
}

const issueOf = (result: { readonly ok: boolean; readonly issue?: string }) => result.ok ? undefined : result.issue

describe("A parent sends one message to a new actor", () => {
  it("the first message of a parent to a new actor arrives unchanged, and contains the secret of the tree", () => {
    const encoded = specCodec.encode({ ...spec, platform: concealed(spec.platform) })
    assert.isTrue(encoded.ok)
    if (!encoded.ok) return
    const decoded = specCodec.decode(encoded.value)
    assert.deepStrictEqual(decoded, { ok: true, value: spec })
    if (!decoded.ok) return
    // A view would keep the whole frame for as long as it lives.
    const { platform, service } = decoded.value
    assert.deepStrictEqual([platform.secret, service?.config].map((bytes) => bytes?.buffer.byteLength), [32, 3])
  })

  it("a wrong field in the message of a parent is refused by both ends, and the issue names the path of the field", () => {
    for (const at of places(spec)) {
      const wrong = replaced(spec, at, true)
      const place = `Spawn${textOf(at)} is not `
      assert.include(issueOf(specCodec.decode(bytesOf(wrong))) ?? "accepted", place)
      if (at.length > 1) assert.include(issueOf(specCodec.encode(wrong)) ?? "accepted", place)
    }
  })

  it("the message of a parent to a new actor is not sent with an infinite timeout", () => {
    const endless = { ...spec, timeouts: { ...spec.timeouts, spawn: Infinity } }
    assert.strictEqual(issueOf(specCodec.encode(endless)), "Spawn.timeouts.spawn is not a finite number")
  })

  it("the message of a parent to a new actor is refused if it is no plain data, or is cut off", () => {
    const encoded = specCodec.encode(spec)
    const whole = encoded.ok ? encoded.value : new Uint8Array()
    for (const bytes of [new Uint8Array(), whole.subarray(0, -1), Uint8Array.of(0xc1)]) {
      assert.isString(issueOf(specCodec.decode(bytes)))
    }
  })
})

describe("A new actor answers the message of its parent", () => {
  it("the answer of a new actor to its parent lists its endpoints, and is refused if a listed name is no text", () => {
    const encoded = readyCodec.encode({ endpoints: ["double"] })
    assert.deepStrictEqual(encoded.ok && readyCodec.decode(encoded.value), {
      ok: true,
      value: { endpoints: ["double"] }
    })
    assert.strictEqual(issueOf(readyCodec.decode(bytesOf({ endpoints: [1] }))), "Ready.endpoints[0] is not a text")
  })
})
