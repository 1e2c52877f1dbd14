import { assert, describe, it } from "@effect/vitest"
import * as Violation from "@furrow/protocol/Violation"

const sentences: ReadonlyArray<readonly [Violation.Violation, string]> = [
  [{ _tag: "FrameTooLarge", size: 9, limit: 8 }, "a frame of 9 bytes is above the limit of 8"],
  [{ _tag: "FrameEmpty" }, "a frame of no bytes"],
  [{ _tag: "NotMsgpack", issue: "bytes follow its end" }, "a frame that is not plain msgpack: bytes follow its end"],
  [{ _tag: "Unsupported", word: "99" }, "the word 99 is not known here"],
  [{ _tag: "Malformed", word: "Ping", field: "n" }, `the word Ping has a malformed field "n"`],
  [{ _tag: "HandshakeOrder", word: "Ping", state: "Listening" }, "Ping while the handshake is Listening"],
  [{ _tag: "UnknownDialog", dialog: 7, word: "Yield" }, "Yield for dialog 7, which was never opened"],
  [{ _tag: "DialogId", dialog: 4, issue: "ids must grow" }, "Start with dialog 4: ids must grow"],
  [{ _tag: "DialogOrder", word: "Yield", state: "Opening" }, "Yield while the dialog is Opening"],
  [{ _tag: "CreditOverrun", dialog: 3 }, "more items or bytes than granted in dialog 3"],
  [{ _tag: "CreditExcess", dialog: 3 }, "credit beyond the window in dialog 3"],
  [{ _tag: "WrongSide", word: "Spawn" }, "Spawn from the side that may not say it"],
  [{ _tag: "AnswersUnread", limit: 3 }, "it goes on asking while 3 answers wait for it unread"]
]

describe("A violation is described in one sentence", () => {
  for (const [violation, sentence] of sentences) {
    it(`each kind of violation has a sentence that describes it (the violation ${violation._tag}: ${sentence})`, () =>
      assert.strictEqual(Violation.describe(violation), sentence))
  }
})
