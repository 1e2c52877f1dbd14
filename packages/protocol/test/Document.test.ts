import { assert, describe, it } from "@effect/vitest"
import * as Failure from "@furrow/protocol/Failure"
import type * as Violation from "@furrow/protocol/Violation"
import * as Fs from "node:fs"
import * as Document from "../../../scripts/protocol-doc.ts"

const text = Fs.readFileSync(Document.file, "utf8")

describe("docs/protocol.md", () => {
  it("its table of words is what the code says", () => assert.include(text, Document.table()))

  it("making the table again changes nothing", () => assert.strictEqual(Document.complete(text), text))

  it("a document whose table drifted is noticed", () => {
    const drifted = text.replace("| 30 | `Ping` | both | control |", "| 30 | `Ping` | both | data |")
    assert.notStrictEqual(drifted, text)
    assert.strictEqual(Document.complete(drifted), text)
  })

  it("it explains every violation, and no other", () => {
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
      WrongSide: true
    }
    const section = text.slice(text.indexOf("## 10. Violations"))
    assert.deepStrictEqual(Array.from(section.matchAll(/^\| `(\w+)` \|/gm), ([, rule]) => rule), Object.keys(rules))
  })

  it("it explains every failure, and no other", () => {
    const section = text.slice(text.indexOf("A failure (`Failure.ts`)"), text.indexOf("`boxed` is a failure as text"))
    assert.deepStrictEqual(
      Array.from(section.matchAll(/^\| `(\w+)` \|/gm), ([, tag]) => tag),
      Failure.Failure.members.map((member) => member.fields._tag.schema.literal)
    )
  })
})
