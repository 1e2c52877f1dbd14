/**
 * Defines all words that two actors can say to each other.
 *
 * One connection between two actors carries many dialogs. The side that dialled opens dialogs with odd ids, and the
 * side that accepted opens dialogs with even ids; the ids of each side increase. Dialog 0 is the connection itself: an
 * `Error` for dialog 0 is the failure of the whole actor.
 *
 *   connection   Hello [-> Challenge -> Proof] -> Welcome | Refuse,  Spawn -> Ready | Error(0)
 *   dialog       Start [Started] (Yield | Credit | Stop)* (Return | Error)
 *                caller: Start, Yield*, Credit*, Stop, Cancel      callee: Started, Yield*, Credit*, Stop, Return | Error
 *   actor        [Leave ->] CancelActor -> CancelAck ... Bye,  Ping -> Pong,  Violation
 *   large words  Part Part ... Part, with words of other dialogs and of the control lane between them
 *
 * The callee's last word is always `Return` or `Error`, also after a `Cancel`, which the last word acknowledges. Only
 * `Yield` costs credit. The protocol does not look into payloads, which only the schemas of their endpoint decode.
 *
 * The constant `words` holds the rules of all words as data, by which the envelope encodes; a script checks the table
 * in docs/protocol.md against `words`.
 *
 * @since 0.1.0
 */

/**
 * The protocol's version: peers of another major version refuse each other.
 *
 * @example
 * ```ts
 * Message.version // { major: 1, minor: 0 }
 * ```
 * @category constants
 * @since 0.1.0
 */
export const version: Version = { major: 1, minor: 0 }

/**
 * A version of the protocol; a new minor version only adds to the previous minor version.
 *
 * @category models
 * @since 0.1.0
 */
export interface Version {
  readonly major: number
  readonly minor: number
}

/**
 * The identity of an actor. Two identities are equal when their `uuid` is the same; name and pid are for people.
 *
 * @category models
 * @since 0.1.0
 */
export interface ActorId {
  readonly name: string
  readonly uuid: string
  readonly pid: number
}

/**
 * The items and bytes for which the receiver of one direction of a dialog keeps room.
 *
 * @category models
 * @since 0.1.0
 */
export interface Window {
  readonly items: number
  readonly bytes: number
}

/**
 * The data that a call carries besides its payload: the milliseconds that the caller still waits, the span of the call,
 * and its log level and annotations.
 *
 * @category models
 * @since 0.1.0
 */
export interface Meta {
  readonly deadline?: number
  readonly trace?: readonly [traceId: string, spanId: string, sampled: boolean]
  readonly level?: string
  readonly annotations?: Readonly<Record<string, unknown>>
}

/**
 * The kind of dialog (call, stream or dialog) that a `Start` opens; the kind decides which words may follow.
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = "call" | "stream" | "dialog"

/**
 * The first word of a connection, which the dialler says. `maxFrame` is in bytes.
 *
 * @category words
 * @since 0.1.0
 */
export type Hello = {
  readonly _tag: "Hello"
  readonly version: Version
  readonly capabilities: ReadonlyArray<string>
  readonly actor: ActorId
  readonly role: "child" | "peer" | "probe"
  readonly maxFrame: number
  /**
   * The nonce of the dialler: 32 fresh random bytes, or `null` when the dialler does not hold the secret of its tree.
   */
  readonly nonce: Uint8Array | null
}
/**
 * The acceptor admits the dialler by `Welcome`, after which both sides may say words outside the handshake.
 *
 * @category words
 * @since 0.1.0
 */
export type Welcome = {
  readonly _tag: "Welcome"
  readonly version: Version
  readonly capabilities: ReadonlyArray<string>
  readonly actor: ActorId
  readonly maxFrame: number
  readonly proof: Uint8Array | null
}
/**
 * The acceptor does not admit the dialler, and closes the connection after this word `Refuse`.
 *
 * @category words
 * @since 0.1.0
 */
export type Refuse = { readonly _tag: "Refuse"; readonly reason: RefuseReason; readonly detail: string }
/**
 * The reason for which an acceptor refuses a dialler by `Refuse`. The reason `duplicate` means that the two actors
 * are connected already; `identity` means that the dialler wanted another actor.
 *
 * @category models
 * @since 0.1.0
 */
export type RefuseReason = "version" | "proof" | "role" | "busy" | "duplicate" | "identity"
/**
 * A parent tells its new child the child's identity, and the module that the child runs.
 *
 * @category words
 * @since 0.1.0
 */
export type Spawn = { readonly _tag: "Spawn"; readonly payload: Uint8Array }
/**
 * A child tells its parent that it has built its layers and accepts calls.
 *
 * @category words
 * @since 0.1.0
 */
export type Ready = { readonly _tag: "Ready"; readonly payload: Uint8Array }
/**
 * The acceptor asks the dialler to prove that it holds the secret of the tree; the field `uuid` is that of the
 * acceptor.
 *
 * @category words
 * @since 0.1.0
 */
export type Challenge = { readonly _tag: "Challenge"; readonly uuid: string; readonly nonce: Uint8Array }
/**
 * The dialler's answer to `Challenge`: the mac over the bytes that `Handshake.transcript` returns.
 *
 * @category words
 * @since 0.1.0
 */
export type Proof = { readonly _tag: "Proof"; readonly proof: Uint8Array }
/**
 * Opens a dialog: a call, a stream or a dialog with messages both ways. The field `digest` of a `Start` identifies the
 * contract that the caller knows.
 *
 * @category words
 * @since 0.1.0
 */
export type Start = {
  readonly _tag: "Start"
  readonly dialog: number
  readonly kind: Kind
  readonly endpoint: string
  readonly digest: string | null
  readonly meta: Meta | null
  readonly window: Window | null
  readonly payload: Uint8Array
}
/**
 * The word by which the callee accepts a dialog, with the dialog's first value and the window for the caller's items.
 *
 * @category words
 * @since 0.1.0
 */
export type Started = {
  readonly _tag: "Started"
  readonly dialog: number
  readonly window: Window | null
  readonly payload: Uint8Array
}
/**
 * A chunk of items of a stream. Of all words only `Yield` costs credit.
 *
 * @category words
 * @since 0.1.0
 */
export type Yield = {
  readonly _tag: "Yield"
  readonly dialog: number
  readonly items: number
  readonly payload: Uint8Array
}
/**
 * Grants credit for more items and bytes to the sender of one direction of a dialog; the receiver of this direction
 * says the word.
 *
 * @category words
 * @since 0.1.0
 */
export type Credit = {
  readonly _tag: "Credit"
  readonly dialog: number
  readonly items: number
  readonly bytes: number
}
/**
 * Ends one direction of a dialog: the side that says `Stop` sends no more items.
 *
 * @category words
 * @since 0.1.0
 */
export type Stop = { readonly _tag: "Stop"; readonly dialog: number }
/**
 * The caller asks the callee to interrupt its work. The field `deadline` of a `Cancel` is the time for finalizers in
 * milliseconds.
 *
 * @category words
 * @since 0.1.0
 */
export type Cancel = {
  readonly _tag: "Cancel"
  readonly dialog: number
  readonly by: ActorId
  readonly reason: string
  readonly deadline: number
}
/**
 * The last word of a dialog that succeeded.
 *
 * @category words
 * @since 0.1.0
 */
export type Return = { readonly _tag: "Return"; readonly dialog: number; readonly payload: Uint8Array }
/**
 * The last word of a dialog that failed; an `Error` for dialog 0 is the failure of the whole actor.
 *
 * @category words
 * @since 0.1.0
 */
export type Error = { readonly _tag: "Error"; readonly dialog: number; readonly payload: Uint8Array }
/**
 * A part of a large word of the dialog `dialog`; `size` is the size of the whole frame in bytes. A part is sent only
 * to a peer with the capability `parts`. The module `Arrival` puts the parts of a word together, so a dialog hears
 * whole words only.
 *
 * @category words
 * @since 0.1.0
 */
export type Part = {
  readonly _tag: "Part"
  readonly dialog: number
  readonly size: number
  readonly payload: Uint8Array
}
/**
 * Asks the actor that hears `CancelActor` to end. The field `deadline` of a `CancelActor` is the time for the actor's
 * finalizers in milliseconds.
 *
 * @category words
 * @since 0.1.0
 */
export type CancelActor = {
  readonly _tag: "CancelActor"
  readonly by: ActorId
  readonly reason: string
  readonly deadline: number
}
/**
 * Says that the actor has heard `CancelActor` and is ending.
 *
 * @category words
 * @since 0.1.0
 */
export type CancelAck = { readonly _tag: "CancelAck" }
/**
 * The last word of an actor; the field `payload` is its `Farewell`: how the actor ended, and what failed in its
 * cleanup.
 *
 * @category words
 * @since 0.1.0
 */
export type Bye = { readonly _tag: "Bye"; readonly payload: Uint8Array }
/**
 * A child that was asked from outside to end, for instance by a signal, asks its parent for its end. The parent that
 * hears `Leave` first ends all actors that depend on the child.
 *
 * @category words
 * @since 0.1.0
 */
export type Leave = { readonly _tag: "Leave"; readonly reason: string }
/**
 * Asks the peer for a sign of life, which the peer gives by a `Pong` with the same number.
 *
 * @category words
 * @since 0.1.0
 */
export type Ping = { readonly _tag: "Ping"; readonly n: number }
/**
 * The answer to the `Ping` that has the same number.
 *
 * @category words
 * @since 0.1.0
 */
export type Pong = { readonly _tag: "Pong"; readonly n: number }
/**
 * Names the rule that the receiver of the word `Violation` has broken, before the sender closes the connection.
 *
 * @category words
 * @since 0.1.0
 */
export type Violation = {
  readonly _tag: "Violation"
  readonly rule: string
  readonly detail: string
}

/**
 * Any word of the protocol.
 *
 * @category models
 * @since 0.1.0
 */
export type Message =
  | Hello
  | Welcome
  | Refuse
  | Spawn
  | Ready
  | Challenge
  | Proof
  | Start
  | Started
  | Yield
  | Credit
  | Stop
  | Cancel
  | Return
  | Error
  | Part
  | CancelActor
  | CancelAck
  | Bye
  | Leave
  | Ping
  | Pong
  | Violation

/**
 * A word that the callee of a dialog may hear from the caller after `Start`.
 *
 * @category models
 * @since 0.1.0
 */
export type FromCaller = Yield | Credit | Stop | Cancel
/**
 * A word that the caller of a dialog may hear from the callee.
 *
 * @category models
 * @since 0.1.0
 */
export type FromCallee = Started | Yield | Credit | Stop | Return | Error

/**
 * The type of a field of a word, which says how an envelope encodes the field. A `bytes` field is the last field of
 * its word, and is sent without a copy.
 *
 * @category models
 * @since 0.1.0
 */
export type FieldType =
  | "uint"
  | "text"
  | "text?"
  | "texts"
  | "bytes"
  | "bytes?"
  | "version"
  | "actor"
  | "kind"
  | "role"
  | "reason"
  | "meta?"
  | "window?"

/**
 * The phase of a connection in which a word may be said: only in the handshake; `open`, after the handshake;
 * `spawning`, before the `Spawn` of a child; `started`, after the `Spawn`; `booting`, until the child's `Ready`;
 * `ready`, when the side that hears the word is ready; or always.
 *
 * @category models
 * @since 0.1.0
 */
export type Time = "handshake" | "open" | "spawning" | "booting" | "started" | "ready" | "always"

/**
 * The rules of one word: its number, the side that may say it, the phases in which it is allowed, its lane and its
 * fields.
 *
 * The module `Connection` judges each word by its speaker and by the phase in which the word was said. When a
 * connection is full, words of the `control` lane overtake words of the `data` lane, so that data never holds up a
 * cancel.
 *
 * @category models
 * @since 0.1.0
 */
export interface Word {
  readonly code: number
  readonly says:
    | "dialler"
    | "acceptor"
    | "parent"
    | "child"
    | "parent or peer"
    | "child or peer"
    | "caller"
    | "callee"
    | "both"
  readonly when: Time
  readonly lane: "control" | "data"
  readonly fields: ReadonlyArray<readonly [name: string, type: FieldType]>
}

/**
 * The rules of every word, by the name of the word.
 *
 * @example
 * ```ts
 * Message.words.Ping.code // 30
 * Message.words.Cancel.lane // "control"
 * ```
 * @category constants
 * @since 0.1.0
 */
export const words: { readonly [W in Message["_tag"]]: Word } = {
  Hello: {
    code: 1,
    says: "dialler",
    when: "handshake",
    lane: "control",
    fields: [
      ["version", "version"],
      ["capabilities", "texts"],
      ["actor", "actor"],
      ["role", "role"],
      ["maxFrame", "uint"],
      ["nonce", "bytes?"]
    ]
  },
  Welcome: {
    code: 2,
    says: "acceptor",
    when: "handshake",
    lane: "control",
    fields: [
      ["version", "version"],
      ["capabilities", "texts"],
      ["actor", "actor"],
      ["maxFrame", "uint"],
      ["proof", "bytes?"]
    ]
  },
  Refuse: {
    code: 3,
    says: "acceptor",
    when: "handshake",
    lane: "control",
    fields: [["reason", "reason"], ["detail", "text"]]
  },
  Spawn: { code: 4, says: "parent", when: "spawning", lane: "control", fields: [["payload", "bytes"]] },
  Ready: { code: 5, says: "child", when: "booting", lane: "control", fields: [["payload", "bytes"]] },
  Challenge: {
    code: 6,
    says: "acceptor",
    when: "handshake",
    lane: "control",
    fields: [["uuid", "text"], ["nonce", "bytes"]]
  },
  Proof: { code: 7, says: "dialler", when: "handshake", lane: "control", fields: [["proof", "bytes"]] },
  Start: {
    code: 10,
    says: "caller",
    when: "ready",
    lane: "control",
    fields: [
      ["dialog", "uint"],
      ["kind", "kind"],
      ["endpoint", "text"],
      ["digest", "text?"],
      ["meta", "meta?"],
      ["window", "window?"],
      ["payload", "bytes"]
    ]
  },
  Started: {
    code: 11,
    says: "callee",
    when: "started",
    lane: "data",
    fields: [["dialog", "uint"], ["window", "window?"], ["payload", "bytes"]]
  },
  Yield: {
    code: 12,
    says: "both",
    when: "started",
    lane: "data",
    fields: [["dialog", "uint"], ["items", "uint"], ["payload", "bytes"]]
  },
  Credit: {
    code: 13,
    says: "both",
    when: "started",
    lane: "control",
    fields: [["dialog", "uint"], ["items", "uint"], ["bytes", "uint"]]
  },
  Stop: { code: 14, says: "both", when: "started", lane: "data", fields: [["dialog", "uint"]] },
  Cancel: {
    code: 15,
    says: "caller",
    when: "started",
    lane: "control",
    fields: [["dialog", "uint"], ["by", "actor"], ["reason", "text"], ["deadline", "uint"]]
  },
  Return: {
    code: 16,
    says: "callee",
    when: "started",
    lane: "data",
    fields: [["dialog", "uint"], ["payload", "bytes"]]
  },
  Error: {
    code: 17,
    says: "callee",
    when: "started",
    lane: "control",
    fields: [["dialog", "uint"], ["payload", "bytes"]]
  },
  Part: {
    code: 18,
    says: "both",
    when: "started",
    lane: "data",
    fields: [["dialog", "uint"], ["size", "uint"], ["payload", "bytes"]]
  },
  CancelActor: {
    code: 20,
    says: "parent or peer",
    when: "started",
    lane: "control",
    fields: [["by", "actor"], ["reason", "text"], ["deadline", "uint"]]
  },
  CancelAck: { code: 21, says: "child or peer", when: "started", lane: "control", fields: [] },
  // `Bye` is the last word of an actor, so it travels on the data lane behind all queued words.
  Bye: { code: 22, says: "child or peer", when: "started", lane: "data", fields: [["payload", "bytes"]] },
  Leave: { code: 23, says: "child", when: "started", lane: "control", fields: [["reason", "text"]] },
  Ping: { code: 30, says: "both", when: "open", lane: "control", fields: [["n", "uint"]] },
  Pong: { code: 31, says: "both", when: "open", lane: "control", fields: [["n", "uint"]] },
  Violation: { code: 40, says: "both", when: "always", lane: "control", fields: [["rule", "text"], ["detail", "text"]] }
}

/**
 * The rules of an `Error` for dialog 0, which is the failure of a whole actor; only the actor's parent hears this
 * word.
 *
 * @example
 * ```ts
 * Message.actorFailure.says // "child"
 * ```
 * @category constants
 * @since 0.1.0
 */
export const actorFailure: Pick<Word, "says" | "when"> = { says: "child", when: "started" }
