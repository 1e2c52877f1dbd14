/**
 * Finds and removes the lines that Node writes to the stderr of a process whose inspector was opened by a signal. While
 * a parent reads the stack of its actor, the lines of the actor's inspector do not reach the program's output.
 */
import type { Readable } from "node:stream"

/** The stderr streams of this process's actors, by the pids of the actors. */
const streams = new Map<number, Readable>()

/** Stores the stderr of the actor with this pid for a later call of `watch`, until the returned function is called. */
export const reachable = (pid: number, stderr: Readable): () => void => {
  streams.set(pid, stderr)
  return () => void (streams.get(pid) === stderr && streams.delete(pid))
}

const address = /Debugger listening on (ws:\/\/\S+)\n/
const ours =
  /Debugger (?:listening on|ending on) ws:\/\/\S+\n|For help, see: https:\/\/nodejs\.org\/\S+\n|Debugger attached\.\n|Waiting for the debugger to disconnect\.\.\.\n/g

/** Matches the beginning of an inspector's line whose rest is in the next chunk of output. */
const begun = /(?:Debugger|For help|Waiting for)[^\n]{0,200}$/

/** A watch over the stderr of one actor, which removes the lines of the actor's inspector. */
export interface Watch {
  /** Resolves with the address of the inspector, when the inspector has written its address to stderr. */
  readonly address: Promise<string>
  readonly end: () => void
}

/**
 * Begins to look for the address of the inspector in the stderr of an actor. Returns undefined when this process does
 * not read the stderr of this actor.
 */
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
