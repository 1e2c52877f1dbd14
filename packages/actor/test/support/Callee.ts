/** An actor's side of one connection, without the actor: its caller is played by the test, word by word. */
import type { DialogContext } from "@furrow/actor/internal/dialog/DialogContext"
import { Dispatcher } from "@furrow/actor/internal/dialog/Dispatcher"
import { type ActorEvent, makeEvents } from "@furrow/actor/internal/inspect/ActorEvent"
import type { Message } from "@furrow/protocol/Message"
import * as Effect from "effect/Effect"
import { settle } from "./Time.ts"
import { acceptor, dialler, idOf, raw } from "./Wire.ts"

interface Definition {
  readonly endpoint: any
  readonly handler: any
}

export const callee = (definitions: ReadonlyArray<Definition>) =>
  Effect.gen(function*() {
    const peer = raw(acceptor("right"))
    const events: Array<ActorEvent> = []
    const env: DialogContext = {
      self: idOf("right"),
      events: makeEvents(),
      level: "Info",
      cancellation: () => undefined
    }
    env.events.subscribe((event) => events.push(event))
    const context = yield* Effect.context<never>()
    const handlers = new Map(definitions.map(({ endpoint, handler }) => [
      endpoint.name as string,
      { endpoint, handler, context }
    ]))
    const dispatcher = new Dispatcher(peer.end.channel, env, handlers)
    peer.end.onStart = (message) => dispatcher.start(message)
    const config = dialler("left")
    if (config.side === "dialler") peer.say(config.hello)
    yield* settle
    return { ...peer, dispatcher, events }
  })

/** A `Start` with a payload that is encoded already. */
export const startOf = ({ endpoint }: Definition, dialog: number, payload: Uint8Array): Message => ({
  _tag: "Start",
  dialog,
  kind: endpoint.kind,
  endpoint: endpoint.name,
  digest: null,
  meta: null,
  window: endpoint.kind === "call" ? null : { items: 4, bytes: 1000 },
  payload
})
