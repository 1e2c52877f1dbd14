/**
 * The attacker's end of a connection, which sends raw bytes, reads words, and can greet an actor as a member of the
 * tree.
 */
import type { ActorId } from "@furrow/actor/internal/errors/ActorError"
import { capability } from "@furrow/protocol/Arrival"
import * as Envelope from "@furrow/protocol/Envelope"
import * as Frame from "@furrow/protocol/Frame"
import * as Handshake from "@furrow/protocol/Handshake"
import { type Hello, type Message, version } from "@furrow/protocol/Message"
import * as Crypto from "node:crypto"
import * as Net from "node:net"
import * as Tls from "node:tls"
import { pause } from "./processes.ts"

export type Target = { readonly path: string } | {
  readonly host: string
  readonly port: number
  /** The certificate that the attacker shows to an actor; `undefined` where the actor's socket does not use TLS. */
  readonly tls?: Tls.ConnectionOptions | undefined
}

/** The TLS exporter of RFC 9266, whose bytes bind a proof of membership to one TLS channel. */
const exporter = { label: "EXPORTER-Channel-Binding", bytes: 32 }

const dialled = (target: Target): readonly [socket: Net.Socket, event: string] => {
  if (!("tls" in target) || target.tls === undefined) {
    return [Net.connect({ ...target, noDelay: true } as Net.NetConnectOpts), "connect"]
  }
  const { host, port, tls } = target
  return [Tls.connect({ ...tls, host, port, rejectUnauthorized: false }).setNoDelay(true), "secureConnect"]
}

export const random = (size: number): Uint8Array => new Uint8Array(Crypto.randomBytes(size))

/** Returns the id of an actor that does not exist. */
export const nobody = (name = "traitor"): ActorId => ({ name, uuid: Crypto.randomUUID(), pid: process.pid })

export const hello = (actor: ActorId, nonce: Uint8Array | null, rest: Partial<Hello> = {}): Hello => ({
  _tag: "Hello",
  version,
  capabilities: [capability],
  actor,
  role: "peer",
  maxFrame: Frame.defaultMaxFrame,
  nonce,
  ...rest
})

export const framed = (...words: ReadonlyArray<Message>): Uint8Array => {
  const outbox = new Frame.Outbox()
  for (const word of words) outbox.push(Envelope.encode(word))
  return new Uint8Array(Buffer.concat(outbox.take().map((chunk) => Buffer.from(chunk))))
}

export const u32 = (n: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, n, true)
  return bytes
}

/** Reads words of the protocol from chunks of bytes, from either end of an attacked connection. */
export class Ear {
  private state: Frame.State = Frame.initial
  readonly words: Array<Message> = []

  hear(bytes: Uint8Array): void {
    const decoded = Frame.decode(this.state, bytes)
    this.state = decoded.state
    for (const frame of decoded.frames) {
      const word = Envelope.decode(frame)
      if (word._tag === "Message") this.words.push(word.message)
    }
  }
}

export class Client {
  private readonly socket: Net.Socket
  private readonly ear = new Ear()
  private changed: Array<() => void> = []
  /** All bytes that an attacker's connection has sent, so that an attack can send them again. */
  readonly sent: Array<Uint8Array> = []
  ended = false

  private constructor(socket: Net.Socket) {
    this.socket = socket
    socket.on("data", (bytes: Buffer) => {
      this.ear.hear(new Uint8Array(bytes))
      this.tell()
    })
    const end = () => {
      this.ended = true
      this.tell()
    }
    socket.on("end", end)
    socket.on("close", end)
    socket.on("error", () => {})
  }

  /**
   * Dials an actor, and dials again while the queue of the actor's socket for new connections is full, as an attacker
   * would.
   */
  static async dial(target: Target): Promise<Client> {
    for (let attempt = 0;; attempt++) {
      const [socket, event] = dialled(target)
      const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
        socket.once(event, () => resolve(undefined))
        socket.once("error", resolve)
      })
      if (error === undefined) return new Client(socket)
      if (error.code !== "EAGAIN" || attempt > 2_000) throw error
      await pause(2)
    }
  }

  /** The exported bytes that belong to one TLS channel alone; `undefined` for a connection without TLS. */
  get binding(): Uint8Array | undefined {
    return this.socket instanceof Tls.TLSSocket
      ? new Uint8Array(this.socket.exportKeyingMaterial(exporter.bytes, exporter.label, Buffer.alloc(0)))
      : undefined
  }

  get words(): ReadonlyArray<Message> {
    return this.ear.words
  }

  raw(...chunks: ReadonlyArray<Uint8Array>): boolean {
    let room = true
    for (const chunk of chunks) {
      this.sent.push(chunk)
      room = this.socket.write(chunk)
    }
    return room
  }

  say(...words: ReadonlyArray<Message>): boolean {
    return this.raw(framed(...words))
  }

  /** Waits until a function returns a value, or until the attacker's connection ends. */
  async until<A>(look: () => A | undefined | false, within = 3_000): Promise<A | undefined> {
    const end = performance.now() + within
    for (;;) {
      const found = look()
      if (found !== undefined && found !== false) return found
      if (this.ended || performance.now() >= end) return undefined
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(1, Math.min(50, end - performance.now())))
        this.changed.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  hears<T extends Message["_tag"]>(tag: T, within?: number): Promise<Extract<Message, { _tag: T }> | undefined> {
    return this.until(() => this.words.find((word): word is Extract<Message, { _tag: T }> => word._tag === tag), within)
  }

  /** Waits for the end of the attacker's connection, and returns true when the attacked actor closes it in time. */
  async closes(within = 3_000): Promise<boolean> {
    await this.until(() => false, within)
    return this.ended
  }

  stopReading(): void {
    this.socket.pause()
  }

  get unsent(): number {
    return this.socket.writableLength
  }

  destroy(): void {
    this.socket.destroy()
  }

  private tell(): void {
    const { changed } = this
    this.changed = []
    for (const callback of changed) callback()
  }
}

export const mac = (secret: Uint8Array, data: Uint8Array): Uint8Array =>
  new Uint8Array(Crypto.createHmac("sha256", secret).update(data).digest())

/**
 * Greets an actor with the words `Hello` and `Proof`, with any secret. The caller of `greet` reads the words that the
 * actor sends after the greeting.
 */
export const greet = async (client: Client, secret: Uint8Array, actor = nobody(), nonce = random(32)) => {
  const said = hello(actor, nonce)
  client.say(said)
  const challenge = await client.hears("Challenge")
  if (challenge === undefined) return undefined
  const nonces = { dialler: nonce, acceptor: challenge.nonce }
  const proven = Handshake.transcript("dialler", nonces, said, challenge.uuid, client.binding)
  client.say({ _tag: "Proof", proof: mac(secret, proven) })
  return challenge
}

/** Opens an attacker's connection as a member that knows the secret of the tree. */
export const enter = async (target: Target, secret: Uint8Array, actor = nobody()): Promise<Client> => {
  const client = await Client.dial(target)
  await greet(client, secret, actor)
  if (await client.hears("Welcome") !== undefined) return client
  client.destroy()
  throw new Error(`a member was not let in: ${JSON.stringify(client.words.at(-1) ?? "the connection was closed")}`)
}
