/**
 * Two channels over one connection in memory, without actors: for what goes wrong between them.
 *
 * The dialler opens odd dialogs, the acceptor even ones. Either end can be a real channel, or raw: bytes in, bytes out.
 */
import {
  type ChannelOptions,
  type HandshakeResult,
  type OwnerEvent,
  PeerChannel
} from "@furrow/actor/internal/channel/PeerChannel"
import type { ActorError, ActorId } from "@furrow/actor/internal/errors/ActorError"
import { type ActorEvent, makeEvents } from "@furrow/actor/internal/inspect/ActorEvent"
import * as MemoryTransport from "@furrow/actor/internal/transport/MemoryTransport"
import type { Connection, ConnectionHandlers } from "@furrow/actor/internal/transport/Transport"
import * as Envelope from "@furrow/protocol/Envelope"
import * as Frame from "@furrow/protocol/Frame"
import type * as Handshake from "@furrow/protocol/Handshake"
import {
  type FromCallee,
  type FromCaller,
  type Message,
  type Start,
  type Version,
  version
} from "@furrow/protocol/Message"

export const idOf = (name: string): ActorId => ({ name, uuid: name, pid: 1 })

/** The words that one end heard, and its end. */
export class End {
  readonly channel: PeerChannel
  readonly events: Array<ActorEvent> = []
  readonly heard: Array<Message["_tag"]> = []
  greeted: HandshakeResult | undefined
  closed: ActorError | undefined
  /** Takes over what a `Start` does. */
  onStart: ((start: Start) => void) | undefined

  constructor(
    connection: Connection,
    handshake: Handshake.Config,
    owner: "ready" | "late" = "ready",
    options: Partial<Pick<ChannelOptions, "role" | "explain">> = {}
  ) {
    const events = makeEvents()
    events.subscribe((event) => this.events.push(event))
    this.channel = new PeerChannel({
      connection,
      handshake,
      events,
      role: options.role ?? "peer",
      explain: options.explain
    })
    this.channel.onHandshake((greeted) => {
      this.greeted = greeted
    })
    if (owner === "ready") this.route()
  }

  /** The owner is there: from now on it is told. */
  route(): void {
    this.channel.route((event) => this.hear(event))
  }

  private hear(event: OwnerEvent): void {
    if (event._tag === "Closed") {
      if (this.closed !== undefined) throw new Error("closed twice")
      this.closed = event.error
      return
    }
    this.heard.push(event._tag)
    if (event._tag !== "Start") return
    if (this.onStart !== undefined) return this.onStart(event)
    this.channel.registerCallee(event.dialog, this.callee())
  }

  /** The losses of the dialogs that were opened or adopted here, each said once. */
  readonly lost: Array<ActorError> = []

  /** Opens a dialog that says nothing by itself. */
  open(): number {
    return this.channel.open({
      side: "caller",
      heard: (word: FromCallee) => void this.heard.push(word._tag),
      lost: (error) => void this.lost.push(error)
    })
  }

  private callee() {
    return {
      side: "callee" as const,
      heard: (word: FromCaller) => void this.heard.push(word._tag),
      lost: (error: ActorError) => void this.lost.push(error)
    }
  }
}

export const dialler = (name: string, speaks: Version = version): Handshake.Config => ({
  side: "dialler",
  hello: {
    _tag: "Hello",
    version: speaks,
    capabilities: [],
    actor: idOf(name),
    role: "child",
    maxFrame: Frame.defaultMaxFrame,
    nonce: null
  }
})

export const acceptor = (
  name: string,
  speaks: Version = version,
  judge: () => Handshake.Refusal | undefined = () => undefined
): Handshake.Config => ({
  side: "acceptor",
  welcome: {
    _tag: "Welcome",
    version: speaks,
    capabilities: [],
    actor: idOf(name),
    maxFrame: Frame.defaultMaxFrame,
    proof: null
  },
  judge
})

/** Two channels. */
export const pair = (
  left: Handshake.Config = dialler("left"),
  right: Handshake.Config = acceptor("right")
): readonly [End, End] => {
  const [a, b] = MemoryTransport.pair()
  return [new End(a, left), new End(b, right)]
}

/** The bytes of one word, framed. */
export const framed = (message: Message): Uint8Array => {
  const outbox = new Frame.Outbox()
  outbox.push(Envelope.encode(message))
  return joined(outbox.take())
}

const joined = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

/** Reads words from chunks of bytes. */
export const reader = () => {
  let state: Frame.State = Frame.initial
  const words: Array<Message> = []
  return {
    words: words as ReadonlyArray<Message>,
    read: (bytes: Uint8Array): void => {
      const decoded = Frame.decode(state, bytes)
      state = decoded.state
      for (const frame of decoded.frames) {
        const word = Envelope.decode(frame)
        if (word._tag === "Message") words.push(word.message)
      }
    }
  }
}

/** A channel and the raw other end of its connection. */
export const raw = (config: Handshake.Config, owner: "ready" | "late" = "ready") => {
  const [near, far] = MemoryTransport.pair()
  const said = reader()
  let ended = false
  far.start({
    data: said.read,
    drain: () => {},
    end: () => {
      ended = true
    }
  })
  return {
    end: new End(near, config, owner),
    said: said.words,
    ended: () => ended,
    send: (...bytes: ReadonlyArray<Uint8Array>) => void far.write(bytes),
    say: (message: Message) => void far.write([framed(message)]),
    cut: () => far.destroy()
  }
}

/** A connection whose other end is the test: it says what it is told to, and takes a write or not. */
export const puppet = (takes: () => boolean) => {
  const { read, words } = reader()
  let handlers: ConnectionHandlers | undefined
  const connection: Connection = {
    start: (given) => {
      handlers = given
    },
    write: (chunks) => {
      for (const chunk of chunks) read(chunk)
      return takes()
    },
    end: () => {},
    destroy: () => {}
  }
  return {
    connection,
    said: words,
    say: (message: Message) => handlers!.data(framed(message)),
    sayBytes: (bytes: Uint8Array) => handlers!.data(bytes),
    drain: () => handlers!.drain(),
    cut: () => handlers!.end(undefined)
  }
}

/** The first word of a call that no endpoint answers. */
export const start = (dialog: number, bytes = 0): Start => ({
  _tag: "Start",
  dialog,
  kind: "call",
  endpoint: "any",
  digest: null,
  meta: null,
  window: null,
  payload: new Uint8Array(bytes)
})
