/**
 * The handshake with which a connection begins, as one machine for each side.
 *
 *   dialler    Greeting (Hello sent) --Challenge--> Proving (Proof sent)     Greeting | Proving --Welcome--> Open
 *                                                                                               --Refuse---> Refused
 *   acceptor   Listening --Hello--> Challenging (Challenge sent)         Listening | Challenging --> Open (Welcome sent)
 *                                                                                                --> Refused (Refuse sent)
 *
 * An acceptor that holds the secret of its tree challenges the dialler; an acceptor without a secret admits a dialler
 * for its `Hello` alone. Each side proves that it holds the secret of the tree, by a mac over the fresh nonces and
 * the actors of both sides. A proof is valid for one actor on one connection, because its mac includes the actors and
 * the nonces. The labels of the two proofs differ, so that no side accepts its own proof from the other side. The
 * caller of the handshake supplies the function that makes a mac, because this module contains no cryptography.
 *
 * A side that is not yet `Open` treats any word outside the handshake as a violation, and an `Open` side any word of
 * the handshake. An acceptor checks the version, then the proof, and calls its function `judge` last, so that a
 * stranger without proof causes no work in this function.
 *
 * @since 0.1.0
 */
import type { ActorId, Challenge, Hello, Message, RefuseReason, Version, Welcome } from "./Message.ts"
import type { Violation } from "./Violation.ts"

/**
 * The actor at the other end of a connection that is open, as the handshake introduced it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Peer {
  readonly actor: ActorId
  readonly version: Version
  readonly capabilities: ReadonlyArray<string>
  /** The size in bytes of the largest frame that both sides of the connection accept. */
  readonly maxFrame: number
}

/**
 * The reason for which one side does not admit the other side, and a sentence for the other side's log.
 *
 * @category models
 * @since 0.1.0
 */
export interface Refusal {
  readonly reason: RefuseReason
  readonly detail: string
}

/**
 * The means by which one side proves itself on one connection: a fresh `nonce`, and a `mac` that is keyed with the
 * secret of the tree.
 *
 * @category models
 * @since 0.1.0
 */
export interface Authenticator {
  readonly nonce: Uint8Array
  readonly mac: (data: Uint8Array) => Uint8Array
  /**
   * Bytes that only the two ends of an encrypted connection know, such as the keying material that TLS exports. A
   * proof that includes the binding of an encrypted connection is valid on that connection alone.
   */
  readonly binding?: Uint8Array | undefined
}

/**
 * The size of a nonce in bytes.
 *
 * @example
 * ```ts
 * Handshake.nonceSize // 32
 * ```
 * @category constants
 * @since 0.1.0
 */
export const nonceSize = 32

/**
 * The settings of one side of a handshake: its greeting, its secret, and the function that accepts or refuses the other
 * side.
 *
 * @category models
 * @since 0.1.0
 */
export type Config =
  | {
    readonly side: "dialler"
    /** The greeting of the dialler, whose nonce is the nonce of the authenticator. */
    readonly hello: Hello
    readonly auth?: Authenticator | undefined
    /**
     * The uuid of the actor that is dialled; without this field the dialler makes its proof for any actor that
     * answers.
     */
    readonly to?: string | undefined
    /**
     * The dialler's last check of an acceptor: a refusal, or `undefined` to stay connected. The check comes after the
     * acceptor's proof if the tree has a secret.
     */
    readonly expect?: ((welcome: Welcome) => Refusal | undefined) | undefined
  }
  | {
    readonly side: "acceptor"
    /** The `Welcome` of the acceptor, whose proof the authenticator makes. */
    readonly welcome: Welcome
    /** The acceptor's check of a dialler: a refusal, or `undefined` to admit the dialler. */
    readonly judge: (hello: Hello) => Refusal | undefined
    readonly auth?: Authenticator | undefined
  }

type Dialler = Extract<Config, { side: "dialler" }>
type Acceptor = Extract<Config, { side: "acceptor" }>

/**
 * The fresh random bytes of both sides, which differ on each connection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Nonces {
  readonly dialler: Uint8Array
  readonly acceptor: Uint8Array
}

/**
 * The state of one side of a handshake. The states `Open`, `Refused` and `Violated` of a handshake are final.
 *
 * @category models
 * @since 0.1.0
 */
export type State =
  | { readonly _tag: "Greeting" }
  | { readonly _tag: "Proving"; readonly nonces: Nonces }
  | { readonly _tag: "Listening" }
  | {
    readonly _tag: "Challenging"
    readonly hello: Hello
    readonly nonces: Nonces
    readonly auth: Authenticator
  }
  | { readonly _tag: "Open"; readonly peer: Peer }
  | { readonly _tag: "Refused"; readonly by: "us" | "peer"; readonly refusal: Refusal }
  | { readonly _tag: "Violated"; readonly violation: Violation }

/** The states of a handshake in which a dialler waits for an answer. */
type Asking = Extract<State, { _tag: "Greeting" | "Proving" }>
type Challenging = Extract<State, { _tag: "Challenging" }>

/**
 * The only action that a handshake asks of its owner: the owner sends the given word.
 *
 * @category models
 * @since 0.1.0
 */
export type Action = { readonly _tag: "Send"; readonly message: Message }

type Step = readonly [State, ReadonlyArray<Action>]

/**
 * Returns the first state and the first actions of one side of a handshake: a dialler sends `Hello`, and an acceptor
 * waits.
 *
 * @example
 * ```ts
 * const anna = { name: "anna", uuid: "6c1a", pid: 7 }
 * const version = { major: 1, minor: 0 }
 * const [state, actions] = Handshake.start({
 *   side: "dialler",
 *   hello: { _tag: "Hello", version, capabilities: [], actor: anna, role: "peer", maxFrame: 1_048_576, nonce: null }
 * })
 * state // { _tag: "Greeting" }
 * actions.map(({ message }) => message._tag) // ["Hello"]
 * ```
 * @category steps
 * @since 0.1.0
 */
export const start = (config: Config): Step =>
  config.side === "dialler" ? [{ _tag: "Greeting" }, [send(helloOf(config))]] : [{ _tag: "Listening" }, []]

/**
 * Takes one word of the peer in a handshake; returns the next state and the words that answer the peer.
 *
 * @example
 * ```ts
 * const bert = { name: "bert", uuid: "9f02", pid: 8 }
 * const version = { major: 1, minor: 0 }
 * const welcome = { _tag: "Welcome", version, capabilities: [], actor: bert, maxFrame: 1_048_576, proof: null } as const
 * const config: Handshake.Config = { side: "acceptor", welcome, judge: () => undefined }
 * const [listening] = Handshake.start(config)
 * Handshake.step(config, listening, { _tag: "Ping", n: 1 })[0] // { _tag: "Violated", violation: { _tag: "HandshakeOrder", word: "Ping", state: "Listening" } }
 * ```
 * @category steps
 * @since 0.1.0
 */
export const step = (config: Config, state: State, message: Message): Step => {
  switch (state._tag) {
    case "Greeting":
    case "Proving":
      return config.side === "dialler" ? answered(config, state, message) : outOfOrder(state, message)
    case "Listening":
      return config.side === "acceptor" && message._tag === "Hello"
        ? greeted(config, message)
        : outOfOrder(state, message)
    case "Challenging":
      return config.side === "acceptor" && message._tag === "Proof"
        ? proven(config, state, message.proof)
        : outOfOrder(state, message)
    case "Open":
      return isGreeting(message) ? outOfOrder(state, message) : [state, []]
    case "Refused":
    case "Violated":
      return [state, []]
  }
}

const isGreeting = ({ _tag }: Message): boolean =>
  _tag === "Hello" || _tag === "Challenge" || _tag === "Proof" || _tag === "Welcome" || _tag === "Refuse"

const send = (message: Message): Action => ({ _tag: "Send", message })

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

const proofRefusal = (detail: string): Refusal => ({ reason: "proof", detail })

// ---- dialler ------------------------------------------------------------------------------------------------------

const helloOf = ({ auth, hello }: Dialler): Hello => ({ ...hello, nonce: auth?.nonce ?? null })

/**
 * Refuses the acceptor without a word and closes the connection, because a dialler may say only `Hello` and `Proof`.
 */
const leave = (refusal: Refusal): Step => [{ _tag: "Refused", by: "us", refusal }, []]

const answered = (config: Dialler, state: Asking, message: Message): Step => {
  switch (message._tag) {
    case "Refuse":
      return [{ _tag: "Refused", by: "peer", refusal: { reason: message.reason, detail: message.detail } }, []]
    case "Challenge":
      return state._tag === "Greeting" ? challenged(config, message) : outOfOrder(state, message)
    case "Welcome": {
      const nonces = state._tag === "Proving" ? state.nonces : undefined
      const refusal = judgeVersion(message.version, config.hello.version) ??
        judgeProof(config, nonces, message) ??
        judgeActor(config, message.actor.uuid) ??
        config.expect?.(message)
      return refusal === undefined ? [{ _tag: "Open", peer: peerOf(message, config.hello) }, []] : leave(refusal)
    }
    default:
      return outOfOrder(state, message)
  }
}

const challenged = (config: Dialler, challenge: Challenge): Step => {
  const { auth, hello } = config
  if (auth === undefined) {
    return leave(proofRefusal(
      "the acceptor asks for proof of its tree's secret, and this side has no secret: dial it from an actor of its tree"
    ))
  }
  const refusal = judgeNonce("acceptor", challenge.nonce) ?? judgeActor(config, challenge.uuid)
  if (refusal !== undefined) return leave(refusal)
  const nonces = { dialler: auth.nonce, acceptor: challenge.nonce }
  const proof = auth.mac(transcript("dialler", nonces, hello, challenge.uuid, auth.binding))
  return [{ _tag: "Proving", nonces }, [send({ _tag: "Proof", proof })]]
}

const judgeProof = (
  { auth, hello }: Dialler,
  nonces: Nonces | undefined,
  { actor, proof }: Welcome
): Refusal | undefined => {
  if (auth === undefined) return undefined
  if (nonces === undefined || proof === null) {
    return proofRefusal(
      "the acceptor gave no proof that it belongs to this side's tree: look who listens at this address"
    )
  }
  return isEqual(proof, auth.mac(transcript("acceptor", nonces, hello, actor.uuid, auth.binding)))
    ? undefined
    : proofRefusal("the acceptor's proof is wrong: both sides must hold the secret of one tree")
}

const judgeActor = ({ to }: Dialler, uuid: string): Refusal | undefined =>
  to === undefined || to === uuid ? undefined : {
    reason: "identity",
    detail: `another actor answers here: this side dialled ${to}, the acceptor is ${uuid}. Look the address up again`
  }

// ---- acceptor -----------------------------------------------------------------------------------------------------

const refuse = (refusal: Refusal): Step => [
  { _tag: "Refused", by: "us", refusal },
  [send({ _tag: "Refuse", ...refusal })]
]

const letIn = ({ judge, welcome }: Acceptor, hello: Hello, proof: Uint8Array | null): Step => {
  const refusal = judge(hello)
  return refusal === undefined
    ? [{ _tag: "Open", peer: peerOf(hello, welcome) }, [send({ ...welcome, proof })]]
    : refuse(refusal)
}

const greeted = (config: Acceptor, hello: Hello): Step => {
  const { auth, welcome } = config
  const otherVersion = judgeVersion(hello.version, welcome.version)
  if (otherVersion !== undefined) return refuse(otherVersion)
  if (auth === undefined) return letIn(config, hello, null)
  const { nonce } = hello
  if (nonce === null) {
    return refuse(proofRefusal(
      "the acceptor asks for proof of its tree's secret, and the dialler has none: dial it from an actor of its tree"
    ))
  }
  const badNonce = judgeNonce("dialler", nonce)
  if (badNonce !== undefined) return refuse(badNonce)
  return [
    { _tag: "Challenging", hello, nonces: { dialler: nonce, acceptor: auth.nonce }, auth },
    [send({ _tag: "Challenge", uuid: welcome.actor.uuid, nonce: auth.nonce })]
  ]
}

const proven = (config: Acceptor, { auth, hello, nonces }: Challenging, proof: Uint8Array): Step => {
  const made = (side: "dialler" | "acceptor") =>
    auth.mac(transcript(side, nonces, hello, config.welcome.actor.uuid, auth.binding))
  return isEqual(proof, made("dialler"))
    ? letIn(config, hello, made("acceptor"))
    : refuse(proofRefusal("the dialler's proof is wrong: both sides must hold the secret of one tree"))
}

// ---- proof --------------------------------------------------------------------------------------------------------

const judgeNonce = (side: "dialler" | "acceptor", nonce: Uint8Array): Refusal | undefined =>
  nonce.length === nonceSize
    ? undefined
    : proofRefusal(`the ${side}'s nonce has ${nonce.length} bytes and must have ${nonceSize}`)

/**
 * Returns the transcript of a handshake, which is the bytes from which the proof of one side is computed. The length of
 * each field of the transcript stands before the field, as 32 bits in little-endian order.
 *
 * @example
 * ```ts
 * const nonces = { dialler: new Uint8Array(32), acceptor: new Uint8Array(32) }
 * const actor = { name: "anna", uuid: "6c1a", pid: 7 }
 * Handshake.transcript("dialler", nonces, { actor, role: "peer" }, "9f02").length // 116
 * ```
 * @category proofs
 * @since 0.1.0
 */
export const transcript = (
  side: "dialler" | "acceptor",
  nonces: Nonces,
  { actor, role }: Pick<Hello, "actor" | "role">,
  acceptor: string,
  binding?: Uint8Array
): Uint8Array => {
  const parts = [
    utf8(`furrow ${side} 1`),
    nonces.dialler,
    nonces.acceptor,
    utf8(actor.uuid),
    utf8(role),
    utf8(acceptor),
    ...(binding === undefined ? [] : [binding])
  ]
  const bytes = new Uint8Array(parts.reduce((size, part) => size + 4 + part.length, 0))
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const part of parts) {
    view.setUint32(at, part.length, true)
    bytes.set(part, at + 4)
    at += 4 + part.length
  }
  return bytes
}

/** `TextEncoder` is a global of every runtime, but no type library covers all runtimes. */
const encoder = new (globalThis as unknown as { TextEncoder: new() => { encode(text: string): Uint8Array } })
  .TextEncoder()
const utf8 = (text: string): Uint8Array => encoder.encode(text)

/** Compares two proofs in constant time: a wrong byte takes as long to find at the beginning as at the end. */
const isEqual = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!
  return difference === 0
}
