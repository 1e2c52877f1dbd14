/**
 * Keeps the record of this actor in a file, which survives SIGKILL and a full heap, because written bytes stay in the
 * kernel's page cache.
 *
 * A write of the record costs a few microseconds, so not every call of the actor is recorded at once. A call is
 * recorded before its handler runs if the last write of the record is at least 10 ms old. The first calls of each
 * endpoint are always recorded before their handlers run. Changes of an actor's record that are not written at once are
 * written within 100 ms.
 */
import type { ActorId } from "@furrow/actor/ActorError"
import type { PlatformSpec, Recorder } from "@furrow/actor/ActorProcess"
import * as Fs from "node:fs"
import { startOf } from "./processStat.ts"
import { type Ending, fixedBytes, Page, recordBytes, recordPath } from "./recordFile.ts"
import * as RuntimeFolder from "./runtimeFolder.ts"

/**
 * Milliseconds after a write of the record during which a call of a known endpoint is not recorded before its handler
 * runs.
 */
const aheadMillis = 10

/**
 * The number of first calls of an endpoint that are each recorded before their handlers run, because a new endpoint may
 * kill the actor.
 */
const firstCalls = 16

/** Milliseconds after which pending changes of the record are written. */
const laterMillis = 100

/** Milliseconds between two measurements of the actor's heap, and between two writes of the record of an idle actor. */
const heapMillis = 250
const idleMillis = 1000

/** The prefix of the runtime's own endpoints, whose calls are not recorded. */
const runtimePrefix = "furrow/"

interface Endpoint {
  readonly number: number
  readonly isRecorded: boolean
  calls: number
}

export class FileRecorder implements Recorder {
  private readonly page: Page
  private readonly fd: number
  private readonly endpoints = new Map<string, Endpoint>()
  private readonly callers = new Map<string, number>()
  private writtenAt = -Infinity
  private measuredAt = -Infinity
  private readonly later: NodeJS.Timeout
  private readonly idle: NodeJS.Timeout
  private isDue = false
  private isClosed = false

  constructor(fd: number, page: Page) {
    this.fd = fd
    this.page = page
    this.later = setTimeout(() => this.write(), laterMillis).unref()
    this.idle = setInterval(() => this.write(), idleMillis).unref()
    this.write()
  }

  readonly begin = (endpoint: string, caller: ActorId, dialog: number, since: number): number => {
    const known = this.endpoints.get(endpoint) ?? this.newEndpoint(endpoint)
    if (!known.isRecorded || this.isClosed) return -1
    const place = this.page.begin(known.number, this.callers.get(caller.uuid) ?? this.newCaller(caller), dialog, since)
    if (known.calls < firstCalls) {
      known.calls++
      this.write(since)
    } else if (since - this.writtenAt >= aheadMillis) this.write(since)
    else this.soon()
    return place
  }

  readonly end = (place: number): void => {
    if (place < 0 || this.isClosed) return
    this.page.end(place, performance.now())
    this.soon()
  }

  /** Records that the actor begins to end, and the source line that caused the end, if known. */
  readonly ending = (what: Ending, place: string | undefined): void => {
    this.page.ending(what, place)
    this.write()
  }

  /** Ends the recording of an actor that ends in order, and whose owner removes the file of the record. */
  readonly close = (): void => {
    if (this.isClosed) return
    this.isClosed = true
    clearTimeout(this.later)
    clearInterval(this.idle)
    try {
      Fs.closeSync(this.fd)
    } catch {
      // The close of the record fails where the program has already closed the record's descriptor, as programs do that
      // close unknown descriptors.
    }
  }

  private newEndpoint(name: string): Endpoint {
    const isRecorded = !name.startsWith(runtimePrefix)
    const endpoint = { number: isRecorded ? this.page.number(name) : 0, isRecorded, calls: 0 }
    this.endpoints.set(name, endpoint)
    return endpoint
  }

  private newCaller({ name, pid, uuid }: ActorId): number {
    const number = this.page.number(`${name}@${pid}`)
    this.callers.set(uuid, number)
    return number
  }

  private soon(): void {
    if (this.isDue) return
    this.isDue = true
    this.later.refresh()
  }

  private write(now = performance.now()): void {
    if (this.isClosed) return
    const { page } = this
    this.isDue = false
    this.writtenAt = now
    page.written(now)
    if (now - this.measuredAt >= heapMillis) this.measure(now)
    try {
      Fs.writeSync(this.fd, page.bytes, 0, page.changed, 0)
      page.changed = fixedBytes
    } catch {
      // A write of the record fails where the disk is full, or where the record's descriptor was closed. The recording
      // ends after a failed write of the record, because the failure must not harm the actor.
      this.close()
    }
  }

  private measure(now: number): void {
    this.measuredAt = now
    const { heap_size_limit, used_heap_size } = process.getBuiltinModule("node:v8").getHeapStatistics()
    this.page.heap(used_heap_size, heap_size_limit)
  }
}

/** Opens the record of an actor, or returns undefined where the file cannot be made. */
export const open = (
  actor: ActorId,
  above: ReadonlyArray<ActorId>,
  { graves }: PlatformSpec
): FileRecorder | undefined => {
  if (graves === null) return undefined
  try {
    RuntimeFolder.prepare(graves)
    const { O_CREAT, O_NOFOLLOW, O_RDWR, O_TRUNC } = Fs.constants
    const fd = Fs.openSync(recordPath(graves, process.pid), O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600)
    const page = new Page({
      pid: process.pid,
      parent: process.ppid,
      name: actor.name,
      uuid: actor.uuid,
      above: above.map(({ name, pid }) => `${name}@${pid}`),
      started: startOf(process.pid),
      origin: performance.timeOrigin
    })
    page.changed = recordBytes
    return new FileRecorder(fd, page)
  } catch {
    return undefined
  }
}

const frame = /^\s+at (?:.*\()?((?:file:\/\/)?\/[^()]*?:\d+):\d+\)?$/

/** Returns the first source line of the program's own code in the frames of a stack. */
const lineIn = (frames: ReadonlyArray<string>): string | undefined => {
  for (const line of frames) {
    const [, place] = frame.exec(line) ?? []
    if (place !== undefined && !place.includes("/node_modules/")) return place.replace("file://", "")
  }
  return undefined
}

/**
 * Returns the source line at which a value was thrown. The message of the thrown error is removed from the stack first,
 * because a line of the message may look like a stack frame.
 */
export const thrownAt = (error: unknown): string | undefined => {
  try {
    const { message, stack } = error as Error
    if (typeof stack !== "string") return undefined
    return lineIn(stack.slice(Math.max(0, stack.indexOf(message)) + message.length).split("\n"))
  } catch {
    return undefined
  }
}

/** Returns the source line that called `process.exit`, from the stack in a listener of the event `exit`. */
export const exitedAt = (): string | undefined => {
  const frames = (new Error().stack ?? "").split("\n")
  const call = frames.findIndex((line) => /\bprocess\.(?:exit|reallyExit) \(/.test(line))
  return call < 0 ? undefined : lineIn(frames.slice(call + 1))
}
