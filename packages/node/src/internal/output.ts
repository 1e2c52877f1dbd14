/**
 * The output of actors, copied through: bytes unchanged and in order, lines of several actors whole. The last lines of
 * stderr are kept for the error that may need them.
 *
 * A parent that cannot write as fast pauses the pipe, so the actor's writes wait in the kernel: nothing grows here.
 */
import type { Readable, Writable } from "node:stream"
import { StringDecoder } from "node:string_decoder"

/** Milliseconds after which an unfinished line is passed on without its end, as for a prompt or a progress bar. */
export const unfinishedLineMillis = 100
/** The size in bytes from which an unfinished line is passed on at once, and the rest of the line as it comes. */
export const maxLineBytes = 1024 * 1024
/** Milliseconds for which lines of other sources wait for the end of a line of which a part has been passed on. */
export const maxHoldMillis = 1000

const keptLines = 20
const keptLineChars = 1024
const newline = 0x0a

/** Matches a native frame: Node writes the addresses of its stack below the reason of a crash. */
const nativeFrame = /^ *\d+: 0x[0-9a-f]+ /

const cut = (line: string): string => line.length <= keptLineChars ? line : `${line.slice(0, keptLineChars)}…`

/**
 * The last lines of a stream, the unfinished one among them, without the native frames of the runtime: those alone would
 * fill them.
 */
export class Tail {
  private readonly lines: Array<string> = []
  private readonly decoder = new StringDecoder("utf8")
  private rest = ""

  write(bytes: Buffer): void {
    const lines = (this.rest + this.decoder.write(bytes)).split("\n")
    // One character more than the limit is kept, so that `push` sees that the line was cut.
    this.rest = lines.pop()!.slice(0, keptLineChars + 1)
    for (const line of lines) this.push(line)
  }

  push(line: string): void {
    if (nativeFrame.test(line)) return
    this.lines.push(cut(line))
    if (this.lines.length > keptLines) this.lines.shift()
  }

  get last(): ReadonlyArray<string> {
    return [...this.lines, ...this.rest === "" ? [] : [cut(this.rest)]].slice(-keptLines)
  }
}

/** Waits, then lets the event loop read once: input that arrived while this process was busy comes first. */
const later = (millis: number, run: () => void): () => void => {
  let immediate: NodeJS.Immediate | undefined
  const timer = setTimeout(() => {
    immediate = setImmediate(run)
  }, millis)
  return () => {
    clearTimeout(timer)
    clearImmediate(immediate)
  }
}

/** The place where several sources end. One source at a time has an unfinished line there. */
class Joint {
  holder: Copy | undefined
  private readonly target: Writable
  private readonly undrained = new Set<Copy>()
  private readonly queued = new Set<Copy>()
  private forget: (() => void) | undefined

  constructor(target: Writable) {
    this.target = target
  }

  /** Writes bytes to the target. Bytes for a target without a reader are thrown away. */
  write(bytes: Buffer, by: Copy): void {
    const { target } = this
    if (target.destroyed || target.writableEnded || target.write(bytes)) return
    if (this.undrained.size === 0) {
      target.on("drain", this.drained)
      target.on("close", this.drained)
    }
    this.undrained.add(by)
    by.flow()
  }

  /** Queues a copy. Its turn comes when the holder's line ends, or has not ended for too long. */
  enqueue(copy: Copy): void {
    this.queued.add(copy)
    this.forget ??= later(maxHoldMillis, this.release)
    copy.flow()
  }

  isWaiting(copy: Copy): boolean {
    return this.undrained.has(copy) || this.queued.has(copy)
  }

  isQueued(copy: Copy): boolean {
    return this.queued.has(copy)
  }

  letGo(): void {
    this.forget?.()
    this.forget = undefined
    this.holder = undefined
    const copies = [...this.queued]
    this.queued.clear()
    for (const copy of copies) {
      copy.pass()
      copy.flow()
    }
  }

  private readonly release = (): void => {
    // While the target has no room, the holder cannot write either, so that time does not count.
    if (this.undrained.size > 0) this.forget = later(maxHoldMillis, this.release)
    else this.letGo()
  }

  private readonly drained = (): void => {
    this.target.off("drain", this.drained)
    this.target.off("close", this.drained)
    const copies = [...this.undrained]
    this.undrained.clear()
    for (const copy of copies) copy.flow()
  }
}

const joints = new WeakMap<Writable, Joint>()

const jointOf = (target: Writable): Joint => {
  const joint = joints.get(target) ?? new Joint(target)
  joints.set(target, joint)
  return joint
}

/** One source on its way to a target. */
class Copy {
  private readonly source: Readable
  private readonly joint: Joint
  private pieces: Array<Buffer> = []
  private bytes = 0
  /** How many of the kept bytes are whole lines. */
  private whole = 0
  private forget: (() => void) | undefined
  private exited = false

  constructor(source: Readable, target: Writable, tail: Tail | undefined) {
    this.source = source
    this.joint = jointOf(target)
    source.on("data", (chunk: Buffer) => {
      tail?.write(chunk)
      const end = chunk.lastIndexOf(newline) + 1
      if (end > 0) this.whole = this.bytes + end
      this.pieces.push(chunk)
      this.bytes += chunk.length
      this.pass()
    })
    source.once("end", () => {
      // The source has ended, so the rest of its last line is written as it is.
      this.write(this.bytes)
      if (this.joint.holder === this) this.joint.letGo()
    })
    source.on("error", () => {})
  }

  /** Passes on the bytes that may go now, and waits with the rest. */
  pass(): void {
    const { joint } = this
    if (this.bytes === 0) return
    if (joint.holder !== undefined && joint.holder !== this) return joint.enqueue(this)
    if (this.whole > 0) this.write(this.whole)
    if (this.bytes > 0 && (joint.holder === this || this.bytes > maxLineBytes)) this.passUnfinished()
    if (this.bytes > 0) this.forget ??= later(unfinishedLineMillis, this.passUnfinished)
  }

  private readonly passUnfinished = (): void => {
    const { joint } = this
    this.forget = undefined
    if (this.bytes === 0 || joint.isQueued(this)) return
    if (joint.holder !== undefined && joint.holder !== this) return joint.enqueue(this)
    joint.holder = this
    this.write(this.bytes)
  }

  private write(bytes: number): void {
    if (bytes === 0) return
    const all = this.pieces.length === 1 ? this.pieces[0]! : Buffer.concat(this.pieces)
    const isWhole = bytes === this.whole
    this.pieces = bytes === all.length ? [] : [all.subarray(bytes)]
    this.bytes = all.length - bytes
    this.whole = 0
    this.forget?.()
    this.forget = undefined
    this.joint.write(all.subarray(0, bytes), this)
    if (isWhole && this.joint.holder === this) this.joint.letGo()
  }

  /** Reads the rest of the output of a process that has exited, however slow the target is: the rest fits into the kernel. */
  readonly exit = (): void => {
    this.exited = true
    this.flow()
  }

  flow(): void {
    if (!this.exited && this.joint.isWaiting(this)) this.source.pause()
    else this.source.resume()
  }
}

/** Copies until the source ends. The result is called when the source's process has exited. */
export const copy = (source: Readable, target: Writable, tail?: Tail): () => void => new Copy(source, target, tail).exit
