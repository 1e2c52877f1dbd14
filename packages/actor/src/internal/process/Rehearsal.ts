/**
 * Rehearses an actor's first call: runs the code for a call once, before a real call comes.
 *
 * JavaScript code is compiled when it first runs, and a codec is derived when its first value is encoded or decoded.
 * Without a rehearsal the first call of an actor takes ten times as long as its second call. A ready actor without work
 * rehearses one call, and derives the codecs of its endpoints. A rehearsal sends no bytes out of the process, and runs
 * no handler of the user.
 *
 * @since 0.1.0
 */
import * as Envelope from "@furrow/protocol/Envelope"
import * as Frame from "@furrow/protocol/Frame"
import type { Message } from "@furrow/protocol/Message"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import * as Digest from "../contract/Digest.ts"
import * as Endpoint from "../contract/Endpoint.ts"
import type { DialogContext } from "../dialog/DialogContext.ts"
import { type BoundHandlers, Dispatcher } from "../dialog/Dispatcher.ts"
import { makeEvents } from "../inspect/ActorEvent.ts"
import { eventLoop } from "../settings/Turn.ts"

/**
 * The number of endpoints whose codecs are derived in advance; the codecs of further endpoints are derived with their
 * first call.
 */
const maxPrepared = 64

const name = "furrow/rehearsal"

/** The schema of the rehearsed payload, with the kinds of values that occur in most payloads. */
const Line = Schema.Struct({ text: Schema.String, count: Schema.Number, isLast: Schema.Boolean })
const line: typeof Line.Type = { text: "a line", count: 1, isLast: true }

/**
 * Encodes and decodes a word, as if the word had crossed a connection, so that this code is compiled before the first
 * real call.
 */
const received = (word: Message): Envelope.Decoded => {
  const outbox = new Frame.Outbox()
  outbox.push(Envelope.encode(word))
  const { frames: [frame] } = Frame.decode(Frame.initial, outbox.take()[0]!)
  return Envelope.decode(frame!)
}

/** A connection of the rehearsal without another end: the words that are written to it are only passed to `said`. */
const nowhere = (peer: DialogContext["self"], said: (word: Message) => void): PeerChannel => {
  const channel: Partial<PeerChannel> = {
    peer,
    events: makeEvents(),
    turn: eventLoop,
    openDialogCount: 0,
    maxFrame: 1024 * 1024,
    send: (message: Message) => {
      Envelope.encode(message)
      said(message)
    },
    registerCallee: () => {},
    forget: () => {},
    violate: () => {}
  }
  return channel as PeerChannel
}

const prepare = function*(endpoint: Endpoint.AnyEndpoint): Generator<void, void> {
  Endpoint.codecs(endpoint)
  yield
  Endpoint.prepare(endpoint)
  yield
}

const compare = function*(endpoint: Endpoint.AnyEndpoint): Generator<void, void> {
  Digest.digest(endpoint)
  yield
}

/** Rehearses one call from its encoded payload to its encoded answer, and returns true if the call was answered. */
const call = function*(env: DialogContext, context: Context.Context<never>): Generator<void, boolean> {
  const endpoint = Endpoint.make("call", name, { payload: Line, success: Line })
  yield* prepare(endpoint)
  const payload = Endpoint.codecs(endpoint).payload.encode(line)
  if (!payload.ok) return false
  yield
  const handlers = new Map([[name, { endpoint, context, handler: (value: unknown) => Effect.succeed(value) }]])
  let isAnswered = false
  const channel = nowhere(env.self, ({ _tag }) => {
    isAnswered ||= _tag === "Return"
  })
  const dispatcher = new Dispatcher(channel, { ...env, cancellation: () => undefined }, handlers)
  const word = received({
    _tag: "Start",
    dialog: 1,
    kind: "call",
    endpoint: name,
    digest: null,
    meta: null,
    window: null,
    payload: payload.value
  })
  yield
  if (word._tag === "Message" && word.message._tag === "Start") dispatcher.start(word.message)
  yield
  return isAnswered
}

/** Runs the steps of a rehearsed call one after the other, and stops without an error at the first step that throws. */
const attempted = function*<A>(pieces: Generator<void, A>): Generator<void, A | undefined> {
  try {
    return yield* pieces
  } catch {
    return undefined
  }
}

/**
 * Returns an iterator over the pieces of the rehearsal of an actor's first call. Each piece of the rehearsal takes a
 * millisecond or two, and no piece throws. The rehearsal's result is true if the rehearsed call was answered.
 */
export const pieces = function*(
  handlers: BoundHandlers,
  env: DialogContext,
  context: Context.Context<never>
): Generator<void, boolean> {
  const isAnswered = yield* attempted(call(env, context))
  for (const { endpoint } of Array.from(handlers.values()).slice(0, maxPrepared)) {
    yield* attempted(prepare(endpoint))
    yield* attempted(compare(endpoint))
  }
  return isAnswered === true
}
