/**
 * Stands on a connection and reads along: every word that an actor says is checked against the grammar of the protocol,
 * and then handed to a saboteur who may drop, double, move or change it.
 *
 *   parent  <->  monitor, saboteur  <->  child
 *
 * The monitor sees what the runtimes say, not what the saboteur makes of it: it finds broken runtimes, and says nothing
 * about planted bugs of the wire. Those have to be found by what they do.
 */
import type { Connection } from "@furrow/actor/Transport"
import * as Envelope from "@furrow/protocol/Envelope"
import * as Frame from "@furrow/protocol/Frame"
import type { Message } from "@furrow/protocol/Message"

/** The side that said a word. */
export type Side = "parent" | "child"

/** The fate of a word: those that are said instead. `inject` says another word to one of the sides, now. */
export type Saboteur = (word: Message, from: Side, inject: (to: Side, word: Message) => void) => ReadonlyArray<Message>

/** One direction of a dialog: how many items its reader lets be on their way, and how many are. */
interface Direction {
  window: number
  ahead: number
}

interface Heard {
  readonly ways: { readonly [S in Side]: Direction }
  cancelled: boolean
  stopped: { parent: boolean; child: boolean }
  last: boolean
}

export const other = (side: Side): Side => side === "parent" ? "child" : "parent"

/** Which dialog a word is about; `undefined` for the connection itself. */
export const dialogOf = (word: Message): number | undefined => "dialog" in word ? word.dialog : undefined

/** Checks what the runtimes at both ends say. */
export class Monitor {
  private readonly dialogs = new Map<number, Heard>()
  private readonly highest = { parent: 0, child: 0 }
  private readonly byes = new Set<Side>()
  private readonly broken: (text: string) => void

  constructor(broken: (text: string) => void) {
    this.broken = broken
  }

  said(word: Message, from: Side): void {
    if (this.byes.has(from)) this.broken(`the ${from} says ${word._tag} after Bye`)
    if (word._tag === "Bye") this.byes.add(from)
    if (word._tag === "Violation") this.broken(`the ${from} complains: ${word.rule}: ${word.detail}`)
    const id = dialogOf(word)
    if (id === undefined || id === 0) return
    // The child dials: odd ids are its own.
    const caller: Side = id % 2 === 1 ? "child" : "parent"
    if (word._tag === "Start") return this.start(id, from, caller, word.window?.items ?? 0)
    const dialog = this.dialogs.get(id)
    if (dialog === undefined) return this.broken(`the ${from} says ${word._tag} for dialog ${id}, which never started`)
    const about = `the ${from} says ${word._tag} for dialog ${id}`
    if (from !== caller && dialog.last) this.broken(`${about} after its last word`)
    if (word._tag === "Cancel") {
      if (dialog.cancelled) this.broken(`${about} twice`)
      dialog.cancelled = true
    }
    if ((word._tag === "Yield" || word._tag === "Stop") && dialog.stopped[from] && !dialog.cancelled) {
      this.broken(`${about} after its Stop`)
    }
    this.counted(word, from, dialog, about)
    if (word._tag === "Stop") dialog.stopped[from] = true
    if (word._tag === "Return" || word._tag === "Error") dialog.last = true
  }

  /** Items that are on their way or unread never outnumber the window of their reader. */
  private counted(word: Message, from: Side, dialog: Heard, about: string): void {
    if (word._tag === "Started") dialog.ways[other(from)].window = word.window?.items ?? 0
    if (word._tag === "Credit") dialog.ways[other(from)].ahead -= word.items
    if (word._tag !== "Yield") return
    const way = dialog.ways[from]
    way.ahead += word.items
    if (way.ahead > way.window) this.broken(`${about}: ${way.ahead} items in a window of ${way.window}`)
  }

  private start(id: number, from: Side, caller: Side, window: number): void {
    if (from !== caller) this.broken(`the ${from} starts dialog ${id}, whose id is not its own`)
    if (id <= this.highest[from]) this.broken(`the ${from} starts dialog ${id} after ${this.highest[from]}`)
    this.highest[from] = Math.max(id, this.highest[from])
    const ways = { parent: { window: 0, ahead: 0 }, child: { window: 0, ahead: 0 } }
    // The window in a Start is that of the answers.
    ways[other(from)].window = window
    this.dialogs.set(id, { ways, cancelled: false, stopped: { parent: false, child: false }, last: false })
  }
}

const encode = (words: ReadonlyArray<Message>): ReadonlyArray<Uint8Array> => {
  const outbox = new Frame.Outbox()
  for (const word of words) outbox.push(Envelope.encode(word))
  return outbox.take()
}

/** The words of one direction, cut anywhere. */
class Reader {
  private state = Frame.initial
  private readonly said: (word: Message) => void

  constructor(said: (word: Message) => void) {
    this.said = said
  }

  read(bytes: Uint8Array): void {
    // Frames are views of this chunk, and the memory of a chunk is used again.
    const { frames, state } = Frame.decode(this.state, bytes.slice())
    this.state = state
    for (const frame of frames) {
      const word = Envelope.decode(frame)
      if (word._tag === "Violation") throw new Error(`not a word: ${JSON.stringify(word.violation)}`)
      this.said(word.message)
    }
  }
}

/** The parent's end of a connection, read along. */
export const tap = (
  inner: Connection,
  options: {
    readonly said: (word: Message, from: Side) => void
    readonly saboteur: Saboteur | undefined
  }
): Connection => {
  let toParent: (bytes: Uint8Array) => void = () => {}
  let room = true
  const pass = (to: Side, words: ReadonlyArray<Message>): void => {
    if (words.length === 0) return
    const chunks = encode(words)
    if (to === "child") room = inner.write(chunks)
    else for (const chunk of chunks) toParent(chunk)
  }
  const heard = (from: Side) => (word: Message): void => {
    options.said(word, from)
    const words = options.saboteur === undefined
      ? [word]
      : options.saboteur(word, from, (to, injected) => pass(to, [injected]))
    pass(from === "parent" ? "child" : "parent", words)
  }
  const fromParent = new Reader(heard("parent"))
  const fromChild = new Reader(heard("child"))
  return {
    start: (handlers) => {
      toParent = handlers.data
      inner.start({
        data: (bytes) => fromChild.read(bytes),
        drain: handlers.drain,
        end: handlers.end
      })
    },
    write: (chunks) => {
      room = true
      for (const chunk of chunks) fromParent.read(chunk)
      return room
    },
    end: inner.end,
    destroy: inner.destroy
  }
}
