import { assert, describe, it } from "@effect/vitest"
import * as Failure from "@furrow/protocol/Failure"
import * as Handshake from "@furrow/protocol/Handshake"
import type { Message } from "@furrow/protocol/Message"
import type * as Violation from "@furrow/protocol/Violation"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import * as Document from "../../../scripts/protocol-doc.ts"

const text = Fs.readFileSync(Document.file, "utf8")

describe("The page docs/protocol.md agrees with the code", () => {
  it("docs/protocol.md contains the table of words that the code defines", () => assert.include(text, Document.table()))

  it("docs/protocol.md contains the table of speakers, phases and words that the code defines", () =>
    assert.include(text, Document.law()))

  it("docs/protocol.md does not change when its tables are generated again", () =>
    assert.strictEqual(Document.complete(text), text))

  it("a changed table in docs/protocol.md is replaced by the table that the code defines", () => {
    const drifted = text.replace("| 30 | `Ping` | both | open | control |", "| 30 | `Ping` | both | open | data |")
    assert.notStrictEqual(drifted, text)
    assert.strictEqual(Document.complete(drifted), text)
  })

  it("docs/protocol.md explains exactly the violations that the code defines", () => {
    const rules: { readonly [V in Violation.Violation["_tag"]]: true } = {
      FrameTooLarge: true,
      FrameEmpty: true,
      NotMsgpack: true,
      Unsupported: true,
      Malformed: true,
      HandshakeOrder: true,
      UnknownDialog: true,
      DialogId: true,
      DialogOrder: true,
      CreditOverrun: true,
      CreditExcess: true,
      WrongSide: true,
      AnswersUnread: true
    }
    const section = text.slice(text.indexOf("## 10. Violations"))
    assert.deepStrictEqual(Array.from(section.matchAll(/^\| `(\w+)` \|/gm), ([, rule]) => rule), Object.keys(rules))
  })

  it("docs/protocol.md explains exactly the kinds of failures that the code defines", () => {
    const section = text.slice(text.indexOf("<!-- kinds of failures -->"), text.indexOf("<!-- end of the kinds -->"))
    assert.deepStrictEqual(
      Array.from(section.matchAll(/^\| `(\w+)` \|/gm), ([, tag]) => tag),
      Failure.Failure.members.map((member) => member.fields._tag.schema.literal)
    )
  })

  it("docs/protocol.md shows an example of a proof, which both sides of a handshake compute", () => {
    const section = text.slice(text.indexOf("<!-- example of a proof -->"), text.indexOf("<!-- end of the example -->"))
    const cell = (name: string) => section.split("\n").find((line) => line.startsWith(`| ${name} |`))!.split("|")[2]!
    const hexOf = (name: string) => {
      // "32 times `11`" is written out; what is not hexadecimal is explanation.
      const cells = cell(name).replace(/32 times `(..)`/g, (_, byte: string) => `\`${byte.repeat(32)}\``)
      return Array.from(cells.matchAll(/`([0-9a-f]+)`/g), ([, hex]) => hex).join("")
    }
    const word = (name: string, at = 0) => Array.from(cell(name).matchAll(/`([^`]+)`/g), ([, word]) => word!)[at]!

    const mac = (data: Uint8Array) =>
      Crypto.createHmac("sha256", Uint8Array.from({ length: 32 }, (_, i) => i)).update(data).digest()
    const nonces = { dialler: Buffer.alloc(32, 0x11), acceptor: Buffer.alloc(32, 0x22) }
    const common = { version: { major: 1, minor: 0 }, capabilities: [], maxFrame: 1 }
    const hello: Message = {
      _tag: "Hello",
      ...common,
      actor: { name: "", uuid: word("dialler, role"), pid: 0 },
      role: word("dialler, role", 1) as "peer",
      nonce: null
    }
    const welcome: Message = {
      _tag: "Welcome",
      ...common,
      actor: { name: "", uuid: word("acceptor"), pid: 0 },
      proof: null
    }
    const dialler: Handshake.Config = { side: "dialler", hello, auth: { nonce: nonces.dialler, mac } }
    const acceptor: Handshake.Config = {
      side: "acceptor",
      welcome,
      judge: () => undefined,
      auth: { nonce: nonces.acceptor, mac }
    }
    const [greeting, [greeted]] = Handshake.start(dialler)
    const [asking, [asked]] = Handshake.step(acceptor, Handshake.start(acceptor)[0], greeted!.message)
    const [proving, [proven]] = Handshake.step(dialler, greeting, asked!.message)
    const [letIn, [welcomed]] = Handshake.step(acceptor, asking, proven!.message)
    assert.strictEqual(letIn._tag, "Open")
    assert.strictEqual(Handshake.step(dialler, proving, welcomed!.message)[0]._tag, "Open")

    const saidIn = ({ message }: Handshake.Action) =>
      Buffer.from((message as { readonly proof: Uint8Array }).proof).toString("hex")
    assert.strictEqual(hexOf("`Proof.proof`"), saidIn(proven!))
    assert.strictEqual(hexOf("`Welcome.proof`"), saidIn(welcomed!))

    const transcript = (side: "dialler" | "acceptor") =>
      Buffer.from(Handshake.transcript(side, nonces, hello, word("acceptor"))).toString("hex")
    const label = "10000000667572726f77206469616c6c65722031".length
    assert.strictEqual(hexOf("dialler's transcript"), transcript("dialler"))
    assert.strictEqual(
      hexOf("acceptor's transcript") + hexOf("dialler's transcript").slice(label),
      transcript("acceptor")
    )
    for (const side of ["dialler", "acceptor"] as const) {
      assert.include(cell(`${side}'s transcript`), `${transcript(side).length / 2} bytes`)
    }
  })
})
