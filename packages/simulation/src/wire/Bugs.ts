/**
 * Bugs in the use of the protocol, planted one at a time on the connection between two actors. A planted bug loses,
 * doubles, moves or changes words, as a runtime with a bug would do. The code of the runtime is not changed, because
 * a planted bug changes words after their sender has written them.
 */
import * as Protocol from "@furrow/protocol/Failure"
import type { Message } from "@furrow/protocol/Message"
import { dialogOf, type Saboteur, type Side } from "./Wire.ts"

type Word<T extends Message["_tag"]> = Extract<Message, { readonly _tag: T }>

const nothing: ReadonlyArray<Message> = []

/** Makes a planted bug that drops words of the given kinds. */
const lose = (...tags: ReadonlyArray<Message["_tag"]>) => (): Saboteur => (word) =>
  tags.includes(word._tag) && dialogOf(word) !== 0 ? nothing : [word]

/** Makes a planted bug that sends words of the given kinds twice. */
const twice = (...tags: ReadonlyArray<Message["_tag"]>) => (): Saboteur => (word) =>
  tags.includes(word._tag) && dialogOf(word) !== 0 ? [word, word] : [word]

/** Makes a planted bug that drops every third word of a kind. */
const loseSome = (tag: Message["_tag"]) => (): Saboteur => {
  let count = 0
  return (word) => word._tag === tag && ++count % 3 === 2 ? nothing : [word]
}

/**
 * Holds a word `Yield` back until the next word of its dialog from the same side, and sends the `Yield` after that
 * word.
 */
const overtaken = (by: (word: Message) => boolean) => (): Saboteur => {
  const kept = new Map<string, Message>()
  return (word, from) => {
    const key = `${from} ${dialogOf(word)}`
    const before = kept.get(key)
    if (before !== undefined) {
      kept.delete(key)
      return by(word) ? [word, before] : [before, word]
    }
    if (word._tag !== "Yield") return [word]
    kept.set(key, word)
    return nothing
  }
}

const cancelled = (word: Word<"Cancel">): Uint8Array => {
  const failure: Protocol.Failure = {
    _tag: "Cancelled",
    by: word.by,
    reason: word.reason,
    actor: word.by,
    path: [],
    others: [],
    ending: false
  }
  return Protocol.encode(failure)
}

/** Gives two dialogs the same number: every second `Start` takes the number of the `Start` before it. */
const reused = (): Saboteur => {
  const last = { parent: 0, child: 0 }
  const renamed = new Map<number, number>()
  let count = 0
  return (word, from) => {
    const id = dialogOf(word)
    if (id === undefined || id === 0) return [word]
    if (word._tag === "Start") {
      if (last[from] !== 0 && ++count % 2 === 1) renamed.set(id, last[from])
      else last[from] = id
    }
    return [{ ...word, dialog: renamed.get(id) ?? id } as Message]
  }
}

/** Starts every call twice, under two numbers, and drops the answers to the second call. */
const startedAgain = (): Saboteur => {
  const doubles = { parent: 0, child: 0 }
  const there = new Map<number, number>()
  const back = new Map<number, number>()
  return (word, from) => {
    const id = dialogOf(word)
    if (id === undefined || id === 0) return [word]
    const caller: Side = id % 2 === 1 ? "child" : "parent"
    if (word._tag === "Start") {
      const far = id + 2 * doubles[from]
      there.set(id, far)
      back.set(far, id)
      doubles[from]++
      return [{ ...word, dialog: far }, { ...word, dialog: far + 2 }]
    }
    const renamed = from === caller ? there.get(id) : back.get(id)
    return renamed === undefined ? nothing : [{ ...word, dialog: renamed } as Message]
  }
}

/**
 * Makes a planted bug: each `Return` of a call gets the payload of the `Return` before it, so that callers get wrong
 * answers.
 */
const crossed = (): Saboteur => {
  const calls = new Set<number>()
  let before: Uint8Array | undefined
  return (word) => {
    if (word._tag === "Start" && word.kind === "call") calls.add(word.dialog)
    if (word._tag !== "Return" || !calls.has(word.dialog)) return [word]
    const payload = before ?? word.payload
    before = word.payload
    return [{ ...word, payload }]
  }
}

/** Cancels the dialog that was started last, instead of the dialog that the word `Cancel` names. */
const misdirected = (): Saboteur => {
  const last = { parent: 0, child: 0 }
  return (word, from) => {
    if (word._tag === "Start") last[from] = word.dialog
    return [word._tag === "Cancel" ? { ...word, dialog: last[from] } : word]
  }
}

/**
 * Every planted bug by its name, with a function that makes the saboteur, which changes the words of one connection.
 */
export const bugs: { readonly [name: string]: () => Saboteur } = {
  "a Cancel is lost": lose("Cancel"),
  "a Cancel is said twice": twice("Cancel"),
  "a Cancel is about another dialog": misdirected,
  "a Cancel is answered before the finalizers run": () => (word, from, inject) => {
    if (word._tag === "Cancel") inject(from, { _tag: "Error", dialog: word.dialog, payload: cancelled(word) })
    return [word]
  },
  "a Cancel is answered and never heard by the callee": () => (word, from, inject) => {
    if (word._tag !== "Cancel") return [word]
    inject(from, { _tag: "Error", dialog: word.dialog, payload: cancelled(word) })
    return nothing
  },
  "the last word is lost": lose("Return", "Error"),
  "an Error is lost": lose("Error"),
  "a Return overtakes an item": overtaken((word) => word._tag === "Return"),
  "a Return comes before the work is done": () => (word, from, inject) => {
    if (word._tag === "Start" && word.kind === "stream") {
      inject(from, { _tag: "Return", dialog: word.dialog, payload: Uint8Array.of(0) })
    }
    return [word]
  },
  "answers are crossed": crossed,
  "items are lost": loseSome("Yield"),
  "items come twice": () => (word) => word._tag === "Yield" ? [word, { ...word }] : [word],
  "items are swapped": overtaken((word) => word._tag === "Yield"),
  "credit is never granted": lose("Credit"),
  "some credit is lost": loseSome("Credit"),
  "credit is granted twice": twice("Credit"),
  "credit is granted before it is asked for": () => (word, from, inject) => {
    // Gives credit to the writer of a stream at once, and drops the words `Credit` of the stream's reader.
    if (word._tag === "Yield") {
      inject(from, { _tag: "Credit", dialog: word.dialog, items: word.items, bytes: word.payload.length })
    }
    return word._tag === "Credit" ? nothing : [word]
  },
  "an id is used again": reused,
  "a call is started twice": startedAgain,
  "a Start is lost": loseSome("Start"),
  "a Start is said twice": twice("Start"),
  "Started is said twice": twice("Started"),
  "Started is lost": lose("Started"),
  "a Stop is lost": lose("Stop"),
  "a Stop is said twice": twice("Stop"),
  "a CancelActor is lost": lose("CancelActor"),
  "a CancelAck is lost": lose("CancelAck"),
  "Bye is said before the finalizers run": () => (word, from, inject) => {
    if (word._tag === "CancelActor") inject(from, { _tag: "Bye", payload: new Uint8Array() })
    return [word]
  }
}

/** Planted bugs that do no harm, because a late word for a dialog that is over is dropped. */
export const harmless: { readonly [name: string]: () => Saboteur } = {
  "the last word is said twice": twice("Return", "Error"),
  "an item comes after the last word": () => (word) =>
    word._tag === "Return" || (word._tag === "Error" && word.dialog !== 0)
      ? [word, { _tag: "Yield", dialog: word.dialog, items: 1, payload: Uint8Array.of(1) }]
      : [word],
  "CancelAck and Bye are said twice": twice("CancelAck", "Bye"),
  // The end of an actor's process tells the actor's parent as much as the lost word `Bye` would.
  "a Bye is lost": lose("Bye")
}
