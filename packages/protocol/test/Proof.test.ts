/**
 * The handshake where the tree has a secret, and everybody who would like to be taken for a member of it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Handshake from "@furrow/protocol/Handshake"
import type * as Message from "@furrow/protocol/Message"
import { Arbitrary, Schema } from "effect"
import * as Crypto from "node:crypto"

const version = { major: 1, minor: 0 }
const bytes = (fill: number, size = 32) => new Uint8Array(size).fill(fill)
const ours = bytes(0xaa)
const foreign = bytes(0xbb)

const hmac = (secret: Uint8Array, data: Uint8Array): Uint8Array =>
  Uint8Array.from(Crypto.createHmac("sha256", secret).update(data).digest())

let fresh = 0
/** A nonce no other connection has; what matters here is that it is another one, not that nobody guesses it. */
const nonce = (): Uint8Array => {
  const next = bytes(0)
  new DataView(next.buffer).setUint32(0, ++fresh)
  return next
}
const auth = (secret: Uint8Array, own = nonce()): Handshake.Authenticator => ({
  nonce: own,
  mac: (data) => hmac(secret, data)
})

type Dialler = Extract<Handshake.Config, { side: "dialler" }>
type Acceptor = Extract<Handshake.Config, { side: "acceptor" }>

const dialler = (secret: Uint8Array | undefined, more: Partial<Dialler> = {}): Dialler => ({
  side: "dialler",
  hello: {
    _tag: "Hello",
    version,
    capabilities: [],
    actor: { name: "d", uuid: "uuid-d", pid: 1 },
    role: "peer",
    maxFrame: 100,
    nonce: null
  },
  auth: secret && auth(secret),
  ...more
})
const acceptor = (secret: Uint8Array | undefined, more: Partial<Acceptor> = {}): Acceptor => ({
  side: "acceptor",
  welcome: {
    _tag: "Welcome",
    version,
    capabilities: [],
    actor: { name: "a", uuid: "uuid-a", pid: 2 },
    maxFrame: 100,
    proof: null
  },
  judge: () => undefined,
  auth: secret && auth(secret),
  ...more
})

/** One side, and all it said. */
class Side {
  readonly config: Handshake.Config
  state: Handshake.State
  readonly said: Array<Message.Message> = []

  constructor(config: Handshake.Config) {
    this.config = config
    const [state, actions] = Handshake.start(config)
    this.state = state
    this.said.push(...actions.map(({ message }) => message))
  }

  /** What it answers. */
  hear(word: Message.Message): ReadonlyArray<Message.Message> {
    const [state, actions] = Handshake.step(this.config, this.state, word)
    this.state = state
    const answer = actions.map(({ message }) => message)
    this.said.push(...answer)
    return answer
  }

  get last(): Message.Message {
    return this.said.at(-1)!
  }

  get end(): string {
    return this.state._tag === "Refused" ? `Refused by ${this.state.by}: ${this.state.refusal.reason}` : this.state._tag
  }
}

/** Both sides until nobody has anything to say; whoever carries the words may change them. */
const converse = (
  from: Handshake.Config,
  to: Handshake.Config,
  carry: (word: Message.Message) => Message.Message = (word) => word
) => {
  const d = new Side(from)
  const a = new Side(to)
  let towardsAcceptor: ReadonlyArray<Message.Message> = [...d.said]
  while (towardsAcceptor.length > 0) {
    const answers = towardsAcceptor.flatMap((word) => a.hear(carry(word)))
    towardsAcceptor = answers.flatMap((word) => d.hear(carry(word)))
  }
  return { d, a, said: [d.said, a.said].map((words) => words.map(({ _tag }) => _tag).join(" ")) }
}

const find = <T extends Message.Message["_tag"]>(side: Side, tag: T) =>
  side.said.find((word): word is Extract<Message.Message, { _tag: T }> => word._tag === tag)!
const proofBy = (side: "dialler" | "acceptor", secret: Uint8Array, hello: Message.Hello, asked: Message.Challenge) =>
  hmac(secret, Handshake.transcript(side, { dialler: hello.nonce!, acceptor: asked.nonce }, hello, asked.uuid))

const no = (reason: Message.RefuseReason) => (): Handshake.Refusal => ({ reason, detail: "no" })
const newer = { ...dialler(ours).hello, version: { major: 2, minor: 0 } }
const shortNonce = (size: number) => auth(ours, bytes(1, size))

const rows: ReadonlyArray<
  readonly [
    title: string,
    from: Dialler,
    to: Acceptor,
    ends: readonly [dialler: string, acceptor: string],
    said: readonly [dialler: string, acceptor: string]
  ]
> = [
  ["both hold the secret", dialler(ours), acceptor(ours), ["Open", "Open"], ["Hello Proof", "Challenge Welcome"]],
  ["the dialler holds none", dialler(undefined), acceptor(ours), ["Refused by peer: proof", "Refused by us: proof"], [
    "Hello",
    "Refuse"
  ]],
  ["the dialler holds another", dialler(foreign), acceptor(ours), ["Refused by peer: proof", "Refused by us: proof"], [
    "Hello Proof",
    "Challenge Refuse"
  ]],
  ["the acceptor holds none", dialler(ours), acceptor(undefined), ["Refused by us: proof", "Open"], [
    "Hello",
    "Welcome"
  ]],
  [
    "the dialler speaks another major version, which comes first",
    dialler(undefined, { hello: newer }),
    acceptor(ours),
    [
      "Refused by peer: version",
      "Refused by us: version"
    ],
    ["Hello", "Refuse"]
  ],
  ["the dialler's nonce is a byte short", dialler(ours, { auth: shortNonce(31) }), acceptor(ours), [
    "Refused by peer: proof",
    "Refused by us: proof"
  ], ["Hello", "Refuse"]],
  ["the dialler's nonce is empty", dialler(ours, { auth: shortNonce(0) }), acceptor(ours), [
    "Refused by peer: proof",
    "Refused by us: proof"
  ], ["Hello", "Refuse"]],
  ["the acceptor's nonce is a byte long", dialler(ours), acceptor(ours, { auth: shortNonce(33) }), [
    "Refused by us: proof",
    "Challenging"
  ], ["Hello", "Challenge"]],
  ["the judge refuses who has proven itself", dialler(ours), acceptor(ours, { judge: no("duplicate") }), [
    "Refused by peer: duplicate",
    "Refused by us: duplicate"
  ], ["Hello Proof", "Challenge Refuse"]],
  ["the actor that was meant answers", dialler(ours, { to: "uuid-a" }), acceptor(ours), ["Open", "Open"], [
    "Hello Proof",
    "Challenge Welcome"
  ]],
  ["another actor answers: it gets no proof", dialler(ours, { to: "uuid-b" }), acceptor(ours), [
    "Refused by us: identity",
    "Challenging"
  ], ["Hello", "Challenge"]],
  ["the dialler expected something else", dialler(ours, { expect: no("identity") }), acceptor(ours), [
    "Refused by us: identity",
    "Open"
  ], ["Hello Proof", "Challenge Welcome"]]
]

describe("Both sides of a handshake prove that they know the secret of the tree", () => {
  for (const [title, from, to, ends, said] of rows) {
    it(`the dialler of a handshake opens the connection only if both sides hold the same secret (where ${title}: ${ends.join(", ")})`, () => {
      const talk = converse(from, to)
      assert.deepStrictEqual([talk.d.end, talk.a.end], [...ends])
      assert.deepStrictEqual(talk.said, [...said])
    })
  }

  it("a refusal because of the secret says which side has to change its settings, and shows neither secret, mac nor nonce", () => {
    const { a } = converse(dialler(foreign), acceptor(ours))
    assert.deepStrictEqual(a.last, {
      _tag: "Refuse",
      reason: "proof",
      detail: "the dialler's proof is wrong: both sides must hold the secret of one tree"
    })
    assert.deepStrictEqual(converse(dialler(undefined), acceptor(ours)).a.last, {
      _tag: "Refuse",
      reason: "proof",
      detail: "the acceptor asks for proof of its tree's secret, and the dialler has none: " +
        "dial it from an actor of its tree"
    })
  })

  it("a dialler that refuses the acceptor's proof tells its own program of the refusal, and names the setting that must be equal on both sides", () => {
    const forge = (word: Message.Message) => word._tag === "Welcome" ? { ...word, proof: bytes(9) } : word
    const { d: { state } } = converse(dialler(ours), acceptor(ours), forge)
    assert.deepStrictEqual(state._tag === "Refused" ? [state.by, state.refusal] : state._tag, ["us", {
      reason: "proof",
      detail: "the acceptor's proof is wrong: both sides must hold the secret of one tree"
    }])
  })

  const orders: ReadonlyArray<readonly [string, () => Side, ReadonlyArray<string>, string]> = [
    ["an acceptor that hears Proof first", () => new Side(acceptor(ours)), ["Proof"], "Violated"],
    ["an acceptor that is greeted twice", () => new Side(acceptor(ours)), ["Hello", "Hello"], "Violated"],
    [
      "an acceptor that hears a Welcome instead of Proof",
      () => new Side(acceptor(ours)),
      ["Hello", "Welcome"],
      "Violated"
    ],
    [
      "an acceptor that hears other words instead of Proof",
      () => new Side(acceptor(ours)),
      ["Hello", "Ping"],
      "Violated"
    ],
    ["an acceptor that is refused", () => new Side(acceptor(ours)), ["Hello", "Refuse"], "Violated"],
    ["a dialler that is challenged twice", () => new Side(dialler(ours)), ["Challenge", "Challenge"], "Violated"],
    ["a dialler that hears a Proof", () => new Side(dialler(ours)), ["Challenge", "Proof"], "Violated"],
    [
      "a dialler that hears other words before Welcome",
      () => new Side(dialler(ours)),
      ["Challenge", "Ping"],
      "Violated"
    ],
    ["a dialler that is refused", () => new Side(dialler(ours)), ["Challenge", "Refuse"], "Refused by peer: busy"]
  ]
  const anyWord = (tag: string): Message.Message => {
    const { a, d } = converse(dialler(ours), acceptor(ours))
    if (tag === "Ping") return { _tag: "Ping", n: 1 }
    if (tag === "Refuse") return { _tag: "Refuse", reason: "busy", detail: "" }
    return [...d.said, ...a.said].find(({ _tag }) => _tag === tag)!
  }
  for (const [title, side, heard, end] of orders) {
    it(`${title}: ${end}`, () => {
      const one = side()
      for (const tag of heard) one.hear(anyWord(tag))
      assert.strictEqual(one.end, end)
    })
  }

  it("a Proof that comes after the connection is open is a violation", () => {
    const { a, d } = converse(dialler(ours), acceptor(ours))
    a.hear(find(d, "Proof"))
    assert.strictEqual(a.end, "Violated")
  })
})

describe("A tree with a secret refuses a stranger that attacks the handshake", () => {
  /** An acceptor that was greeted and has asked. */
  const asking = (hello: Message.Hello, more: Partial<Acceptor> = {}) => {
    const a = new Side(acceptor(ours, more))
    a.hear(hello)
    return { a, challenge: find(a, "Challenge") }
  }
  const honest = () => {
    const { a, d } = converse(dialler(ours), acceptor(ours))
    return {
      hello: find(d, "Hello"),
      proof: find(d, "Proof"),
      asked: find(a, "Challenge"),
      welcome: find(a, "Welcome")
    }
  }

  it("a stranger that repeats the proof of a member of the tree opens no second connection", () => {
    const { hello, proof } = honest()
    const { a } = asking(hello)
    a.hear(proof)
    assert.strictEqual(a.end, "Refused by us: proof")
  })

  it("a later dialler refuses the proof of an acceptor that a stranger repeats", () => {
    const { asked, welcome } = honest()
    const d = new Side(dialler(ours))
    d.hear(asked)
    d.hear(welcome)
    assert.strictEqual(d.end, "Refused by us: proof")
  })

  it("a dialler refuses its own proof and its own nonce when they are sent back to it", () => {
    const d = new Side(dialler(ours))
    d.hear({ _tag: "Challenge", uuid: "uuid-d", nonce: find(d, "Hello").nonce! })
    d.hear({ ...honest().welcome, actor: { name: "d", uuid: "uuid-d", pid: 1 }, proof: find(d, "Proof").proof })
    assert.strictEqual(d.end, "Refused by us: proof")
  })

  it("an acceptor refuses a proof from a dialler that was made for the role of the acceptor, even over the same nonces and actors", () => {
    const { hello } = honest()
    const { a, challenge } = asking(hello)
    a.hear({ _tag: "Proof", proof: proofBy("acceptor", ours, hello, challenge) })
    assert.strictEqual(a.end, "Refused by us: proof")
  })

  it("a proof that was made for one connection is refused on another connection that is open at the same time", () => {
    const d1 = new Side(dialler(ours))
    const d2 = new Side(dialler(ours))
    const one = asking(find(d1, "Hello"))
    const two = asking(find(d2, "Hello"))
    d1.hear(one.challenge)
    d2.hear(two.challenge)
    two.a.hear(d1.last)
    one.a.hear(d2.last)
    assert.deepStrictEqual([one.a.end, two.a.end], ["Refused by us: proof", "Refused by us: proof"])
  })

  it("an acceptor refuses the proof that a member made for another acceptor and that a stranger passes on", () => {
    const victim = acceptor(ours)
    const d = new Side(dialler(ours, { to: "uuid-dead" }))
    const { a, challenge } = asking(find(d, "Hello"), { welcome: victim.welcome })
    // The address of the dead is taken by a stranger, who passes the words on, truly or under the name of the dead.
    d.hear(challenge)
    assert.deepStrictEqual([d.end, d.last._tag], ["Refused by us: identity", "Hello"])
    const gullible = new Side(d.config)
    const second = asking(find(gullible, "Hello"))
    gullible.hear({ ...second.challenge, uuid: "uuid-dead" })
    second.a.hear(find(gullible, "Proof"))
    assert.deepStrictEqual([second.a.end, a.state._tag], ["Refused by us: proof", "Challenging"])
  })

  it("a proof with one changed bit, or of another length, is refused", () => {
    const hello = find(new Side(dialler(ours)), "Hello")
    const right = (asked: Message.Challenge) => proofBy("dialler", ours, hello, asked)
    const tried = (change: (proof: Uint8Array) => Uint8Array) => {
      const { a, challenge } = asking(hello)
      a.hear({ _tag: "Proof", proof: change(right(challenge)) })
      return a.end
    }
    for (let bit = 0; bit < 256; bit++) {
      const flipped = (proof: Uint8Array) => proof.map((byte, i) => i === bit >> 3 ? byte ^ 1 << (bit & 7) : byte)
      assert.strictEqual(tried(flipped), "Refused by us: proof", `bit ${bit}`)
    }
    for (let size = 0; size < 32; size++) {
      assert.strictEqual(tried((proof) => proof.subarray(0, size)), "Refused by us: proof", `${size} bytes`)
    }
    assert.strictEqual(tried((proof) => Uint8Array.of(...proof, 0)), "Refused by us: proof")
    assert.strictEqual(tried((proof) => proof), "Open")
  })

  it("a wrong proof is compared up to its last byte, whichever of its bytes is the first wrong byte", () => {
    const hello = find(new Side(dialler(ours)), "Hello")
    for (const wrong of [0, 15, 31]) {
      const { a, challenge } = asking(hello)
      const proof = proofBy("dialler", ours, hello, challenge)
      proof[wrong]! ^= 1
      const read = new Set<string>()
      const watched = new Proxy(proof, {
        get: (target, key) => {
          if (typeof key === "string" && /^\d+$/.test(key)) read.add(key)
          return Reflect.get(target, key, target) as unknown
        }
      })
      a.hear({ _tag: "Proof", proof: watched })
      assert.strictEqual(a.end, "Refused by us: proof")
      assert.strictEqual(read.size, 32)
    }
  })
})

// ---- any order, any change ----------------------------------------------------------------------------------------

const Fault = Schema.Literals(["none", "other secret", "own word back", "cut", "other nonces", "other actor"])
type Fault = typeof Fault.Type

/** The proof of `side`, or what somebody may take for it. */
const forge = (
  fault: Fault,
  side: "dialler" | "acceptor",
  hello: Message.Hello,
  asked: Message.Challenge
): Uint8Array => {
  switch (fault) {
    case "none":
      return proofBy(side, ours, hello, asked)
    case "other secret":
      return proofBy(side, foreign, hello, asked)
    case "own word back":
      return proofBy(side === "dialler" ? "acceptor" : "dialler", ours, hello, asked)
    case "cut":
      return proofBy(side, ours, hello, asked).subarray(0, 31)
    case "other nonces":
      return proofBy(side, ours, { ...hello, nonce: nonce() }, { ...asked, nonce: nonce() })
    case "other actor":
      return proofBy(side, ours, { ...hello, actor: { ...hello.actor, uuid: "uuid-x" } }, { ...asked, uuid: "uuid-x" })
  }
}

const noWord: Message.Challenge = { _tag: "Challenge", uuid: "uuid-a", nonce: bytes(9) }
const Word = Schema.Literals([
  "Hello",
  "Hello",
  "mute Hello",
  "Challenge",
  "Proof",
  "Proof",
  "Welcome",
  "Refuse",
  "Ping"
])
const Talk = Arbitrary.array(Arbitrary.all([Arbitrary.schema(Word), Arbitrary.schema(Fault)]), { maxLength: 7 })
const many = { arbitrary: { runs: 2000 } }

const word = (
  name: typeof Word.Type,
  fault: Fault,
  hello: Message.Hello,
  asked: Message.Challenge,
  welcome: Message.Welcome
): Message.Message => {
  switch (name) {
    case "Hello":
      return hello
    case "mute Hello":
      return { ...hello, nonce: null }
    case "Challenge":
      return fault === "cut" ? { ...asked, nonce: asked.nonce.subarray(1) } : asked
    case "Proof":
      return { _tag: "Proof", proof: forge(fault, "dialler", hello, asked) }
    case "Welcome":
      return { ...welcome, proof: fault === "own word back" ? null : forge(fault, "acceptor", hello, asked) }
    case "Refuse":
      return { _tag: "Refuse", reason: "busy", detail: "" }
    case "Ping":
      return { _tag: "Ping", n: 1 }
  }
}

describe("A handshake with a secret opens the connection only after the right proof, under any random events", () => {
  it.prop(
    "an acceptor with a secret opens a connection at most once, only after the right proof, and calls its function `judge` only after this proof",
    { talk: Talk },
    ({ talk }) => {
      let judged = 0
      let opened = 0
      const a = new Side(acceptor(ours, { judge: () => void judged++ }))
      const { hello, welcome } = { hello: new Side(dialler(ours)).said[0] as Message.Hello, ...acceptor(ours) }
      for (const [name, fault] of talk) {
        const before = a.state
        a.hear(word(name, fault, hello, find(a, "Challenge") ?? noWord, welcome))
        const entered = a.state._tag === "Open" && before._tag !== "Open"
        const earned = before._tag === "Challenging" && name === "Proof" && fault === "none"
        assert.strictEqual(entered, earned)
        if (entered) opened++
        assert.strictEqual(judged, opened)
        if (before._tag === "Refused" || before._tag === "Violated") assert.strictEqual(a.state, before)
      }
      assert.isAtMost(opened, 1)
      assert.match(a.said.map(({ _tag }) => _tag).join(" "), /^(|Challenge|Refuse|Challenge Welcome|Challenge Refuse)$/)
    },
    many
  )

  it.prop(
    "a dialler with a secret opens its connection at most once, only to an acceptor that has answered its nonce by the secret",
    { talk: Talk },
    ({ talk }) => {
      let asked = 0
      let opened = 0
      const d = new Side(dialler(ours, { expect: () => void asked++ }))
      const hello = find(d, "Hello")
      const challenge = { ...noWord, nonce: nonce() }
      const { welcome } = acceptor(ours)
      for (const [name, fault] of talk) {
        const before = d.state
        d.hear(word(name, fault, hello, challenge, welcome))
        const entered = d.state._tag === "Open" && before._tag !== "Open"
        const earned = before._tag === "Proving" && name === "Welcome" && fault === "none"
        assert.strictEqual(entered, earned)
        if (entered) opened++
        assert.strictEqual(asked, opened)
        if (before._tag === "Refused" || before._tag === "Violated") assert.strictEqual(d.state, before)
      }
      assert.isAtMost(opened, 1)
      assert.match(d.said.map(({ _tag }) => _tag).join(" "), /^Hello( Proof)?$/)
    },
    many
  )

  const Secret = Schema.Literals(["none", "ours", "foreign"])
  const secrets = { none: undefined, ours, foreign }
  it.prop(
    "a side that holds a secret opens its connection only to a side with the same secret",
    { from: Secret, to: Secret },
    ({ from, to }) => {
      const { a, d } = converse(dialler(secrets[from]), acceptor(secrets[to]))
      assert.strictEqual(d.state._tag === "Open", from === to)
      assert.strictEqual(a.state._tag === "Open", from === to || to === "none")
    }
  )

  const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 31 }))
  it.prop(
    "a changed nonce, proof, actor or role in the words between two members keeps their connection closed",
    {
      what: Schema.Literals(["dialler's nonce", "acceptor's nonce", "dialler", "role", "asker", "acceptor", "proof"]),
      at: Byte
    },
    ({ at, what }) => {
      const bent = (b: Uint8Array) => b.map((byte, i) => i === at ? byte ^ 1 : byte)
      const actor = { name: "x", uuid: "uuid-x", pid: 3 }
      let changed = 0
      const change = (word: Message.Message): Message.Message => {
        const next = carry(word)
        if (next !== word) changed++
        return next
      }
      const carry = (word: Message.Message): Message.Message => {
        if (word._tag === "Hello" && what === "dialler's nonce") return { ...word, nonce: bent(word.nonce!) }
        if (word._tag === "Hello" && what === "dialler") return { ...word, actor }
        if (word._tag === "Hello" && what === "role") return { ...word, role: "child" }
        if (word._tag === "Challenge" && what === "acceptor's nonce") return { ...word, nonce: bent(word.nonce) }
        if (word._tag === "Challenge" && what === "asker") return { ...word, uuid: "uuid-x" }
        if (word._tag === "Welcome" && what === "acceptor") return { ...word, actor }
        if (word._tag === "Proof" && what === "proof") return { ...word, proof: bent(word.proof) }
        return word
      }
      const { a, d } = converse(dialler(ours), acceptor(ours), change)
      assert.strictEqual(changed, 1)
      assert.notStrictEqual(d.state._tag, "Open")
      if (what !== "acceptor") assert.notStrictEqual(a.state._tag, "Open")
    }
  )

  const Text = Schema.String.check(Schema.makeFilter((s: string) => s.isWellFormed()))
  const Part = Schema.Struct({
    nonces: Schema.Struct({ dialler: Schema.Uint8Array, acceptor: Schema.Uint8Array }),
    hello: Schema.Struct({ uuid: Text, role: Schema.Literals(["child", "peer", "probe"]) }),
    acceptor: Text
  })
  const transcript = (side: "dialler" | "acceptor", { acceptor, hello, nonces }: typeof Part.Type) =>
    Handshake.transcript(
      side,
      nonces,
      { actor: { name: "", uuid: hello.uuid, pid: 0 }, role: hello.role },
      acceptor
    )

  it.prop(
    "two handshakes with different nonces, actors, roles or bindings make their proofs over different bytes",
    { part: Arbitrary.schema(Part), side: Schema.Literals(["dialler", "acceptor"]) },
    ({ part, side }) => {
      const written = transcript(side, part)
      const view = new DataView(written.buffer)
      const parts: Array<Uint8Array> = []
      let at = 0
      while (at < written.length) {
        const size = view.getUint32(at, true)
        parts.push(written.subarray(at + 4, at + 4 + size))
        at += 4 + size
      }
      assert.strictEqual(at, written.length)
      const text = new TextDecoder("utf-8", { ignoreBOM: true })
      assert.deepStrictEqual(
        parts.map((part, i) => i === 1 || i === 2 ? [...part] : text.decode(part)),
        [
          `furrow ${side} 1`,
          [...part.nonces.dialler],
          [...part.nonces.acceptor],
          part.hello.uuid,
          part.hello.role,
          part.acceptor
        ]
      )
    }
  )
})
