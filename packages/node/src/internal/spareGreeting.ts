/**
 * The first word of a spare, under the name that it is given later.
 *
 *   spare ---- Hello, as a spare ----> kept
 *                                       |  taken: Hello, as the actor ----> the runtime
 *   spare <------- Welcome, Spawn ---------------------------------------------+
 *
 * So the greeting of an actor that was a spare is over before its start, and `Spawn` says its name.
 */
import type { ActorId } from "@furrow/actor/ActorError"
import type { Connection } from "@furrow/actor/Transport"
import * as Envelope from "@furrow/protocol/Envelope"
import * as Frame from "@furrow/protocol/Frame"
import type { Hello } from "@furrow/protocol/Message"
import * as SocketConnection from "../SocketConnection.ts"

/** The greeting in the first bytes of a spare, which are that and nothing else. */
export const greetingOf = (bytes: Uint8Array): Hello | undefined => {
  const { frames, state } = Frame.decode(Frame.initial, bytes)
  if (frames.length !== 1 || state._tag !== "Between" || state.rest.length > 0) return undefined
  const word = Envelope.decode(frames[0]!)
  return word._tag === "Message" && word.message._tag === "Hello" ? word.message : undefined
}

/** The connection of an actor that was a spare: its owner hears the greeting first, as that actor's. */
export const greeted = (connection: Connection, hello: Hello, actor: ActorId): Connection => ({
  ...connection,
  start: (handlers) => {
    connection.start(handlers)
    const outbox = new Frame.Outbox()
    outbox.push(Envelope.encode({ ...hello, actor }))
    for (const bytes of outbox.take()) handlers.data(bytes)
  }
})

/** A reader for one socket, whose first bytes are handed to `first`. */
export const makeReader = (first: (bytes: Uint8Array) => void): SocketConnection.Reader => {
  const reader = SocketConnection.makeReader()
  const { buffer, callback } = reader.onread
  let isHeard = false
  return {
    subscribe: reader.subscribe,
    onread: {
      buffer,
      callback: (size, bytes) => {
        if (isHeard) return callback(size, bytes)
        isHeard = true
        first(bytes.slice(0, size))
        return true
      }
    }
  }
}
