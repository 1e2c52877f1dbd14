/**
 * Words on the connection of a spare process before the protocol begins there.
 *
 *   spare                      its owner
 *     | ---- ready ------------> |      it has rehearsed a start
 *     | <--- the actor, a line - |      taken: it is this actor
 *     | ---- Hello ------------> |      the protocol, from here on
 *
 * Neither says its next word before it has heard the other's, so no chunk holds two of them.
 */
import type { SpawnRequest } from "@furrow/actor/Spawner"
import * as SocketConnection from "../SocketConnection.ts"

/** In the place of an actor's uuid on the command line of a spare. */
export const spareMark = "spare"

/** The name of a spare, which its process title shows. */
export const spareName = "spare"

const newline = 0x0a

/** The word of a spare that waits. */
export const ready: Uint8Array = Uint8Array.of(newline)

type Actor = SpawnRequest["actor"]

export const lineOf = ({ name, uuid }: Actor): string => `${JSON.stringify({ name, uuid })}\n`

/** The actor in a line without its end. */
export const actorOf = (line: string): Actor => JSON.parse(line) as Actor

/** A piece of the overture, or of what comes behind it. */
export type Part = "overture" | "protocol"

/** A reader for one socket whose first bytes are offered to `hear`, until it finds that they are the protocol's. */
export const makeReader = (hear: (bytes: Uint8Array) => Part): SocketConnection.Reader => {
  const reader = SocketConnection.makeReader()
  const { buffer, callback } = reader.onread
  let isOver = false
  return {
    subscribe: reader.subscribe,
    onread: {
      buffer,
      callback: (size, bytes) => {
        isOver ||= hear(bytes.slice(0, size)) === "protocol"
        return isOver ? callback(size, bytes) : true
      }
    }
  }
}
