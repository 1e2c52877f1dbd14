/**
 * How a connection begins, as one machine for each side.
 *
 *   dialler    Greeting (Hello sent) --Welcome--> Open        acceptor   Listening --Hello--> Open (Welcome sent)
 *                                    --Refuse---> Refused                          --Hello--> Refused (Refuse sent)
 *
 * Until a side is `Open` every other word is a violation, and so is a second greeting later. The acceptor judges a
 * `Hello` in one place: version first, then role and proof, by the `judge` it was given.
 *
 * @since 0.1.0
 */
import type { ActorId, Hello, Message, RefuseReason, Version, Welcome } from "./Message.ts"
import type { Violation } from "./Violation.ts"

/** What a side knows of the other once the connection is open. */
export interface Peer {
  readonly actor: ActorId
  readonly version: Version
  readonly capabilities: ReadonlyArray<string>
  /** The largest frame either side reads. */
  readonly maxFrame: number
}

export interface Refusal {
  readonly reason: RefuseReason
  readonly detail: string
}

export type Config =
  | { readonly side: "dialler"; readonly hello: Hello }
  | {
    readonly side: "acceptor"
    readonly welcome: Welcome
    /** `undefined` lets the peer in. */
    readonly judge: (hello: Hello) => Refusal | undefined
  }

export type State =
  | { readonly _tag: "Greeting"; readonly hello: Hello }
  | { readonly _tag: "Listening" }
  | { readonly _tag: "Open"; readonly peer: Peer }
  | { readonly _tag: "Refused"; readonly by: "us" | "peer"; readonly refusal: Refusal }
  | { readonly _tag: "Violated"; readonly violation: Violation }

export type Action = { readonly _tag: "Send"; readonly message: Message }

type Step = readonly [State, ReadonlyArray<Action>]

export const start = (config: Config): Step =>
  config.side === "dialler"
    ? [{ _tag: "Greeting", hello: config.hello }, [{ _tag: "Send", message: config.hello }]]
    : [{ _tag: "Listening" }, []]

const outOfOrder = (state: State, message: Message): Step => [
  { _tag: "Violated", violation: { _tag: "HandshakeOrder", word: message._tag, state: state._tag } },
  []
]

const peerOf = (said: Hello | Welcome, ours: Hello | Welcome): Peer => ({
  actor: said.actor,
  version: said.version,
  capabilities: said.capabilities.filter((capability) => ours.capabilities.includes(capability)),
  maxFrame: Math.min(said.maxFrame, ours.maxFrame)
})

const judgeVersion = (theirs: Version, ours: Version): Refusal | undefined =>
  theirs.major === ours.major ? undefined : {
    reason: "version",
    detail: `this side speaks protocol ${ours.major}.${ours.minor}, the peer ${theirs.major}.${theirs.minor}: ` +
      "run both on the same major version of Furrow"
  }

/** One word from the peer. `Open`, `Refused` and `Violated` are final: the connection's owner takes over. */
export const step = (config: Config, state: State, message: Message): Step => {
  switch (state._tag) {
    case "Greeting": {
      if (message._tag === "Refuse") {
        return [{ _tag: "Refused", by: "peer", refusal: { reason: message.reason, detail: message.detail } }, []]
      }
      if (message._tag !== "Welcome") return outOfOrder(state, message)
      const refusal = judgeVersion(message.version, state.hello.version)
      return refusal === undefined
        ? [{ _tag: "Open", peer: peerOf(message, state.hello) }, []]
        // An acceptor refuses another version itself; one that did not is told nothing more, its connection closes.
        : [{ _tag: "Refused", by: "us", refusal }, []]
    }
    case "Listening": {
      if (message._tag !== "Hello" || config.side !== "acceptor") return outOfOrder(state, message)
      const refusal = judgeVersion(message.version, config.welcome.version) ?? config.judge(message)
      return refusal === undefined
        ? [{ _tag: "Open", peer: peerOf(message, config.welcome) }, [{ _tag: "Send", message: config.welcome }]]
        : [{ _tag: "Refused", by: "us", refusal }, [{ _tag: "Send", message: { _tag: "Refuse", ...refusal } }]]
    }
    case "Open":
      return message._tag === "Hello" || message._tag === "Welcome" || message._tag === "Refuse"
        ? outOfOrder(state, message)
        : [state, []]
    case "Refused":
    case "Violated":
      return [state, []]
  }
}
