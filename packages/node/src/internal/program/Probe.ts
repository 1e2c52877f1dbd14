/** Dials a port or a socket file of a program again and again, until a connection is accepted. */
import * as Effect from "effect/Effect"
import type * as Net from "node:net"

const net = (): typeof Net => process.getBuiltinModule("node:net")

/** Milliseconds between two attempts to connect to a program. */
const pauseMillis = 50
/** Milliseconds for one attempt to connect to a program, because a listener with a full backlog does not answer. */
const attemptMillis = 1000

const attempt = (where: Net.NetConnectOpts): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const socket = net().connect({ ...where, timeout: attemptMillis })
    const end = (accepted: boolean) => {
      socket.destroy()
      resume(Effect.succeed(accepted))
    }
    socket.once("connect", () => end(true))
    socket.once("timeout", () => end(false))
    socket.on("error", () => end(false))
    return Effect.sync(() => socket.destroy())
  })

export const accepts = (where: Net.NetConnectOpts): Effect.Effect<void> =>
  Effect.flatMap(
    attempt(where),
    (accepted) =>
      accepted ? Effect.void : Effect.andThen(Effect.sleep(pauseMillis), Effect.suspend(() => accepts(where)))
  )
