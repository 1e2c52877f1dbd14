import { assert, describe, it } from "@effect/vitest"
import * as Handshake from "@furrow/protocol/Handshake"
import type * as Message from "@furrow/protocol/Message"
import { Arbitrary, Schema } from "effect"

const actor = (name: string): Message.ActorId => ({ name, uuid: name, pid: 1 })
const hello: Message.Hello = {
  _tag: "Hello",
  version: { major: 1, minor: 3 },
  capabilities: ["a", "b"],
  actor: actor("dialler"),
  role: "child",
  maxFrame: 1000,
  nonce: null
}
const welcome: Message.Welcome = {
  _tag: "Welcome",
  version: { major: 1, minor: 0 },
  capabilities: ["b", "c"],
  actor: actor("acceptor"),
  maxFrame: 500,
  proof: null
}
const refuse: Message.Refuse = { _tag: "Refuse", reason: "busy", detail: "try again" }
const ping: Message.Message = { _tag: "Ping", n: 1 }
const newer = { major: 2, minor: 0 }
const nonce = new Uint8Array(32).fill(1)
const challenge: Message.Challenge = { _tag: "Challenge", uuid: "acceptor", nonce }
const proof: Message.Proof = { _tag: "Proof", proof: nonce }
const stranger = (): Handshake.Refusal => ({ reason: "identity", detail: "another one was meant" })

const dialler: Handshake.Config = { side: "dialler", hello }
const acceptor = (judge: (hello: Message.Hello) => Handshake.Refusal | undefined = () => undefined) =>
  ({ side: "acceptor", welcome, judge }) satisfies Handshake.Config

const play = (config: Handshake.Config, words: ReadonlyArray<Message.Message>) => {
  let [state, actions] = Handshake.start(config)
  const sent = actions.map(({ message }) => message)
  for (const word of words) {
    ;[state, actions] = Handshake.step(config, state, word)
    sent.push(...actions.map(({ message }) => message))
  }
  return { state, sent }
}
const outline = (config: Handshake.Config, words: ReadonlyArray<Message.Message>) => {
  const { sent, state } = play(config, words)
  return [state._tag, ...sent.map(({ _tag }) => _tag)]
}

const proofless = (): Handshake.Refusal => ({ reason: "proof", detail: "no proof" })

const rows: ReadonlyArray<
  readonly [
    title: string,
    config: Handshake.Config,
    words: ReadonlyArray<Message.Message>,
    outline: ReadonlyArray<string>
  ]
> = [
  ["a dialler greets first", dialler, [], ["Greeting", "Hello"]],
  ["a dialler is let in", dialler, [welcome], ["Open", "Hello"]],
  ["a dialler is refused", dialler, [refuse], ["Refused", "Hello"]],
  ["a dialler does not stay with another major version, and says no word it may not say", dialler, [
    { ...welcome, version: newer }
  ], ["Refused", "Hello"]],
  ["a dialler that hears another word first", dialler, [ping], ["Violated", "Hello"]],
  ["a dialler that hears a Hello", dialler, [hello], ["Violated", "Hello"]],
  ["a dialler that is welcomed twice", dialler, [welcome, welcome], ["Violated", "Hello"]],
  ["a dialler that is refused after it was let in", dialler, [welcome, refuse], ["Violated", "Hello"]],
  ["a dialler leaves other words to the connection once it is open", dialler, [welcome, ping], ["Open", "Hello"]],
  ["an acceptor waits", acceptor(), [], ["Listening"]],
  ["an acceptor lets in", acceptor(), [hello], ["Open", "Welcome"]],
  ["an acceptor refuses by its judge", acceptor(proofless), [hello], ["Refused", "Refuse"]],
  ["an acceptor refuses another major version before it asks its judge", acceptor(proofless), [
    { ...hello, version: newer }
  ], ["Refused", "Refuse"]],
  ["an acceptor that hears another word first", acceptor(), [ping], ["Violated"]],
  ["an acceptor that hears a Welcome", acceptor(), [welcome], ["Violated"]],
  ["an acceptor that is greeted twice", acceptor(), [hello, hello], ["Violated", "Welcome"]],
  ["an acceptor leaves other words to the connection once it is open", acceptor(), [hello, ping], ["Open", "Welcome"]],
  ["a dialler that holds no secret is asked for proof", dialler, [challenge], ["Refused", "Hello"]],
  ["a dialler that hears a Proof", dialler, [proof], ["Violated", "Hello"]],
  ["a dialler that is asked for proof after it was let in", dialler, [welcome, challenge], ["Violated", "Hello"]],
  ["a dialler reaches the actor it meant", { ...dialler, to: "acceptor" }, [welcome], ["Open", "Hello"]],
  ["a dialler leaves where another actor answers", { ...dialler, to: "other" }, [welcome], ["Refused", "Hello"]],
  ["a dialler leaves where it expected something else", { ...dialler, expect: stranger }, [welcome], [
    "Refused",
    "Hello"
  ]],
  ["an acceptor that holds no secret lets in whoever has one", acceptor(), [{ ...hello, nonce }], ["Open", "Welcome"]],
  ["an acceptor that hears a Proof before it asked", acceptor(), [proof], ["Violated"]],
  ["an acceptor that hears a Proof it did not ask for", acceptor(), [hello, proof], ["Violated", "Welcome"]],
  ["an acceptor that hears a Challenge", acceptor(), [challenge], ["Violated"]],
  ["what was refused stays refused", acceptor(proofless), [hello, hello, ping], ["Refused", "Refuse"]],
  ["what was violated stays violated", dialler, [ping, welcome], ["Violated", "Hello"]]
]

describe("A handshake without a secret opens the connection, or ends as a refusal or a violation", () => {
  for (const [title, config, words, expected] of rows) {
    it(`each case of a handshake ends in the expected state after the expected words (where ${title}: ${expected.join(", ")})`, () =>
      assert.deepStrictEqual(outline(config, words), expected))
  }

  it("both sides of a handshake agree on the smaller of their frame limits, and on the capabilities that both have", () => {
    const ours = play(dialler, [welcome]).state
    const theirs = play(acceptor(), [hello]).state
    assert.deepStrictEqual(ours, {
      _tag: "Open",
      peer: { actor: actor("acceptor"), version: { major: 1, minor: 0 }, capabilities: ["b"], maxFrame: 500 }
    })
    assert.deepStrictEqual(theirs, {
      _tag: "Open",
      peer: { actor: actor("dialler"), version: { major: 1, minor: 3 }, capabilities: ["b"], maxFrame: 500 }
    })
  })

  it("an acceptor refuses another major version of the protocol before it checks anything else, and names both versions and a remedy", () => {
    const { sent } = play(acceptor(proofless), [{ ...hello, version: newer }])
    assert.deepStrictEqual(sent, [{
      _tag: "Refuse",
      reason: "version",
      detail: "this side speaks protocol 1.0, the peer 2.0: run both on the same major version of Furrow"
    }])
  })

  it("a violation in the handshake names the wrong word and the state of the handshake", () => {
    assert.deepStrictEqual(play(acceptor(), [ping]).state, {
      _tag: "Violated",
      violation: { _tag: "HandshakeOrder", word: "Ping", state: "Listening" }
    })
  })

  it("a dialler without the secret of the tree is told that it lacks this secret, and that it has to dial from an actor of the tree", () => {
    const { state } = play(dialler, [challenge])
    assert.deepStrictEqual(state, {
      _tag: "Refused",
      by: "us",
      refusal: {
        reason: "proof",
        detail: "the acceptor asks for proof of its tree's secret, and this side has no secret: " +
          "dial it from an actor of its tree"
      }
    })
  })

  it("a handshake without a secret sends no nonce and no proof, whatever the Hello contains", () => {
    assert.deepStrictEqual(play({ ...dialler, hello: { ...hello, nonce } }, []).sent, [hello])
    assert.deepStrictEqual(play({ ...acceptor(), welcome: { ...welcome, proof: nonce } }, [hello]).sent, [welcome])
  })

  const wordsByName = { hello, welcome, refuse, ping, challenge, proof, newer: { ...welcome, version: newer } } as const
  const Word = Schema.Literals(["hello", "welcome", "refuse", "ping", "challenge", "proof", "newer"])

  it.prop(
    "each side of a handshake greets at most once, says only allowed words, and stays in its final state, whatever words come",
    {
      side: Schema.Literals(["dialler", "acceptor", "judge"]),
      heard: Arbitrary.array(Arbitrary.schema(Word), { maxLength: 6 })
    },
    ({ heard, side }) => {
      const config = side === "dialler" ? dialler : acceptor(side === "judge" ? proofless : undefined)
      const said = play(config, []).sent.map(({ _tag }) => _tag as string)
      let [state] = Handshake.start(config)
      for (const name of heard) {
        const before = state
        const [next, actions] = Handshake.step(config, before, wordsByName[name])
        said.push(...actions.map(({ message }) => message._tag))
        if (before._tag === "Refused" || before._tag === "Violated") assert.strictEqual(next, before)
        if (before._tag === "Open") assert.isTrue(next === before || next._tag === "Violated")
        state = next
      }
      const allowed = side === "dialler" ? ["Hello"] : ["Welcome", "Refuse"]
      assert.isTrue(said.every((word) => allowed.includes(word)), said.join(" "))
      assert.isAtMost(said.length, 1)
      if (side === "judge") assert.notStrictEqual(state._tag, "Open")
    },
    { arbitrary: { runs: 1000 } }
  )

  it.prop(
    "after a handshake either both sides have opened their connection, or neither side has",
    { ours: Schema.Literals([1, 2]), theirs: Schema.Literals([1, 2]), judged: Schema.Boolean },
    ({ judged, ours, theirs }) => {
      const greeting = { ...hello, version: { major: ours, minor: 0 } }
      const from: Handshake.Config = { side: "dialler", hello: greeting }
      const to = {
        ...acceptor(judged ? proofless : undefined),
        welcome: { ...welcome, version: { major: theirs, minor: 0 } }
      }
      const answer = play(to, play(from, []).sent)
      const end = play(from, answer.sent)
      assert.strictEqual(end.state._tag, answer.state._tag)
      assert.strictEqual(end.state._tag, ours === theirs && !judged ? "Open" : "Refused")
    }
  )
})
