/**
 * The output of an actor, copied through line by line: lines of several actors are never torn, and the last lines of
 * stderr are kept for the error that may need them.
 *
 * A parent that cannot write as fast pauses the pipe, so the actor's writes wait in the kernel: nothing grows here.
 */
import type { Readable, Writable } from "node:stream"
import { StringDecoder } from "node:string_decoder"

/** A line without an end is copied in pieces of this size. */
const maxLineChars = 64 * 1024
const keptLines = 20
const keptLineChars = 1024

/** A native frame: the runtime writes its addresses below the reason of its end. */
const nativeFrame = /^ *\d+: 0x[0-9a-f]+ /

/** The last lines of a stream, without the native frames of the runtime: those alone would fill them. */
export class Tail {
  private readonly lines: Array<string> = []

  push(line: string): void {
    if (nativeFrame.test(line)) return
    this.lines.push(line.length <= keptLineChars ? line : `${line.slice(0, keptLineChars)}…`)
    if (this.lines.length > keptLines) this.lines.shift()
  }

  get last(): ReadonlyArray<string> {
    return [...this.lines]
  }
}

/** The sources that wait for a target: it is listened to once, however many there are. */
const waiting = new WeakMap<Writable, Set<Readable>>()

/** Until the target has room again. A stream without a reader has room for everything: it is thrown away. */
const pause = (source: Readable, target: Writable): void => {
  source.pause()
  const others = waiting.get(target)
  if (others !== undefined) return void others.add(source)
  const sources = new Set([source])
  const resume = () => {
    waiting.delete(target)
    target.off("drain", resume)
    target.off("close", resume)
    for (const source of sources) source.resume()
  }
  waiting.set(target, sources)
  target.on("drain", resume)
  target.on("close", resume)
}

/**
 * Copies until the source ends; an unfinished last line gets its end then. The result is called when the source's process
 * has exited: what is left of its output fits into the kernel, and is read however slow the target is.
 */
export const copyLines = (source: Readable, target: Writable, tail?: Tail): () => void => {
  let exited = false
  const decoder = new StringDecoder("utf8")
  let rest = ""
  const write = (text: string): void => {
    if (text === "" || target.destroyed || target.writableEnded) return
    if (!target.write(text) && !exited) pause(source, target)
  }
  source.on("data", (chunk: Buffer) => {
    const text = rest + decoder.write(chunk)
    const end = text.lastIndexOf("\n") + 1
    const whole = text.slice(0, end)
    rest = text.slice(end)
    if (rest.length > maxLineChars) {
      write(`${whole}${rest}\n`)
      tail?.push(rest)
      rest = ""
    } else write(whole)
    if (tail !== undefined && end > 0) { for (const line of whole.slice(0, -1).split("\n")) tail.push(line) }
  })
  source.once("end", () => {
    rest += decoder.end()
    if (rest === "") return
    tail?.push(rest)
    write(`${rest}\n`)
  })
  source.on("error", () => {})
  return () => {
    exited = true
    source.resume()
  }
}
