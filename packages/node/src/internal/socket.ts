/**
 * Common parts of Unix, TCP and TLS sockets: a server that passes on its connections, and a dialler.
 *
 * A listening server does not keep its process alive. Open connections keep the process alive until they are closed,
 * like the connection between parent and child. Timeouts of sockets are measured in real time, whatever Clock the
 * program uses.
 */
import { type Connection, type Listener, TransportError } from "@furrow/actor/Transport"
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import * as SocketConnection from "../SocketConnection.ts"
import { adopt } from "./adopt.ts"

/** The type of the errors that Node gives when a socket cannot listen or connect. */
export type SystemError = NodeJS.ErrnoException

/**
 * Returns a server that listens, without waiting for a peer. The start of a listening server must not be interrupted.
 */
export const serve = (
  options: Net.ListenOptions,
  accept: (connection: Connection) => void
): Effect.Effect<Net.Server, SystemError> =>
  listening(Net.createServer({ noDelay: true }, (socket) => accept(adopt(socket))), options)

/** Waits until a server listens, and returns the server. */
export const listening = <S extends Net.Server>(
  server: S,
  options: Net.ListenOptions
): Effect.Effect<S, SystemError> =>
  Effect.callback((resume) => {
    const failed = (error: SystemError) => resume(Effect.fail(error))
    server.on("error", failed)
    // With the option `exclusive`, a worker of node:cluster opens the socket itself instead of sharing that of the
    // primary process.
    server.listen({ ...options, exclusive: true }, () => {
      server.off("error", failed)
      // A server cannot accept a connection while its process has no free file descriptor. The dialler of a connection
      // that could not be accepted finds the connection closed.
      server.on("error", () => {})
      server.unref()
      resume(Effect.succeed(server))
    })
  })

/** Makes a Listener from a server; closing it a second time has no effect. */
export const listenerOf = (server: Net.Server, address: string): Listener => ({
  address,
  close: () => {
    if (server.listening) server.close()
  }
})

/** The advice for an error that says too many files are open. */
export const tooManyFiles = "too many open files; every actor needs a handful (see `ulimit -n`)"

/** Returns the error of an actor that cannot listen at a socket. */
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
 * Milliseconds that a listener may take to answer, and milliseconds before a listener with a full queue is dialled
 * again.
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

/** Opens one connection to a listener. An interruption of a dial ends the attempt to connect. */
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
        // Linux refuses a connection at once when the queue of a Unix listener is full, while TCP waits. Because Linux
        // refuses at once, a dial to a full Unix listener is repeated.
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
