/**
 * Common code for Unix, TCP and TLS sockets: a server that passes on its connections, and a dialler.
 *
 * A server that listens for actors does not keep its process alive. Open connections of an actor keep its process alive
 * until they are closed, like the connection to its parent. Timeouts of an actor's sockets are measured in real time,
 * whatever Clock the program uses.
 */
import { type Connection, type Listener, TransportError } from "@furrow/actor/Transport"
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import * as SocketConnection from "../SocketConnection.ts"
import { adopt } from "./adopt.ts"

/** The type of Node's errors for a socket that cannot listen or connect. */
export type SystemError = NodeJS.ErrnoException

/**
 * Returns a server that listens, without waiting for a peer. The start of a server is not interruptible, so that no
 * server is left without an owner.
 */
export const serve = (
  options: Net.ListenOptions,
  accept: (connection: Connection) => void
): Effect.Effect<Net.Server, SystemError> =>
  listening(Net.createServer({ noDelay: true }, (socket) => accept(adopt(socket))), options)

/** Waits until a server listens for connections, and returns the server. */
export const listening = <S extends Net.Server>(
  server: S,
  options: Net.ListenOptions
): Effect.Effect<S, SystemError> =>
  Effect.callback((resume) => {
    const failed = (error: SystemError) => resume(Effect.fail(error))
    server.on("error", failed)
    // With the option `exclusive`, a worker of node:cluster opens a socket of its own instead of the primary process's
    // socket.
    server.listen({ ...options, exclusive: true }, () => {
      server.off("error", failed)
      // A server cannot accept a connection while its process has no free file descriptors. The dialler of a connection
      // that the server could not accept finds the connection closed.
      server.on("error", () => {})
      server.unref()
      resume(Effect.succeed(server))
    })
  })

/** Makes a Listener from a server of Node; a second close of the Listener has no effect. */
export const listenerOf = (server: Net.Server, address: string): Listener => ({
  address,
  close: () => {
    if (server.listening) server.close()
  }
})

/** The advice in an error about too many open files. */
export const tooManyFiles = "too many open files; every actor needs a handful (see `ulimit -n`)"

/** Returns the error for an actor that cannot listen at a socket. */
export const cannotListen = (at: string, error: SystemError): TransportError => {
  return new TransportError({
    gone: false,
    reason: `listening at ${at} failed (${error.message}): ${afterListening(at, error)}`
  })
}

const afterListening = (at: string, { code }: SystemError): string => {
  switch (code) {
    case "EMFILE":
    case "ENFILE":
      return tooManyFiles
    case "EACCES":
    case "EPERM":
      return at.startsWith("/unix")
        ? "this process may not listen there: choose another folder with the option `folder` of NodeTransport.layerUnix"
        : "this process may not listen at that port: choose others with the option `ports`"
    case "EADDRNOTAVAIL":
      return "this machine has no such address: give `host` one of its own"
    default:
      return "other actors cannot dial this one"
  }
}

/**
 * Milliseconds within which a listener has to answer a dial, and milliseconds before a listener with a full queue is
 * dialled again.
 */
export const dialTimeouts = { answerMillis: 10_000, fullMillis: 20 }

export const cannotDial = (address: string, error: SystemError): TransportError => {
  const failed = (next: string) =>
    new TransportError({ gone: false, reason: `dialling ${address} failed (${error.message}): ${next}` })
  switch (error.code) {
    case "ENOENT":
    case "ECONNREFUSED":
      return new TransportError({
        gone: true,
        reason:
          `no actor listens at ${address} any more (${error.code}): its actor has ended, or its socket was deleted. ` +
          "Ask for its address again"
      })
    case "EMFILE":
    case "ENFILE":
      return failed(tooManyFiles)
    case "EACCES":
    case "EPERM":
      return failed("this process may not use that socket: both actors have to run as the same user")
    case "EAGAIN":
    case "ETIMEDOUT":
      return failed("its actor is alive and takes no connections: it may be stopped, or busy for too long. Try again")
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return failed("no resolver knows the name of that host now. Advertise a literal, or mend the resolver")
    default:
      return failed("check the address, and that this machine reaches that host")
  }
}

export const noAnswer = (): SystemError =>
  Object.assign(new Error(`no answer within ${dialTimeouts.answerMillis / 1000} seconds`), { code: "ETIMEDOUT" })

/** Opens one connection to a listener. An interruption of a dial closes the dial's socket. */
export const connect = (address: string, target: Net.NetConnectOpts): Effect.Effect<Connection, TransportError> =>
  Effect.callback((resume) => {
    let socket: Net.Socket | undefined
    let again: NodeJS.Timeout | undefined
    const stop = () => {
      clearTimeout(deadline)
      clearTimeout(again)
      socket?.destroy()
    }
    const fail = (error: SystemError) => {
      stop()
      resume(Effect.fail(cannotDial(address, error)))
    }
    const deadline = setTimeout(() => fail(noAnswer()), dialTimeouts.answerMillis)
    const attempt = () => {
      const reader = SocketConnection.makeReader()
      const trying = Net.connect({ ...target, noDelay: true, onread: reader.onread } as Net.NetConnectOpts)
      socket = trying
      const failed = (error: SystemError) => {
        // Linux refuses a connection at once when the queue of a Unix listener is full, while TCP waits. A dial to a
        // Unix listener with a full queue is repeated, because Linux refuses the dial at once.
        if (error.code === "EAGAIN") again = setTimeout(attempt, dialTimeouts.fullMillis)
        else fail(error)
      }
      trying.once("error", failed)
      trying.once("connect", () => {
        trying.off("error", failed)
        clearTimeout(deadline)
        resume(Effect.succeed(SocketConnection.make(trying, reader)))
      })
    }
    try {
      attempt()
    } catch (error) {
      fail(error as SystemError)
    }
    return Effect.sync(stop)
  })
