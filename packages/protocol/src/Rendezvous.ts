/**
 * The machine of one actor's connections to its peers: each pair of actors has at most one connection, whatever the
 * order of their dials.
 *
 *   (gone) --wanted--> Dialling --connected--> Greeting --welcome--> Open --end of the connection--> (gone)
 *                         ^                        |--refused as a duplicate--> Duplicate
 *                         +--------- a moment later, where the peer's own dial has not come in --------+
 *   Dialling | Greeting | Duplicate   --the peer's dial comes in--> Open     --refused, nobody there, too late--> (gone)
 *
 * When two actors dial each other at once, the dial of the actor with the smaller uuid wins: this actor refuses the
 * other actor's dial as a duplicate, and the other actor accepts.
 *
 * A stranger is a connection that has not proven itself. An actor has at most `maxStrangers` strangers: a new stranger
 * evicts the oldest stranger. A refused stranger counts as a stranger until it has had time to read the reason of its
 * refusal.
 *
 * The type parameter `C` is an open connection, `S` is an incoming connection, and `E` is the reason why a dial failed.
 * The machine of a rendezvous has no clock, because an input tells the machine when a bound has passed.
 *
 * @since 0.1.0
 */
import type { Refusal } from "./Handshake.ts"
import type { Hello } from "./Message.ts"

/**
 * The largest number of strangers that an actor has at one time.
 *
 * @example
 * ```ts
 * Rendezvous.maxStrangers // 64
 * ```
 * @category constants
 * @since 0.1.0
 */
export const maxStrangers = 64

/**
 * The state of an actor's connection to one peer: it is dialled, exchanges greetings, was refused as a duplicate, or is
 * open.
 *
 * @category models
 * @since 0.1.0
 */
export type Link<C> =
  | { readonly _tag: "Dialling" }
  | { readonly _tag: "Greeting" }
  /**
   * The peer refused the connection of this actor, because the peer's own connection to this actor is on its way or
   * open.
   */
  | { readonly _tag: "Duplicate" }
  | { readonly _tag: "Open"; readonly connection: C }

/**
 * The connections of one actor to its peers, which are open or being made, and the strangers that have dialled the
 * actor.
 *
 * @category models
 * @since 0.1.0
 */
export interface State<C, S> {
  readonly self: string
  /**
   * The phase of an actor in the rendezvous. The phase `ending` means that the actor dials and admits no peer, and
   * `closed` that no connection is left.
   */
  readonly phase: "open" | "ending" | "closed"
  /**
   * The connections to peers, by the uuid of the peer; a peer without an entry has no connection and is not being
   * dialled.
   */
  readonly links: ReadonlyMap<string, Link<C>>
  /** The strangers of this actor, the oldest first. */
  readonly strangers: ReadonlyMap<S, "unknown" | "refused">
}

/**
 * An input of the rendezvous: a request of a caller, news of a dial or of a connection, or a bound that has passed.
 *
 * @category models
 * @since 0.1.0
 */
export type Input<C, S, E> =
  /**
   * A caller wants a connection to a peer. The field `usable` is false when the open connection to the peer is about to
   * close.
   */
  | { readonly _tag: "Wanted"; readonly peer: string; readonly usable: boolean }
  | { readonly _tag: "Connected"; readonly peer: string }
  | { readonly _tag: "Welcomed"; readonly peer: string; readonly connection: C }
  | { readonly _tag: "RefusedAsDuplicate"; readonly peer: string }
  | { readonly _tag: "RetryDue"; readonly peer: string }
  | { readonly _tag: "DialFailed"; readonly peer: string; readonly error: E }
  | { readonly _tag: "DialLate"; readonly peer: string }
  | { readonly _tag: "Ended"; readonly peer: string; readonly connection: C }
  | { readonly _tag: "StrangerCame"; readonly stranger: S }
  | { readonly _tag: "StrangerAdmitted"; readonly stranger: S; readonly peer: string; readonly connection: C }
  /**
   * The actor has told a stranger that it is refused. The field `reason` of a refused stranger is undefined if both
   * actors had dialled each other at the same time.
   */
  | { readonly _tag: "StrangerRefused"; readonly stranger: S; readonly reason: string | undefined }
  | { readonly _tag: "StrangerEnded"; readonly stranger: S; readonly reason: string }
  | { readonly _tag: "StrangerLate"; readonly stranger: S }
  /** The actor is ending, so no new connection is made. */
  | { readonly _tag: "Ending" }
  /**
   * The actor has ended, so all its connections close. The field `how` says whether the actor says `Bye` to its peers
   * or was killed.
   */
  | { readonly _tag: "Close"; readonly how: "leave" | "cut" }

/**
 * An action that the machine of a rendezvous asks of its owner.
 *
 * @category models
 * @since 0.1.0
 */
export type Action<C, S, E> =
  | { readonly _tag: "Dial"; readonly peer: string }
  /** Gives the machine the input `RetryDue` after a short time, so that the actor dials the peer again. */
  | { readonly _tag: "AwaitRetry"; readonly peer: string }
  /** Interrupts the dial of this actor to the peer, which has begun and not ended. */
  | { readonly _tag: "StopDial"; readonly peer: string }
  /** Answers every caller that waits for a connection to the peer. */
  | { readonly _tag: "Answer"; readonly peer: string; readonly connection: C }
  | { readonly _tag: "Fail"; readonly peer: string; readonly why: "late" | "ending" | { readonly error: E } }
  /** Serves the peer over its new connection. */
  | { readonly _tag: "Serve"; readonly peer: string; readonly connection: C }
  /**
   * Closes the older connection of a peer that has a new connection: the older connection is dead, though its end has
   * not been seen.
   */
  | { readonly _tag: "CloseStale"; readonly connection: C }
  | { readonly _tag: "TakeLeave"; readonly connection: C }
  | { readonly _tag: "Cut"; readonly connection: C }
  | { readonly _tag: "CutStranger"; readonly stranger: S }
  | { readonly _tag: "ReportStranger"; readonly reason: string }

type Step<C, S, E> = readonly [State<C, S>, ReadonlyArray<Action<C, S, E>>]

const silence: ReadonlyArray<never> = []

/**
 * Returns the state of the rendezvous in a new actor, which has no connections; `self` is the uuid of the actor.
 *
 * @example
 * ```ts
 * Rendezvous.initial("6c1a").phase // "open"
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const initial = <C, S>(self: string): State<C, S> => ({
  self,
  phase: "open",
  links: new Map(),
  strangers: new Map()
})

/**
 * Judges a peer that has proven itself: returns a refusal with its reason, or `undefined` to admit the peer. The
 * function `usable` says whether an open connection still takes calls.
 *
 * @example
 * ```ts
 * const actor = { name: "bert", uuid: "9f02", pid: 8 }
 * const state = Rendezvous.initial<string, string>("6c1a")
 * Rendezvous.judge(state, { actor, role: "peer" }, () => true) // undefined
 * Rendezvous.judge({ ...state, phase: "ending" }, { actor, role: "peer" }, () => true)?.reason // "busy"
 * ```
 * @category steps
 * @since 0.1.0
 */
export const judge = <C, S>(
  { links, phase, self }: State<C, S>,
  { actor, role }: Pick<Hello, "actor" | "role">,
  usable: (connection: C) => boolean
): Refusal | undefined => {
  if (phase !== "open") return { reason: "busy", detail: "this actor is ending" }
  // A peer in the role of a probe only reads the name of this actor, and then closes its connection.
  if (role === "probe") return undefined
  if (role !== "peer") return { reason: "role", detail: "only peers dial: parents and children are connected" }
  if (actor.uuid === self) return { reason: "identity", detail: "this is you" }
  const link = links.get(actor.uuid)
  if (link === undefined || (link._tag === "Open" ? !usable(link.connection) : self > actor.uuid)) return undefined
  return { reason: "duplicate", detail: "there is a connection between the two already" }
}

const linked = <C, S>(state: State<C, S>, peer: string, link: Link<C> | undefined): State<C, S> => {
  const links = new Map(state.links)
  if (link === undefined) links.delete(peer)
  else links.set(peer, link)
  return { ...state, links }
}

const without = <C, S>(state: State<C, S>, stranger: S): State<C, S> => {
  const strangers = new Map(state.strangers)
  strangers.delete(stranger)
  return { ...state, strangers }
}

/**
 * Takes one input of the rendezvous; returns the next state and the actions.
 *
 * @example
 * ```ts
 * const state = Rendezvous.initial<string, string>("6c1a")
 * Rendezvous.step(state, { _tag: "Wanted", peer: "9f02", usable: false })[1] // [{ _tag: "Dial", peer: "9f02" }]
 * ```
 * @category steps
 * @since 0.1.0
 */
export const step = <C, S, E>(state: State<C, S>, input: Input<C, S, E>): Step<C, S, E> => {
  switch (input._tag) {
    case "Wanted":
    case "Connected":
    case "Welcomed":
    case "RefusedAsDuplicate":
    case "RetryDue":
    case "DialFailed":
    case "DialLate":
    case "Ended":
      return linkStep(state, input)
    case "StrangerCame":
      return came(state, input.stranger)
    case "StrangerAdmitted":
      return state.strangers.has(input.stranger)
        ? opened(without(state, input.stranger), input.peer, input.connection)
        : [state, silence]
    case "StrangerRefused":
    case "StrangerEnded":
    case "StrangerLate":
      return strangerStep(state, input)
    case "Ending":
      return [
        { ...state, phase: state.phase === "closed" ? "closed" : "ending", strangers: new Map() },
        Array.from(state.strangers.keys(), (stranger): Action<C, S, E> => ({ _tag: "CutStranger", stranger }))
      ]
    case "Close":
      return [
        { ...state, phase: "closed", links: new Map() },
        Array.from(state.links).flatMap(([peer, link]): ReadonlyArray<Action<C, S, E>> =>
          link._tag === "Open"
            ? [{ _tag: input.how === "leave" ? "TakeLeave" : "Cut", connection: link.connection }]
            : [{ _tag: "StopDial", peer }, { _tag: "Fail", peer, why: "ending" }]
        )
      ]
  }
}

type LinkInput<C, S, E> = Extract<Input<C, S, E>, { readonly peer: string }>

const linkStep = <C, S, E>(
  state: State<C, S>,
  input: Exclude<LinkInput<C, S, E>, { readonly _tag: "StrangerAdmitted" }>
): Step<C, S, E> => {
  const { peer } = input
  const link = state.links.get(peer)
  switch (input._tag) {
    case "Wanted":
      if (link?._tag === "Open" && input.usable) {
        return [state, [{ _tag: "Answer", peer, connection: link.connection }]]
      }
      if (link !== undefined && link._tag !== "Open") return [state, silence]
      return state.phase !== "open"
        ? [state, [{ _tag: "Fail", peer, why: "ending" }]]
        : [linked(state, peer, { _tag: "Dialling" }), [{ _tag: "Dial", peer }]]
    case "Connected":
      return link?._tag === "Dialling" ? [linked(state, peer, { _tag: "Greeting" }), silence] : [state, silence]
    case "Welcomed":
      return opened(state, peer, input.connection)
    case "RefusedAsDuplicate":
      return link?._tag === "Greeting"
        ? [linked(state, peer, { _tag: "Duplicate" }), [{ _tag: "AwaitRetry", peer }]]
        : [state, silence]
    case "RetryDue":
      return link?._tag === "Duplicate"
        ? [linked(state, peer, { _tag: "Dialling" }), [{ _tag: "Dial", peer }]]
        : [state, silence]
    case "DialFailed":
      return link?._tag === "Dialling" || link?._tag === "Greeting"
        ? [linked(state, peer, undefined), [{ _tag: "Fail", peer, why: { error: input.error } }]]
        : [state, silence]
    case "DialLate":
      return link === undefined || link._tag === "Open" ? [state, silence] : [
        linked(state, peer, undefined),
        [{ _tag: "StopDial", peer }, { _tag: "Fail", peer, why: "late" }]
      ]
    case "Ended":
      return link?._tag === "Open" && link.connection === input.connection
        ? [linked(state, peer, undefined), silence]
        : [state, silence]
  }
}

/**
 * Stores a new connection of a peer. The older open connection of the peer is dead, although this actor has not
 * noticed its end.
 */
const opened = <C, S, E>(state: State<C, S>, peer: string, connection: C): Step<C, S, E> => {
  const before = state.links.get(peer)
  const serve: Action<C, S, E> = { _tag: "Serve", peer, connection }
  const actions: ReadonlyArray<Action<C, S, E>> = before === undefined
    ? [serve]
    : before._tag === "Open"
    ? [{ _tag: "CloseStale", connection: before.connection }, serve]
    : [serve, { _tag: "Answer", peer, connection }]
  return state.phase === "closed"
    ? [state, [{ _tag: "TakeLeave", connection }]]
    : [linked(state, peer, { _tag: "Open", connection }), actions]
}

const came = <C, S, E>(state: State<C, S>, stranger: S): Step<C, S, E> => {
  if (state.phase !== "open") return [state, [{ _tag: "CutStranger", stranger }]]
  const [oldest] = state.strangers
  const evicts = state.strangers.size >= maxStrangers && oldest !== undefined
  const left = evicts ? without(state, oldest[0]) : state
  return [
    { ...left, strangers: new Map(left.strangers).set(stranger, "unknown") },
    evicts ? cut(oldest, "too many strangers at once") : silence
  ]
}

const cut = <S>([stranger, state]: readonly [S, "unknown" | "refused"], reason: string) => [
  ...(state === "unknown" ? [{ _tag: "ReportStranger", reason } as const] : []),
  { _tag: "CutStranger", stranger } as const
]

const strangerStep = <C, S, E>(
  state: State<C, S>,
  input: Extract<Input<C, S, E>, { readonly _tag: "StrangerRefused" | "StrangerEnded" | "StrangerLate" }>
): Step<C, S, E> => {
  const { stranger } = input
  const known = state.strangers.get(stranger)
  if (known === undefined) return [state, silence]
  switch (input._tag) {
    // The refusal is sent before the connection closes: the stranger has the time limit of the handshake to read the
    // refusal.
    case "StrangerRefused":
      return known === "refused" ? [state, silence] : [
        { ...state, strangers: new Map(state.strangers).set(stranger, "refused") },
        input.reason === undefined ? silence : [{ _tag: "ReportStranger", reason: input.reason }]
      ]
    case "StrangerEnded":
      return [without(state, stranger), cut([stranger, known], input.reason)]
    case "StrangerLate":
      return [without(state, stranger), cut([stranger, known], "it did not prove itself in time")]
  }
}
