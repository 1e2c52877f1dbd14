/**
 * The lines that Node writes to the stderr of a process whose inspector was opened by a signal. While a parent looks at the
 * stack of its actor, they are for it alone: nothing of them reaches the output of the program.
 */
import type { Readable } from "node:stream"

/** The streams of the actors of this process that are read here, by their pids. */
const streams = new Map<number, Readable>()

/** Keeps the stderr of an actor within reach, until the result is called. */
export const reachable = (pid: number, stderr: Readable): () => void => {
  streams.set(pid, stderr)
  return () => void (streams.get(pid) === stderr && streams.delete(pid))
}

const address = /Debugger listening on (ws:\/\/\S+)\n/
const ours =
  /Debugger (?:listening on|ending on) ws:\/\/\S+\n|For help, see: https:\/\/nodejs\.org\/\S+\n|Debugger attached\.\n|Waiting for the debugger to disconnect\.\.\.\n/g

/** The beginning of such a line at the end of a piece. */
const begun = /(?:Debugger|For help|Waiting for)[^\n]{0,200}$/

/** A watch over the stderr of one actor, which takes the lines out. */
export interface Watch {
  /** The address of the inspector, once it is said. */
  readonly address: Promise<string>
  readonly end: () => void
}

/** Watches an actor's stderr; nothing where it is not read here. */
export const watch = (pid: number): Watch | undefined => {
  const stream = streams.get(pid)
  if (stream === undefined) return undefined
  const { promise, resolve } = Promise.withResolvers<string>()
  const emit = stream.emit
  let rest = ""
  const pass = (text: string): boolean => text === "" || emit.call(stream, "data", Buffer.from(text, "latin1"))
  const data = (piece: Buffer): boolean => {
    const text = rest + piece.toString("latin1")
    const found = address.exec(text)
    if (found !== null) resolve(found[1]!)
    const left = text.replace(ours, "")
    rest = begun.exec(left)?.[0] ?? ""
    return pass(left.slice(0, left.length - rest.length))
  }
  const flush = () => {
    const last = rest
    rest = ""
    pass(last)
  }
  stream.emit = (event: string | symbol, ...args: ReadonlyArray<unknown>) => {
    if (event === "data") return data(args[0] as Buffer)
    if (event === "end") flush()
    return emit.call(stream, event, ...args)
  }
  return {
    address: promise,
    end: () => {
      stream.emit = emit
      flush()
    }
  }
}
