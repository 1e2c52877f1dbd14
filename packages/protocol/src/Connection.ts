/**
 * The machine of one connection decides which words are allowed, by the role of the peer and the phase of the
 * connection.
 *
 *   Handshaking --Welcome--> Spawning --Spawn--> Booting --Ready--> Serving --Bye--> Leaving --end--> Closed
 *        |                      (a parent and its child)               ^                |
 *        |--Welcome (peers, and both ends of one process)--------------+                |
 *        +-- every phase: end of the connection --> Lost --explained--> Closed <--------+
 *        +-- every phase: closed here, a violation, a loss that is known otherwise --> Closed
 *
 * The rules that say which words a connection allows are data. The table `Message.words` says which side may say a word
 * and when; the function `verdicts` returns for every role, phase and word whether the word is allowed. A word of the
 * peer is delivered, is a violation of the protocol, or is dropped because the word is late.
 *
 * Most words of a connection belong to an open dialog, or open a new dialog. The functions `delivers` and `takesStart`
 * decide about words of dialogs by look-ups, without new memory; the function `hear` decides about all other words.
 *
 * @since 0.1.0
 */
import * as Handshake from "./Handshake.ts"
import { actorFailure, type Cancel, type Message, type Time, type Word, words } from "./Message.ts"
import { describe, type Violation } from "./Violation.ts"

/** The role of the actor at the other end, as this actor sees it; `in-process` is a peer in the same process. */
export type Role = "parent" | "child" | "peer" | "in-process"

/**
 * All values of the type `Role`, the relation of a connection's other end to this end.
 *
 * @example
 * ```ts
 * Connection.roles // ["parent", "child", "peer", "in-process"]
 * ```
 */
export const roles: ReadonlyArray<Role> = ["parent", "child", "peer", "in-process"]

/** The name of a phase of a connection. */
export type PhaseName = Phase<unknown>["_tag"]

/**
 * All phases of a connection, in the order in which they can follow each other.
 *
 * @example
 * ```ts
 * Connection.phases[0] // "Handshaking"
 * ```
 */
export const phases: ReadonlyArray<PhaseName> = [
  "Handshaking",
  "Spawning",
  "Booting",
  "Serving",
  "Leaving",
  "Lost",
  "Closed"
]

/**
 * Returns the phases through which a connection to an actor of this role can go. Only a connection of a parent and
 * its child has the phases `Spawning` and `Booting`.
 *
 * @example
 * ```ts
 * Connection.phasesOf("peer") // ["Handshaking", "Serving", "Leaving", "Lost", "Closed"]
 * ```
 */
export const phasesOf = (role: Role): ReadonlyArray<PhaseName> =>
  role === "parent" || role === "child" ? phases : phases.filter((phase) => phase !== "Spawning" && phase !== "Booting")

/** The reason why a connection is closed; `E` is the type of the reasons that the owner of the connection gives. */
export type Why<E> =
  /** This side has closed the connection. */
  | { readonly _tag: "Local" }
  /** The peer said `Bye`, and the connection ended after the `Bye`. */
  | { readonly _tag: "Left" }
  /** The connection ended, and neither side gave a reason for the end. */
  | { readonly _tag: "Cut" }
  /** The owner of the connection knows why the connection ended, and the field `error` holds this reason. */
  | { readonly _tag: "Known"; readonly error: E }
  /** The peer broke a rule of the protocol. */
  | { readonly _tag: "Violated"; readonly violation: Violation }
  /** The peer says that this side broke a rule of the protocol. */
  | { readonly _tag: "Accused"; readonly rule: string; readonly detail: string }

/**
 * The phase of a connection; it holds the peer after the handshake, and the peer's farewell (`bye`) after its `Bye`.
 */
export type Phase<E> =
  | { readonly _tag: "Handshaking"; readonly config: Handshake.Config; readonly handshake: Handshake.State }
  | { readonly _tag: "Spawning" | "Booting" | "Serving"; readonly peer: Handshake.Peer }
  | { readonly _tag: "Leaving"; readonly peer: Handshake.Peer; readonly bye: Uint8Array }
  | { readonly _tag: "Lost"; readonly peer: Handshake.Peer | undefined; readonly bye: Uint8Array | undefined }
  | {
    readonly _tag: "Closed"
    readonly peer: Handshake.Peer | undefined
    readonly bye: Uint8Array | undefined
    readonly why: Why<E>
  }

/**
 * The numbers of the dialogs of a connection, and the counts of its open dialogs. The counts of open dialogs change
 * in place, so that counting a call allocates no memory. Only one state of a connection may hold the object with
 * these counts.
 */
export interface Dialogs {
  /** The number that the next dialog opened by this side gets. */
  next: number
  /** Highest number of a dialog that the peer has opened. */
  highest: number
  /** The number of open dialogs that the peer has opened. */
  served: number
  /**
   * Numbers of the peer's dialogs whose `Start` is arriving in parts. The number of a dialog counts as used from the
   * first part of its `Start` on.
   */
  readonly arriving: Set<number>
}

/** The state of one connection. */
export interface State<E> {
  readonly role: Role
  readonly phase: Phase<E>
  /** Words that came before the connection had an owner; `undefined` once the connection has an owner. */
  readonly early: ReadonlyArray<Message> | undefined
  readonly dialogs: Dialogs
  /**
   * The number of the next dialog at the loss of the connection: this side has opened all dialogs from this number on
   * too late.
   */
  readonly lostFrom: number
  /** True when the machine of a connection asks its owner for the reason of an unexpected end (`Explain`). */
  readonly explains: boolean
}

/** Settings of a new connection. */
export interface Config {
  readonly role: Role
  readonly handshake: Handshake.Config
  /** True when the machine asks its owner for the reason of an unexpected end (`Explain`). */
  readonly explains: boolean
}

/** An event of a connection that is no word of the peer; the function `hear` takes the peer's words. */
export type Input<E> =
  /** The connection has an owner from now on. */
  | { readonly _tag: "Owned" }
  /** This side has said a word that moves the connection to another phase. */
  | { readonly _tag: "Said"; readonly word: "Spawn" | "Ready" }
  | { readonly _tag: "End" }
  | { readonly _tag: "Explained"; readonly error: E }
  | { readonly _tag: "Close" }
  | { readonly _tag: "Lose"; readonly error: E }
  | { readonly _tag: "Violate"; readonly violation: Violation }

/** The result of a handshake in which the connection was not lost: the peer, or a refusal and the side that refused. */
export type Greeted =
  | { readonly _tag: "Open"; readonly peer: Handshake.Peer }
  | { readonly _tag: "Refused"; readonly by: "us" | "peer"; readonly refusal: Handshake.Refusal }

/** An action that the machine of a connection asks of the runtime. */
export type Action =
  | { readonly _tag: "Send"; readonly message: Message }
  /** Hands a word of the peer to its dialog. */
  | { readonly _tag: "Deliver" }
  /** Hands a word of the peer to the owner of the connection. */
  | { readonly _tag: "Tell" }
  | { readonly _tag: "Replay"; readonly words: ReadonlyArray<Message> }
  /** Acknowledges a cancel of the peer for a call whose `Start` is still arriving in parts. */
  | { readonly _tag: "AnswerCancel"; readonly cancel: Cancel }
  | { readonly _tag: "Greet"; readonly result: Greeted }
  /** Asks the owner of the connection why the connection ended. */
  | { readonly _tag: "Explain" }
  /** Sends the queued words, then ends this side's half of the connection. */
  | { readonly _tag: "EndWriting" }
  /** Stops the sending of words, because the connection accepts no more words. */
  | { readonly _tag: "StopWriting" }
  /**
   * Lets no further dialogs of this side begin: the peer has said its last word, or the connection is over. The
   * action `StopCalls` occurs once for each connection.
   */
  | { readonly _tag: "StopCalls" }
  /** Ends all open dialogs of this side that have no answer, because the peer has said its last word. */
  | { readonly _tag: "EndCallers" }
  | { readonly _tag: "Report"; readonly violation: Violation }
  /**
   * Tells each fiber that waits for the end of the connection why the connection ended; the state holds the reason. The
   * action `Settle` occurs once for each connection.
   */
  | { readonly _tag: "Settle" }

type Step<E> = readonly [State<E>, ReadonlyArray<Action>]

const silence: ReadonlyArray<Action> = []
const deliver: ReadonlyArray<Action> = [{ _tag: "Deliver" }]
const tell: ReadonlyArray<Action> = [{ _tag: "Tell" }]
const stopCalls: ReadonlyArray<Action> = [{ _tag: "StopCalls" }]
const left: ReadonlyArray<Action> = [...stopCalls, { _tag: "EndCallers" }, { _tag: "Tell" }]
const settle: ReadonlyArray<Action> = [{ _tag: "StopWriting" }, { _tag: "Settle" }]
const finish: ReadonlyArray<Action> = [{ _tag: "EndWriting" }, { _tag: "Settle" }]
const explain: ReadonlyArray<Action> = [{ _tag: "StopWriting" }, { _tag: "Explain" }]

// ---- The words that a side may say in each phase ------------------------------------------------------------------

/**
 * The result of the check whether a sender may say a word in the current phase of a connection. A word whose result is
 * `late` comes after the connection began to end, and is dropped. A word that its sender may never say, or not yet or
 * no more, is a violation.
 */
export type Verdict = "allowed" | "WrongSide" | "HandshakeOrder" | "late"

type Tag = Message["_tag"]

const tags = Object.keys(words) as ReadonlyArray<Tag>

const speakers: { readonly [S in Word["says"]]: ReadonlyArray<Role> } = {
  dialler: ["child", "peer", "in-process"],
  acceptor: ["parent", "peer", "in-process"],
  parent: ["parent"],
  child: ["child"],
  "parent or peer": ["parent", "peer"],
  "child or peer": ["child", "peer"],
  caller: roles,
  callee: roles,
  both: roles
}

/** The phases of the connection in which a word may be said; the side that hears the word judges the phase. */
const times: { readonly [T in Time]: (role: Role) => ReadonlyArray<PhaseName> } = {
  handshake: () => ["Handshaking"],
  open: () => ["Spawning", "Booting", "Serving"],
  spawning: () => ["Spawning"],
  booting: () => ["Booting"],
  started: () => ["Booting", "Serving"],
  // A child may open dialogs with its parent while the child boots. A parent opens no dialog with a child before the
  // child is ready.
  ready: (role) => role === "child" ? ["Booting", "Serving"] : ["Serving"],
  always: () => phases
}

/**
 * Checks whether the given kind of sender (`role`) may say a word in the given phase of a connection.
 *
 * @example
 * ```ts
 * Connection.judge({ says: "caller", when: "ready" }, "peer", "Serving") // "allowed"
 * Connection.judge({ says: "parent", when: "spawning" }, "child", "Spawning") // "WrongSide"
 * ```
 */
export const judge = ({ says, when }: Pick<Word, "says" | "when">, role: Role, phase: PhaseName): Verdict => {
  // Words on a lost connection are late, because a lost connection is not read any more.
  if (phase === "Lost" || phase === "Closed") return "late"
  if (when === "always") return "allowed"
  if (phase === "Handshaking" || when === "handshake") {
    return phase === "Handshaking" && when === "handshake" ? "allowed" : "HandshakeOrder"
  }
  if (!speakers[says].includes(role)) return "WrongSide"
  if (phase === "Leaving") return "late"
  return times[when](role).includes(phase) ? "allowed" : "HandshakeOrder"
}

type Verdicts = { readonly [W in Tag]: Verdict }
type Row<A> = { readonly [P in PhaseName]: A }

const table = <A>(make: (role: Role, phase: PhaseName) => A): (role: Role) => Row<A> => {
  const rows: { [R in Role]: Row<A> | undefined } = {
    parent: undefined,
    child: undefined,
    peer: undefined,
    "in-process": undefined
  }
  return (role) => rows[role] ??= Object.fromEntries(phases.map((phase) => [phase, make(role, phase)])) as Row<A>
}

/**
 * Returns whether one kind of sender (`role`) may say a word, for each phase of a connection and each word.
 *
 * @example
 * ```ts
 * Connection.verdicts("peer").Serving.Start // "allowed"
 * ```
 */
export const verdicts: (role: Role) => Row<Verdicts> = table((role, phase) =>
  Object.fromEntries(tags.map((tag) => [tag, judge(words[tag], role, phase)])) as Verdicts
)

const isDialogWord = (tag: Tag): boolean => tag !== "Start" && tag !== "Part" && words[tag].fields[0]?.[0] === "dialog"

const heardBy = (side: "caller" | "callee", tag: Tag): boolean => {
  const { says } = words[tag]
  return isDialogWord(tag) && (says === "both" || says !== side)
}

type Hearing = { readonly [W in Tag]: boolean }
const hearing = (side: "caller" | "callee"): Hearing =>
  Object.fromEntries(tags.map((tag) => [tag, heardBy(side, tag)])) as Hearing
const hearings = { caller: hearing("caller"), callee: hearing("callee") }

const deliveries = table((role, phase) => {
  const verdict = verdicts(role)[phase]
  const of = (side: "caller" | "callee"): Hearing =>
    Object.fromEntries(tags.map((tag) => [tag, hearings[side][tag] && verdict[tag] === "allowed"])) as Hearing
  return { caller: of("caller"), callee: of("callee") }
})

/**
 * True when a word goes to its open dialog without a step of the machine; the parameter `side` is this actor's side in
 * the dialog.
 */
export const delivers = <E>(state: State<E>, side: "caller" | "callee", tag: Tag): boolean =>
  state.early === undefined && deliveries(state.role)[state.phase._tag][side][tag]

// ---- the machine --------------------------------------------------------------------------------------------------

/**
 * The number of unread answers that a peer may have, when it sends calls and does not read. A peer that leaves more
 * answers unread than the constant `maxUnreadAnswers` says commits a violation.
 *
 * @example
 * ```ts
 * Connection.maxUnreadAnswers // 250_000
 * ```
 */
export const maxUnreadAnswers = 250_000

/** Returns the state of a new connection, with the first words of its handshake as actions. */
export const start = <E>({ explains, handshake, role }: Config): Step<E> => {
  const [greeting, actions] = Handshake.start(handshake)
  return [{
    role,
    phase: { _tag: "Handshaking", config: handshake, handshake: greeting },
    early: [],
    dialogs: { next: handshake.side === "dialler" ? 1 : 2, highest: 0, served: 0, arriving: new Set() },
    lostFrom: Infinity,
    explains
  }, actions]
}

/** Reserves the number of a new dialog of this side, and returns the number. */
export const open = <E>({ dialogs }: State<E>): number => {
  const id = dialogs.next
  dialogs.next += 2
  return id
}

/** Adds 1 to the number of the peer's open dialogs when a dialog has opened, or -1 when a dialog has ended. */
export const countServed = <E>({ dialogs }: State<E>, change: 1 | -1): void => void (dialogs.served += change)

/**
 * True when the `Start` of a new dialog goes to the connection's owner without a step of the machine; the dialog's
 * number then counts as used. The runtime gives a `Start` to the function `hear` when the function `takesStart` returns
 * false.
 */
export const takesStart = <E>(state: State<E>, dialog: number, unread: number): boolean => {
  const { dialogs, early, phase, role } = state
  const takes = early === undefined && verdicts(role)[phase._tag].Start === "allowed" && unread < maxUnreadAnswers &&
    isNew(dialogs, dialog) && !isOurs(state, dialog)
  if (takes) use(dialogs, dialog)
  return takes
}

/**
 * True when a new `Start` may have this dialog number: no earlier dialog has a higher number, or this `Start` is
 * arriving in parts.
 */
const isNew = (dialogs: Dialogs, dialog: number): boolean => dialog > dialogs.highest || dialogs.arriving.has(dialog)

const use = (dialogs: Dialogs, dialog: number): void => {
  if (dialog > dialogs.highest) dialogs.highest = dialog
  else dialogs.arriving.delete(dialog)
}

/**
 * The peer as the handshake introduced it; `undefined` while the handshake runs, or when the connection was lost
 * during the handshake.
 */
export const peerOf = <E>({ phase }: State<E>): Handshake.Peer | undefined =>
  phase._tag === "Handshaking" ? undefined : phase.peer

/**
 * Highest number of a dialog that the peer has opened. Dialogs of the peer with numbers above the highest number
 * never begin once this side has said its last word.
 */
export const taken = <E>({ dialogs }: State<E>): number => dialogs.highest

/** The encoded farewell of the peer; `undefined` while the peer has said none. */
export const byeOf = <E>({ phase }: State<E>): Uint8Array | undefined => "bye" in phase ? phase.bye : undefined

/** True from the end of the handshake until the connection ends or the peer says its farewell. */
export const isOpen = <E>({ phase: { _tag } }: State<E>): boolean =>
  _tag === "Serving" || _tag === "Booting" || _tag === "Spawning"

/**
 * True when no dialog of this side can begin any more. A dialog that is opened after the end of the connection is
 * told why the connection ended.
 */
export const isOver = <E>({ phase: { _tag } }: State<E>): boolean =>
  _tag === "Leaving" || _tag === "Lost" || _tag === "Closed"

/** True in the phases in which a new dialog of this side is accepted. */
export const accepts = <E>({ phase: { _tag } }: State<E>): boolean => _tag !== "Leaving" && _tag !== "Closed"

/** True when this side opened the dialog after the loss of the connection. */
export const openedTooLate = <E>(state: State<E>, dialog: number): boolean => dialog >= state.lostFrom

const isOurs = <E>(state: State<E>, dialog: number): boolean => dialog % 2 === state.dialogs.next % 2

const close = <E>(state: State<E>, why: Why<E>, actions: ReadonlyArray<Action>): Step<E> =>
  state.phase._tag === "Closed" ? [state, silence] : [{
    ...state,
    phase: { _tag: "Closed", peer: peerOf(state), bye: byeOf(state), why },
    early: state.early === undefined ? undefined : [],
    lostFrom: Math.min(state.lostFrom, state.dialogs.next)
  }, isOver(state) ? actions : [...stopCalls, ...actions]]

const violate = <E>(state: State<E>, violation: Violation): Step<E> =>
  close(state, { _tag: "Violated", violation }, [
    { _tag: "Send", message: { _tag: "Violation", rule: violation._tag, detail: describe(violation) } },
    { _tag: "EndWriting" },
    { _tag: "Report", violation },
    { _tag: "Settle" }
  ])

/**
 * Returns the state after `Spawn` or `Ready`: each of the two words leads to the next phase, whichever side has said
 * the word.
 */
const lead = <E>(state: State<E>, word: "Spawn" | "Ready"): State<E> => {
  const { phase } = state
  if (phase._tag !== (word === "Spawn" ? "Spawning" : "Booting")) return state
  return { ...state, phase: { _tag: word === "Spawn" ? "Booting" : "Serving", peer: phase.peer } }
}

/** Takes one input of a connection; returns the next state of the connection and the actions for the runtime. */
export const step = <E>(state: State<E>, input: Input<E>): Step<E> => {
  switch (input._tag) {
    case "Owned":
      return state.early === undefined
        ? [state, silence]
        : [
          { ...state, early: undefined },
          state.early.length === 0 ? silence : [{
            _tag: "Replay",
            words: state.early
          }]
        ]
    case "Said":
      return [lead(state, input.word), silence]
    case "End":
      return ended(state)
    case "Explained":
      return state.phase._tag === "Lost"
        ? close(state, { _tag: "Known", error: input.error }, settle)
        : [state, silence]
    case "Close":
      return close(state, { _tag: "Local" }, finish)
    case "Lose":
      return close(state, { _tag: "Known", error: input.error }, finish)
    case "Violate":
      return violate(state, input.violation)
  }
}

const ended = <E>(state: State<E>): Step<E> => {
  if (state.phase._tag === "Closed" || state.phase._tag === "Lost") return [state, silence]
  const bye = byeOf(state)
  if (!state.explains) return close(state, bye === undefined ? { _tag: "Cut" } : { _tag: "Left" }, settle)
  const lost: State<E> = {
    ...state,
    phase: { _tag: "Lost", peer: peerOf(state), bye },
    lostFrom: state.dialogs.next
  }
  return [lost, isOver(state) ? explain : [...stopCalls, ...explain]]
}

/**
 * Handles one word of the peer, and returns the next state of the connection and the actions for the runtime. The
 * parameter `side` is this actor's side in the word's dialog, or `undefined` when that dialog is not open. The
 * parameter `unread` counts the answers that the peer has not read.
 */
export const hear = <E>(
  state: State<E>,
  message: Message,
  side: "caller" | "callee" | undefined,
  unread: number
): Step<E> => {
  const { early, phase, role } = state
  if (phase._tag === "Closed" || phase._tag === "Lost") return [state, silence]
  if (message._tag === "Violation") {
    return close(state, { _tag: "Accused", rule: message.rule, detail: message.detail }, finish)
  }
  if (phase._tag === "Handshaking") return greet(state, phase, message)
  if (early !== undefined) return [{ ...state, early: [...early, message] }, silence]
  const ofActor = message._tag === "Error" && message.dialog === 0
  const verdict = ofActor ? judge(actorFailure, role, phase._tag) : verdicts(role)[phase._tag][message._tag]
  if (verdict === "late") return [state, silence]
  if (verdict === "WrongSide") return violate(state, { _tag: "WrongSide", word: message._tag })
  if (verdict === "HandshakeOrder") {
    return violate(state, { _tag: "HandshakeOrder", word: message._tag, state: phase._tag })
  }
  if (ofActor) return [state, tell]
  switch (message._tag) {
    case "Start":
      return unread < maxUnreadAnswers
        ? started(state, message.dialog)
        : violate(state, { _tag: "AnswersUnread", limit: maxUnreadAnswers })
    case "Ping":
      return unread < maxUnreadAnswers
        ? [state, [{ _tag: "Send", message: { _tag: "Pong", n: message.n } }]]
        : violate(state, { _tag: "AnswersUnread", limit: maxUnreadAnswers })
    case "Pong":
      return [state, silence]
    case "Spawn":
    case "Ready":
      return [lead(state, message._tag), tell]
    case "Bye":
      return [{ ...state, phase: { _tag: "Leaving", peer: phase.peer!, bye: message.payload } }, left]
    case "CancelActor":
    case "CancelAck":
    case "Leave":
      return [state, tell]
    // A part that reaches the machine of a connection is a violation: if both sides agreed on parts, `Frame` has
    // assembled all parts.
    case "Part":
      return violate(state, { _tag: "Unsupported", word: "Part" })
    case "Cancel":
      return side === undefined && state.dialogs.arriving.delete(message.dialog)
        ? [state, [{ _tag: "AnswerCancel", cancel: message }]]
        : ofDialog(state, message, side)
    case "Started":
    case "Yield":
    case "Credit":
    case "Stop":
    case "Return":
    case "Error":
      return ofDialog(state, message, side)
    // The table of words makes a word of the handshake a violation when the handshake is over.
    case "Hello":
    case "Welcome":
    case "Refuse":
    case "Challenge":
    case "Proof":
      return [state, silence]
  }
}

const ofDialog = <E>(
  state: State<E>,
  { _tag, dialog }: Extract<Message, { readonly dialog: number }>,
  side: "caller" | "callee" | undefined
): Step<E> => {
  if (side === undefined) return late(state, dialog, _tag)
  return hearings[side][_tag] ? [state, deliver] : violate(state, { _tag: "WrongSide", word: _tag })
}

const greet = <E>(
  state: State<E>,
  { config, handshake }: Extract<Phase<E>, { readonly _tag: "Handshaking" }>,
  message: Message
): Step<E> => {
  const [next, sends] = Handshake.step(config, handshake, message)
  switch (next._tag) {
    case "Open": {
      const { peer } = next
      const _tag = state.role === "parent" || state.role === "child" ? "Spawning" : "Serving"
      return [{ ...state, phase: { _tag, peer } }, [...sends, { _tag: "Greet", result: { _tag: "Open", peer } }]]
    }
    case "Refused": {
      const { by, refusal } = next
      const result: Greeted = { _tag: "Refused", by, refusal }
      return close(state, { _tag: "Local" }, [...sends, { _tag: "Greet", result }, ...finish])
    }
    case "Violated":
      return violate(state, next.violation)
    default:
      return [{ ...state, phase: { _tag: "Handshaking", config, handshake: next } }, sends]
  }
}

const started = <E>(state: State<E>, dialog: number): Step<E> => {
  if (isOurs(state, dialog) || dialog === 0) {
    return violate(state, { _tag: "DialogId", dialog, issue: "the id belongs to the other side" })
  }
  if (!isNew(state.dialogs, dialog)) {
    return violate(state, { _tag: "DialogId", dialog, issue: "ids of one side must grow" })
  }
  use(state.dialogs, dialog)
  return [state, tell]
}

/**
 * Records that the first part of a large word has arrived. The first part of a `Start` reserves the number of its
 * dialog, because other dialogs may begin before the `Start` is whole.
 */
export const begun = <E>(state: State<E>, dialog: number, word: number): Step<E> => {
  const verdict = verdicts(state.role)[state.phase._tag].Part
  if (verdict === "late") return [state, silence]
  if (verdict !== "allowed") {
    return violate(state, { _tag: "HandshakeOrder", word: "Part", state: state.phase._tag })
  }
  if (word !== words.Start.code) return [state, silence]
  const { dialogs } = state
  if (isOurs(state, dialog)) {
    return violate(state, { _tag: "DialogId", dialog, issue: "the id belongs to the other side" })
  }
  if (dialog <= dialogs.highest) {
    return violate(state, { _tag: "DialogId", dialog, issue: "ids of one side must grow" })
  }
  dialogs.highest = dialog
  dialogs.arriving.add(dialog)
  return [state, silence]
}

/**
 * Judges a word for a dialog that is not open: the word is late if the dialog has ended, and a violation if the
 * dialog never began.
 */
const late = <E>(
  state: State<E>,
  dialog: number,
  word: string
): Step<E> => {
  const known = dialog !== 0 && (isOurs(state, dialog) ? dialog < state.dialogs.next : dialog <= state.dialogs.highest)
  return known ? [state, silence] : violate(state, { _tag: "UnknownDialog", dialog, word })
}
