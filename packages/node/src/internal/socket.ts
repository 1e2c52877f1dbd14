/**
 * Common parts of Unix, tcp and TLS sockets: a server that hands its connections over, and a dialler.
 *
 * A server keeps no process alive: an open door is no work. The connections through it do, like those between parents and
 * children, until they are closed. Time is real time here, whatever Clock the program has.
 */
import { type Connection, type Listener, TransportError } from "@furrow/actor/Transport"
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import * as SocketConnection from "../SocketConnection.ts"
import { adopt } from "./adopt.ts"

/** Node's error when it cannot listen or connect. */
export type SystemError = NodeJS.ErrnoException

/** A server that listens; it waits for no peer, and is not to be interrupted. */
export const serve = (
  options: Net.ListenOptions,
  accept: (connection: Connection) => void
): Effect.Effect<Net.Server, SystemError> =>
  listening(Net.createServer({ noDelay: true }, (socket) => accept(adopt(socket))), options)

/** The server, once it listens. */
export const listening = <S extends Net.Server>(
  server: S,
  options: Net.ListenOptions
): Effect.Effect<S, SystemError> =>
  Effect.callback((resume) => {
    const failed = (error: SystemError) => resume(Effect.fail(error))
    server.on("error", failed)
    // Exclusive: in a worker of node:cluster the socket would be its primary's otherwise.
    server.listen({ ...options, exclusive: true }, () => {
      server.off("error", failed)
      // One connection could not be accepted, for want of descriptors: its dialler finds it closed.
      server.on("error", () => {})
      server.unref()
      resume(Effect.succeed(server))
    })
  })

/** A listener of a server; a second close of it does nothing. */
export const listenerOf = (server: Net.Server, address: string): Listener => ({
  address,
  close: () => {
    if (server.listening) server.close()
  }
})

/** The advice for it. */
export const tooManyFiles = "too many open files; every actor needs a handful (see `ulimit -n`)"

/** The error of an actor that cannot be dialled. */
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

/** How long a listener may take to answer, and how long to wait before asking a full one again (milliseconds). */
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

/** One connection to the listener there. Interrupting it gives it up. */
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
        // The queue of a Unix listener is full: it waits in no line, as tcp does.
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
