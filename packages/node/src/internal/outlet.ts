/**
 * The ways the output of an actor can go: to a stream of its parent, to the log, to a function of the program, or nowhere.
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

/** The options of a start, then those of the tree, then the parent's stream of the same name. */
export const outputsOf = (options: Wanted, defaults: Wanted): Outputs => ({
  stdout: options.stdout ?? defaults.stdout ?? "stdout",
  stderr: options.stderr ?? defaults.stderr ?? "stderr"
})

const words: ReadonlyArray<unknown> = ["stdout", "stderr", "log", "ignore", "inherit"]

/** The fault of an output option that is no known target; a program in JavaScript may give any value. */
export const unknownOutput = (outputs: Outputs): string | undefined => {
  for (const stream of ["stdout", "stderr"] as const) {
    const asked: unknown = outputs[stream]
    if (typeof asked !== "function" && !words.includes(asked)) {
      return `the option ${stream} is ${JSON.stringify(asked)}: use one of ${words.join(", ")}, or a function of bytes`
    }
  }
  return undefined
}

/** The option of node:child_process. The last lines of stderr are kept even where its output is ignored. */
export const stdioOf = ({ stderr, stdout }: Outputs) =>
  [
    stdout === "inherit" || stdout === "ignore" ? stdout : "pipe",
    stderr === "inherit" ? stderr : "pipe"
  ] as const

/** True when all visible output of an actor ends on a stream of its parent. */
export const isPassedThrough = ({ stderr, stdout }: Outputs): boolean =>
  [stdout, stderr].every((output) => typeof output === "string" && output !== "log")

/** The tools that an outlet needs of its process. */
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

/** Hands the output to a sink, one piece after the other. A sink that fails gets no more, and the actor goes on. */
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

/** Reads the source until it ends. The result is called when the source's process has exited. */
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
