/**
 * The targets of an actor's output: a stream of the actor's parent, the log, a function of the program, or no target.
 */
import type { Output } from "@furrow/actor/Spawner"
import type { Readable } from "node:stream"
import { StringDecoder } from "node:string_decoder"
import { copy, maxLineBytes, type Tail } from "./output.ts"

type Stream = "stdout" | "stderr"

/** The target of each output stream of an actor. */
export interface Outputs {
  readonly stdout: Output
  readonly stderr: Output
}

type Wanted = { readonly [K in Stream]?: Output | undefined }

/**
 * Returns the target of each output stream of an actor: from the start's option, or else the tree's option, or else the
 * parent's same-named stream.
 */
export const outputsOf = (options: Wanted, defaults: Wanted): Outputs => ({
  stdout: options.stdout ?? defaults.stdout ?? "stdout",
  stderr: options.stderr ?? defaults.stderr ?? "stderr"
})

const words: ReadonlyArray<unknown> = ["stdout", "stderr", "log", "ignore", "inherit"]

/**
 * Returns an error text about an output option that is no known target, because a program in JavaScript may pass any
 * value.
 */
export const unknownOutput = (outputs: Outputs): string | undefined => {
  for (const stream of ["stdout", "stderr"] as const) {
    const asked: unknown = outputs[stream]
    if (typeof asked !== "function" && !words.includes(asked)) {
      return `the option ${stream} is ${JSON.stringify(asked)}: use one of ${words.join(", ")}, or a function of bytes`
    }
  }
  return undefined
}

/**
 * Returns the option `stdio` of node:child_process for an actor's process. The parent keeps the last lines of an
 * actor's stderr for errors, even where the actor's output is ignored.
 */
export const stdioOf = ({ stderr, stdout }: Outputs) =>
  [
    stdout === "inherit" || stdout === "ignore" ? stdout : "pipe",
    stderr === "inherit" ? stderr : "pipe"
  ] as const

/** True when no output stream of an actor goes to the log or to a function of the program. */
export const isPassedThrough = ({ stderr, stdout }: Outputs): boolean =>
  [stdout, stderr].every((output) => typeof output === "string" && output !== "log")

/** The functions that the target of an actor's output needs from the actor's parent. */
export interface Surroundings {
  readonly tail: Tail | undefined
  readonly line: (text: string) => void
  readonly failed: (error: unknown) => void
}

const toLog = (source: Readable, { line, tail }: Surroundings): void => {
  const decoder = new StringDecoder("utf8")
  let rest = ""
  source.on("data", (chunk: Buffer) => {
    tail?.write(chunk)
    const lines = (rest + decoder.write(chunk)).split("\n")
    rest = lines.pop()!
    if (rest.length > maxLineBytes) {
      lines.push(rest)
      rest = ""
    }
    for (const text of lines) if (text !== "") line(text)
  })
  source.once("end", () => {
    rest += decoder.end()
    if (rest !== "") line(rest)
  })
}

type Sink = Exclude<Output, string>

/**
 * Passes an actor's output to a function of the program, one chunk after the other. An output function of the program
 * that fails gets no further output, and the actor goes on.
 */
const toSink = (source: Readable, sink: Sink, { failed, tail }: Surroundings): () => void => {
  const pieces: Array<Buffer> = []
  let state: "idle" | "busy" | "failed" = "idle"
  let exited = false
  const pump = async () => {
    if (state !== "idle") return
    state = "busy"
    try {
      for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
        const taken = sink(piece)
        if (taken === undefined) continue
        if (!exited) source.pause()
        await taken
      }
      state = "idle"
    } catch (error) {
      state = "failed"
      pieces.length = 0
      failed(error)
    }
    source.resume()
  }
  source.on("data", (chunk: Buffer) => {
    tail?.write(chunk)
    if (state === "failed") return
    pieces.push(chunk)
    void pump()
  })
  return () => {
    exited = true
    source.resume()
  }
}

/**
 * Passes an output stream of an actor on to its target until the stream ends. The function that `open` returns must be
 * called when the process of the output stream has exited.
 */
export const open = (source: Readable, output: Output, around: Surroundings): () => void => {
  const { tail } = around
  source.on("error", () => {})
  switch (output) {
    case "stdout":
    case "stderr":
      return copy(source, process[output], tail)
    case "log":
      toLog(source, around)
      return () => {}
    case "ignore":
    case "inherit":
      source.on("data", (chunk: Buffer) => tail?.write(chunk))
      return () => {}
    default:
      return toSink(source, output, around)
  }
}
