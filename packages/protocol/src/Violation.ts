/**
 * Defines the rules of the protocol that a peer can break. The list of rules is complete: the side that finds a
 * breach names one of these rules in a `Violation` word, and then closes the connection. The closing of the
 * connection is the worst effect that any words or bytes of a peer can have on this side.
 *
 * The violation `Unsupported` alone is no sign of a hostile peer, because `Unsupported` also answers a word of a newer
 * minor version.
 *
 * @since 0.1.0
 */
/**
 * One rule of the protocol that a peer has broken, with the details of the violation.
 *
 * @category models
 * @since 0.1.0
 */
export type Violation =
  | { readonly _tag: "FrameTooLarge"; readonly size: number; readonly limit: number }
  | { readonly _tag: "FrameEmpty" }
  | { readonly _tag: "NotMsgpack"; readonly issue: string }
  | { readonly _tag: "Unsupported"; readonly word: string }
  | { readonly _tag: "Malformed"; readonly word: string; readonly field: string }
  | { readonly _tag: "HandshakeOrder"; readonly word: string; readonly state: string }
  | { readonly _tag: "UnknownDialog"; readonly dialog: number; readonly word: string }
  | { readonly _tag: "DialogId"; readonly dialog: number; readonly issue: string }
  | { readonly _tag: "DialogOrder"; readonly word: string; readonly state: string }
  | { readonly _tag: "CreditOverrun"; readonly dialog: number }
  | { readonly _tag: "CreditExcess"; readonly dialog: number }
  | { readonly _tag: "WrongSide"; readonly word: string }
  | { readonly _tag: "AnswersUnread"; readonly limit: number }

/**
 * Describes the rule that a violation has broken in one sentence, for logs and errors.
 *
 * @example
 * ```ts
 * Violation.describe({ _tag: "FrameTooLarge", size: 200, limit: 100 }) // "a frame of 200 bytes is above the limit of 100"
 * ```
 * @category formatting
 * @since 0.1.0
 */
export const describe = (violation: Violation): string => {
  switch (violation._tag) {
    case "FrameTooLarge":
      return `a frame of ${violation.size} bytes is above the limit of ${violation.limit}`
    case "FrameEmpty":
      return "a frame of no bytes"
    case "NotMsgpack":
      return `a frame that is not plain msgpack: ${violation.issue}`
    case "Unsupported":
      return `the word ${violation.word} is not known here`
    case "Malformed":
      return `the word ${violation.word} has a malformed field "${violation.field}"`
    case "HandshakeOrder":
      return `${violation.word} while the handshake is ${violation.state}`
    case "UnknownDialog":
      return `${violation.word} for dialog ${violation.dialog}, which was never opened`
    case "DialogId":
      return `Start with dialog ${violation.dialog}: ${violation.issue}`
    case "DialogOrder":
      return `${violation.word} while the dialog is ${violation.state}`
    case "CreditOverrun":
      return `more items or bytes than granted in dialog ${violation.dialog}`
    case "CreditExcess":
      return `credit beyond the window in dialog ${violation.dialog}`
    case "WrongSide":
      return `${violation.word} from the side that may not say it`
    case "AnswersUnread":
      return `it goes on asking while ${violation.limit} answers wait for it unread`
  }
}
