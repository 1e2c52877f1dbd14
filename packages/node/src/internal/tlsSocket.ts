/**
 * The transport by which actors listen at TCP ports under mutual TLS 1.3. Both ends of a TLS connection show a
 * certificate of the tree's authority, and the dialler checks that the certificate names the dialled host.
 *
 * A TLS certificate proves the host of its sender. The tree's secret proves, over the TLS channel, that an actor
 * belongs to the tree. The proof of membership includes a value of the TLS channel, so the proof is worthless on
 * another channel.
 */
import { type Connection, type Listener, TransportError } from "@furrow/actor/Transport"
import * as Address from "@furrow/protocol/Address"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Net from "node:net"
import type * as Tls from "node:tls"
import * as SocketConnection from "../SocketConnection.ts"
import * as Builtins from "./builtins.ts"
import * as Listening from "./listening.ts"
import * as Socket from "./socket.ts"

/** The paths of the PEM files for TLS between actors. Every process of a tree reads the PEM files itself. */
export interface Files {
  /** Certificates of the authorities that the tree trusts, which do not include the system's authorities. */
  readonly ca: string
  /** The certificate of this host, followed by the intermediate certificates up to the trusted authority. */
  readonly cert: string
  /** The private key of this host's certificate, which must not be encrypted. */
  readonly key: string
}

/** Milliseconds for the TLS handshake, within which a stranger has to show a certificate. */
const greetingMillis = 5_000

/**
 * The parameters of the TLS exporter of RFC 9266. The bytes that TLS exports are equal at both ends of a channel, and
 * differ between channels.
 */
const exporter = { label: "EXPORTER-Channel-Binding", bytes: 32 }

const read = (what: keyof Files, path: string): Buffer => {
  try {
    return Fs.readFileSync(path)
  } catch (error) {
    throw new Error(`the file \`${what}\` cannot be read: ${(error as Error).message}`)
  }
}

/** The certificates and TLS versions of this host, as options for a listener and as a context for a dialler. */
export interface Means {
  readonly options: Tls.SecureContextOptions
  readonly context: Tls.SecureContext
}

/** Throws where the PEM files cannot be read, or where key and certificate do not match. */
export const meansOf = ({ ca, cert, key }: Files): Means => {
  const versions = { minVersion: "TLSv1.3", maxVersion: "TLSv1.3" } as const
  const options = { ca: read("ca", ca), cert: read("cert", cert), key: read("key", key), ...versions }
  try {
    return { options, context: Builtins.tls().createSecureContext(options) }
  } catch (error) {
    throw new Error(`${ca}, ${cert} and ${key} do not go together: ${(error as Error).message}`)
  }
}

const connectionOf = (socket: Tls.TLSSocket): Connection => ({
  ...SocketConnection.make(socket),
  silent: true,
  certified: true,
  binding: new Uint8Array(socket.exportKeyingMaterial(exporter.bytes, exporter.label, Buffer.alloc(0)))
})

const serve = (
  means: Means,
  options: Net.ListenOptions,
  accept: (connection: Connection) => void
): Effect.Effect<Tls.Server, Socket.SystemError> => {
  const server = Builtins.tls().createServer({
    ...means.options,
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: greetingMillis,
    noDelay: true
  } as Tls.TlsOptions)
  // Node closes the connection of a stranger without a valid certificate before Furrow sees the connection.
  server.on("tlsClientError", (_, socket) => socket.destroy())
  server.on("secureConnection", (socket) => accept(connectionOf(socket.pause())))
  return Socket.listening(server, options)
}

export const listen = (
  means: Means,
  place: Listening.Place,
  accept: (connection: Connection) => void
): Effect.Effect<Listener, TransportError> =>
  Effect.map(
    Listening.listen(place, "Tls", (options) => serve(means, options, accept)),
    ([server, address]) => Socket.listenerOf(server, address)
  )

/** Error codes of OpenSSL for a peer's invalid certificate. */
const wrongCertificates: ReadonlySet<string | undefined> = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_SIGNATURE_FAILURE",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
])

const failure = (address: string, error: Socket.SystemError): TransportError => {
  const failed = (next: string) =>
    new TransportError({ gone: false, reason: `dialling ${address} failed (${error.message}): ${next}` })
  if (wrongCertificates.has(error.code)) {
    return failed(
      "the certificate that was shown there is not one of this tree's authority for that host, and valid now"
    )
  }
  return error.code === "EPROTO" || error.code?.startsWith("ERR_SSL_") === true
    ? failed("there is no TLS 1.3 there, or our own certificate was refused: look at its authority and its dates")
    : Socket.cannotDial(address, error)
}

const endedEarly = (): Socket.SystemError =>
  Object.assign(new Error("the connection ended in the greeting of TLS"), { code: "EPROTO" })

/**
 * Opens one TLS connection to a listener. A dialled TLS connection is ready when the listener has accepted the
 * dialler's certificate. The listener's first session ticket says that the listener has accepted the dialler's
 * certificate, because the dialler's handshake ends earlier in TLS 1.3. An interruption of a dial over TLS closes the
 * dial's socket.
 */
export const dial = (
  { context }: Means,
  { host, port }: Address.Tls
): Effect.Effect<Connection, TransportError> =>
  Effect.callback((resume) => {
    const address = Address.format({ _tag: "Tls", host, port })
    const name = Net.isIP(host) === 0 ? { servername: host } : {}
    const { checkServerIdentity, connect } = Builtins.tls()
    const socket = connect({
      host,
      port,
      ...name,
      secureContext: context,
      minVersion: "TLSv1.3",
      rejectUnauthorized: true,
      // The dialler checks the listener's certificate against the dialled host, even where the host is an IP address.
      checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate)
    })
    socket.setNoDelay(true)
    const fail = (error: Socket.SystemError) => {
      clearTimeout(deadline)
      socket.destroy()
      resume(Effect.fail(failure(address, error)))
    }
    const ended = () => fail(endedEarly())
    const deadline = setTimeout(() => fail(Socket.noAnswer()), Socket.dialTimeouts.answerMillis)
    socket.on("error", fail)
    socket.on("end", ended)
    socket.on("close", ended)
    const taken = () => {
      if (socket.destroyed) return
      clearTimeout(deadline)
      socket.off("error", fail).off("end", ended).off("close", ended).pause()
      resume(Effect.succeed(connectionOf(socket)))
    }
    // The dial continues in a later turn of the event loop: OpenSSL is still reading in the turn in which the session
    // ticket arrives, and a write would wait for the next read.
    socket.once("session", () => setImmediate(taken))
    return Effect.sync(() => {
      clearTimeout(deadline)
      socket.on("error", () => {})
      socket.destroy()
    })
  })
