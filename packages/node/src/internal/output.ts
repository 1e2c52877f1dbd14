/**
 * Passes the output of actors on to its targets. Bytes of an actor's output stay unchanged and in order, and lines of
 * several actors are not mixed. The last lines of an actor's stderr are kept, so that an error about the actor can show
 * them.
 *
 * When the parent cannot write as fast as its actor, the parent stops reading the actor's output. While the parent does
 * not read, the output of a fast actor waits in the kernel's pipe, so that the parent's memory does not grow.
 */
import type { Readable, Writable } from "node:stream"
import { StringDecoder } from "node:string_decoder"

/** Milliseconds after which an unfinished line of output is passed on, so that prompts and progress bars appear. */
export const unfinishedLineMillis = 100
/** The size in bytes at which an unfinished line of output is passed on at once, followed by the rest of the line. */
export const maxLineBytes = 1024 * 1024
/** Milliseconds for which the output lines of other sources wait for the end of a line that was passed on in part. */
export const maxHoldMillis = 1000

const keptLines = 20
const keptLineChars = 1024
const newline = 0x0a

/**
 * Matches a line of a native stack trace: Node writes the native stack trace, with addresses, below the reason of a
 * crash.
 */
const nativeFrame = /^ *\d+: 0x[0-9a-f]+ /

const cut = (line: string): string => line.length <= keptLineChars ? line : `${line.slice(0, keptLineChars)}…`

/**
 * The last lines of an output stream, with an unfinished last line. Lines of native stack traces are left out of the
 * last lines, because a crash prints more of them than are kept.
 */
export class Tail {
  private readonly lines: Array<string> = []
  private readonly decoder = new StringDecoder("utf8")
  private rest = ""

  write(bytes: Buffer): void {
    const lines = (this.rest + this.decoder.write(bytes)).split("\n")
    // A kept line of output has one character more than the limit, so that the function `push` can see that the line
    // was cut.
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

/** Waits, and then lets the event loop read once, so that input from a time when this process was busy is read. */
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

/**
 * A target of output to which the output of several actors is written. Only one source at a time may have an unfinished
 * line at a target of output.
 */
class Joint {
  holder: Copy | undefined
  private readonly target: Writable
  private readonly undrained = new Set<Copy>()
  private readonly queued = new Set<Copy>()
  private forget: (() => void) | undefined

  constructor(target: Writable) {
    this.target = target
  }

  /**
   * Writes bytes of an actor's output to the target. Bytes of output for a target that has lost its reader are dropped.
   */
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

  /**
   * Queues the output of a source until the source may write to the target. A queued source of output writes when the
   * unfinished line of another source has ended, or when the bound for this line is over.
   */
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
    // The bound for an unfinished line of output does not run while the target is full, because the source of the line
    // cannot write either.
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

/** The output of one source, such as an actor's stdout, on its way to the target. */
class Copy {
  private readonly source: Readable
  private readonly joint: Joint
  private pieces: Array<Buffer> = []
  private bytes = 0
  /** The number of kept bytes of output that form whole lines. */
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
      // The source of the output has ended, so the rest of its last line is written without a line break.
      this.write(this.bytes)
      if (this.joint.holder === this) this.joint.letGo()
    })
    source.on("error", () => {})
  }

  /** Passes on the bytes of output that may be written to the target now, and keeps the other bytes. */
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

  /**
   * Reads the rest of the output of a process that has exited, even when the target of the output is slow. The rest of
   * an exited process's output fits into memory, because the kernel's buffer is small.
   */
  readonly exit = (): void => {
    this.exited = true
    this.flow()
  }

  flow(): void {
    if (!this.exited && this.joint.isWaiting(this)) this.source.pause()
    else this.source.resume()
  }
}

/**
 * Passes the output of a process from the stream `source` on to the stream `target`. Call the returned function when
 * the process has exited, so that the rest of its output is read even for a slow target.
 */
export const copy = (source: Readable, target: Writable, tail?: Tail): () => void => new Copy(source, target, tail).exit
