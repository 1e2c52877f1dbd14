/**
 * The record of one actor as bytes: its open calls, its last steps, its heap, and how it began to end.
 *
 *   0      head      process, time, heap, counters
 *   128    calls     48 places of 24 bytes: since, dialog, endpoint, caller
 *   1280   steps     the last 64 of 16 bytes: when, what, endpoint
 *   2304   names     each once, as a length and its text
 *
 * The record of an actor is a block of memory, which is changed in place and written to its file as a whole. The record
 * of an actor contains names, numbers and times, and never a payload, a local variable or the text of a message.
 */

export const recordBytes = 8192
const magic = 0x57_52_55_46
const version = 1

/**
 * The largest number of open calls that the record of an actor describes one by one. Further open calls of the actor
 * are only counted.
 */
export const maxCalls = 48
const maxSteps = 64

const callsAt = 128
const callBytes = 24
const stepsAt = callsAt + maxCalls * callBytes
const stepBytes = 16
/** The size in bytes of the section of fixed size in an actor's record, which changes with each call. */
export const fixedBytes = stepsAt + maxSteps * stepBytes
const lengthBytes = 2

/**
 * The indices of fields in the head of an actor's record: first the fields of 4 bytes, and then the fields of 8 bytes.
 */
const word = {
  magic: 0,
  version: 1,
  pid: 2,
  parent: 3,
  begun: 12,
  beyond: 13,
  namesEnd: 14,
  ended: 15,
  place: 16,
  steps: 17
}
const real = { origin: 2, writtenAt: 3, heapUsed: 4, heapLimit: 5 }

/**
 * The list of texts in an actor's record begins with these five texts about the actor itself. Texts in a record are
 * numbered from 1, and 0 stands for no text.
 */
const ownNames = ["name", "uuid", "parentName", "started", "above"] as const

const kinds = ["", "release", "exception", "rejection", "exit"] as const
export type Ending = Exclude<(typeof kinds)[number], "">

const begun = 1
const ended = 2

/**
 * Returns the path of the record of an actor's process. The path of a record contains the pid of the actor's process,
 * because living processes have different pids.
 */
export const recordPath = (folder: string, pid: number): string => `${folder}/${pid}.record`

/** The actor to which a record belongs. */
export interface Owner {
  readonly pid: number
  readonly parent: number
  readonly name: string
  readonly uuid: string
  /** The actors above the actor of a record as `name@pid`, the root first. */
  readonly above: ReadonlyArray<string>
  /** The time at which the actor's process was started, in the kernel's ticks. */
  readonly started: string
  /** The wall-clock time, in milliseconds, at which `performance.now()` was 0 in the actor's process. */
  readonly origin: number
}

/** The record of a living actor, with the functions by which the actor changes the record. */
export class Page {
  readonly bytes = new Uint8Array(recordBytes)
  private readonly words = new Uint32Array(this.bytes.buffer)
  private readonly reals = new Float64Array(this.bytes.buffer)
  private readonly shorts = new Uint16Array(this.bytes.buffer)
  private readonly numbers = new Map<string, number>()
  private readonly free: Array<number> = Array.from({ length: maxCalls }, (_, place) => maxCalls - 1 - place)
  private names = 0
  /**
   * The number of bytes of the record's next write: the section of fixed size, and also the names when a name is new.
   */
  changed = recordBytes

  constructor({ above, name, origin, parent, pid, started, uuid }: Owner) {
    const { words } = this
    words[word.magic] = magic
    words[word.version] = version
    words[word.pid] = pid
    words[word.parent] = parent
    words[word.namesEnd] = fixedBytes
    this.reals[real.origin] = origin
    for (const text of [name, uuid, above.at(-1) ?? "", started, above.join("\n")]) this.append(text)
  }

  /** Returns the number of a name in the record, or 0 where the record has no room for another name. */
  number(name: string): number {
    const known = this.numbers.get(name)
    if (known !== undefined) return known
    const number = this.append(name)
    this.numbers.set(name, number)
    return number
  }

  private append(name: string): number {
    const bytes = Buffer.from(name)
    const at = this.words[word.namesEnd]!
    if (at + lengthBytes + bytes.length > recordBytes) return 0
    new DataView(this.bytes.buffer).setUint16(at, bytes.length, true)
    this.bytes.set(bytes, at + lengthBytes)
    this.changed = at + lengthBytes + bytes.length
    this.words[word.namesEnd] = this.changed
    return ++this.names
  }

  begin(endpoint: number, caller: number, dialog: number, since: number): number {
    this.words[word.begun]!++
    this.step(begun, endpoint, since)
    const place = this.free.pop()
    if (place === undefined) {
      this.words[word.beyond]!++
      return maxCalls
    }
    const at = callsAt + place * callBytes
    this.reals[at >> 3] = since
    this.words[(at >> 2) + 2] = dialog
    this.shorts[(at >> 1) + 6] = endpoint
    this.shorts[(at >> 1) + 7] = caller
    this.words[(at >> 2) + 4] = 1
    return place
  }

  end(place: number, now: number): void {
    if (place === maxCalls) {
      this.words[word.beyond]!--
      return
    }
    const at = callsAt + place * callBytes
    this.words[(at >> 2) + 4] = 0
    this.free.push(place)
    this.step(ended, this.shorts[(at >> 1) + 6]!, now)
  }

  private step(what: number, endpoint: number, now: number): void {
    const at = stepsAt + (this.words[word.steps]!++ % maxSteps) * stepBytes
    this.reals[at >> 3] = now
    this.words[(at >> 2) + 2] = what
    this.words[(at >> 2) + 3] = endpoint
  }

  heap(used: number, limit: number): void {
    this.reals[real.heapUsed] = used
    this.reals[real.heapLimit] = limit
  }

  /**
   * Writes into the record how the actor began to end. The first reason for the end of an actor stays in its record,
   * except that a failure replaces an orderly end.
   */
  ending(what: Ending, place: string | undefined): void {
    if (this.words[word.ended]! > kinds.indexOf("release")) return
    this.words[word.ended] = kinds.indexOf(what)
    this.words[word.place] = place === undefined ? 0 : this.number(place)
  }

  written(now: number): void {
    this.reals[real.writtenAt] = now
  }
}

/**
 * One of an actor's last steps in its record: the beginning or the end of a call. The time of a recorded step is in
 * milliseconds before the last write of the record.
 *
 * @category models
 * @since 0.2.0
 */
export interface Step {
  readonly beforeMillis: number
  readonly what: "begun" | "ended"
  readonly endpoint: string
}

/** The record of an actor as another process reads it after the actor's death. */
export interface Record {
  readonly pid: number
  readonly parent: number
  readonly name: string
  readonly uuid: string
  readonly above: ReadonlyArray<string>
  readonly started: string
  /** The wall-clock time of the record's last write, in milliseconds. */
  readonly writtenAt: number
  readonly begun: number
  /** The number of an actor's open calls that had no place in its record. */
  readonly beyond: number
  readonly calls: ReadonlyArray<{
    readonly endpoint: string
    readonly caller: string
    readonly dialog: number
    /** The wall-clock time at which a recorded call began, in milliseconds. */
    readonly since: number
  }>
  readonly steps: ReadonlyArray<Step>
  readonly heap: { readonly used: number; readonly limit: number } | undefined
  readonly last: { readonly what: Ending; readonly place: string | undefined } | undefined
}

/** Reads the record of an actor, or returns undefined for bytes of another version and for an unfinished write. */
export const read = (bytes: Uint8Array): Record | undefined => {
  if (bytes.length < fixedBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const u32 = (index: number) => view.getUint32(index * 4, true)
  const f64 = (index: number) => view.getFloat64(index * 8, true)
  if (u32(word.magic) !== magic || u32(word.version) !== version) return undefined
  const names = namesOf(view, Math.min(u32(word.namesEnd), bytes.length))
  if (names.length < ownNames.length) return undefined
  const nameOf = (number: number): string => number === 0 ? "(other)" : names[number - 1] ?? "(other)"
  const origin = f64(real.origin)
  const limit = f64(real.heapLimit)
  const what = kinds[u32(word.ended)]
  const [name, uuid, , started, above] = names as [string, string, string, string, string]
  return {
    pid: u32(word.pid),
    parent: u32(word.parent),
    name,
    uuid,
    above: above === "" ? [] : above.split("\n"),
    started,
    writtenAt: origin + f64(real.writtenAt),
    begun: u32(word.begun),
    beyond: u32(word.beyond),
    calls: callsOf(view, nameOf, origin),
    steps: stepsOf(view, nameOf, u32(word.steps), f64(real.writtenAt)),
    heap: limit > 0 ? { used: f64(real.heapUsed), limit } : undefined,
    last: what === undefined || what === ""
      ? undefined
      : { what, place: u32(word.place) === 0 ? undefined : names[u32(word.place) - 1] }
  }
}

const namesOf = (view: DataView, end: number): ReadonlyArray<string> => {
  const names: Array<string> = []
  let at = fixedBytes
  while (at + lengthBytes <= end) {
    const from = at + lengthBytes
    at = from + view.getUint16(at, true)
    if (at > end) break
    names.push(Buffer.from(view.buffer, view.byteOffset + from, at - from).toString())
  }
  return names
}

const callsOf = (view: DataView, nameOf: (number: number) => string, origin: number): Record["calls"] =>
  Array.from({ length: maxCalls }, (_, place) => callsAt + place * callBytes)
    .filter((at) => view.getUint32(at + 16, true) === 1)
    .map((at) => ({
      since: origin + view.getFloat64(at, true),
      dialog: view.getUint32(at + 8, true),
      endpoint: nameOf(view.getUint16(at + 12, true)),
      caller: nameOf(view.getUint16(at + 14, true))
    }))
    .sort((a, b) => a.since - b.since)

const stepsOf = (
  view: DataView,
  nameOf: (number: number) => string,
  count: number,
  writtenAt: number
): ReadonlyArray<Step> =>
  Array.from({ length: Math.min(count, maxSteps) }, (_, i) => {
    const at = stepsAt + ((count - Math.min(count, maxSteps) + i) % maxSteps) * stepBytes
    return {
      beforeMillis: Math.max(0, Math.round(writtenAt - view.getFloat64(at, true))),
      what: view.getUint32(at + 8, true) === begun ? "begun" : "ended",
      endpoint: nameOf(view.getUint32(at + 12, true))
    }
  })
