/**
 * Reads all words on a connection between two actors. A monitor checks every word on a connection against the grammar
 * of the protocol, and then a saboteur may drop, double, move or change the word.
 *
 *   parent  <->  monitor, saboteur  <->  child
 *
 * The monitor is a check that reads the words which the runtimes send. The saboteur is a function that plants a bug, by
 * changing the words after the monitor has read them. The checks have to find a planted bug by the behaviour that the
 * bug causes.
 */
import type { Connection } from "@furrow/actor/Transport"
import * as Envelope from "@furrow/protocol/Envelope"
import * as Frame from "@furrow/protocol/Frame"
import type { Message } from "@furrow/protocol/Message"

/** The side of a connection between two actors that has sent a word. */
export type Side = "parent" | "child"

/**
 * Decides what becomes of a word on a connection, and returns the words that are sent in its place. The function
 * `inject` sends another word to one of the two sides of a connection at once.
 */
export type Saboteur = (word: Message, from: Side, inject: (to: Side, word: Message) => void) => ReadonlyArray<Message>

/**
 * The state of one direction of a dialog: how many items may be unread at most, and how many items are unread.
 */
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

/** Returns the number of the dialog that a word belongs to; `undefined` for a word of the connection itself. */
export const dialogOf = (word: Message): number | undefined => "dialog" in word ? word.dialog : undefined

/** Checks the words of the runtimes at both ends of a connection. */
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
    // The child is the dialler of its parent, so the child's own dialogs have odd numbers.
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

  /** The items of a stream that are on their way or unread are never more than the window of their reader. */
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
    // The window in a word `Start` limits the items with which the other side answers this `Start`.
    ways[other(from)].window = window
    this.dialogs.set(id, { ways, cancelled: false, stopped: { parent: false, child: false }, last: false })
  }
}

const encode = (words: ReadonlyArray<Message>): ReadonlyArray<Uint8Array> => {
  const outbox = new Frame.Outbox()
  for (const word of words) outbox.push(Envelope.encode(word))
  return outbox.take()
}

/** Puts the words of one direction together from chunks that are cut at any byte. */
class Reader {
  private state = Frame.initial
  private readonly said: (word: Message) => void

  constructor(said: (word: Message) => void) {
    this.said = said
  }

  read(bytes: Uint8Array): void {
    // A chunk of bytes is copied, because decoded frames refer to its memory, and that memory is used again.
    const { frames, state } = Frame.decode(this.state, bytes.slice())
    this.state = state
    for (const frame of frames) {
      const word = Envelope.decode(frame)
      if (word._tag === "Violation") throw new Error(`not a word: ${JSON.stringify(word.violation)}`)
      this.said(word.message)
    }
  }
}

/**
 * Returns the parent's end of a connection. The function `said` gets each word that passes, and the function `saboteur`
 * then changes the word.
 */
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
