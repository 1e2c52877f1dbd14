/**
 * Replaces the name in the first word of a spare by the name of the actor that the spare becomes.
 *
 *   spare ---- Hello, as a spare ----> kept
 *                                       |  taken: Hello, as the actor ----> the runtime
 *   spare <------- Welcome, Spawn ---------------------------------------------+
 *
 * An actor that was a spare has greeted its owner before its start, and the word `Spawn` tells the actor its name.
 */
import type { ActorId } from "@furrow/actor/ActorError"
import type { Connection } from "@furrow/actor/Transport"
import * as Envelope from "@furrow/protocol/Envelope"
import * as Frame from "@furrow/protocol/Frame"
import type { Hello } from "@furrow/protocol/Message"
import * as SocketConnection from "../SocketConnection.ts"

/**
 * Reads the greeting from the first bytes of a spare, or returns undefined where the bytes are not exactly one
 * greeting.
 */
export const greetingOf = (bytes: Uint8Array): Hello | undefined => {
  const { frames, state } = Frame.decode(Frame.initial, bytes)
  if (frames.length !== 1 || state._tag !== "Between" || state.rest.length > 0) return undefined
  const word = Envelope.decode(frames[0]!)
  return word._tag === "Message" && word.message._tag === "Hello" ? word.message : undefined
}

/**
 * Returns the connection of an actor that has been a spare. The owner of an actor that was a spare reads a greeting
 * with the actor's name before all other bytes.
 */
export const greeted = (connection: Connection, hello: Hello, actor: ActorId): Connection => ({
  ...connection,
  start: (handlers) => {
    connection.start(handlers)
    const outbox = new Frame.Outbox()
    outbox.push(Envelope.encode({ ...hello, actor }))
    for (const bytes of outbox.take()) handlers.data(bytes)
  }
})

/** Makes a reader for the socket of a spare, which passes the first bytes of the spare to the function `first`. */
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
