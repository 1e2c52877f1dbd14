/**
 * Formats the stack of an actor: the frames of the program, and between them the number of frames of Effect, Furrow and
 * Node.
 */
import type { StackInspection } from "@furrow/actor/Inspect"
import { nameOf, type Seen } from "@furrow/node/internal/diagnosis/Seen"
import { printable, shortened } from "@furrow/node/internal/diagnosis/text"

const isRuntimes = (file: string): boolean =>
  file === "" || file.startsWith("node:") || /\/node_modules\/(effect|@effect|@furrow)\//.test(file) ||
  /\/packages\/(actor|node|protocol)\/(src|dist)\//.test(file)

const runtimesLine = (count: number): string => `      (${count} of Effect, Furrow and Node)`

/**
 * Returns the frames of an actor's stack, the innermost frame first. The innermost frame of an actor's stack is always
 * shown.
 */
export const frameLines = (frames: NonNullable<StackInspection>): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let hidden = 0
  const tell = () => {
    if (hidden > 0) lines.push(runtimesLine(hidden))
    hidden = 0
  }
  frames.forEach(({ column, file, line, name }, i) => {
    if (i > 0 && isRuntimes(file)) return void hidden++
    tell()
    const place = `${file === "" ? "(no file)" : shortened(file)}:${line}:${column}`
    lines.push(`      at ${printable(name === "" ? place : `${name} (${place})`)}`)
  })
  tell()
  return lines
}

/** True for a process that runs on a processor, as the kernel reports it. */
export const computes = ({ outside: { cpu, states } }: Seen): boolean => states.includes("R") || cpu > busyShare

/** The share of a processor core above which a process counts as one that computes. */
const busyShare = 0.5

/** Returns the kernel's facts about a process that does not answer, as one line. */
export const kernelLine = (seen: Seen): string => {
  const { commands, cpu, states, syscall, wchan } = seen.outside
  if (states.every((state) => state === "T" || state === "t")) return "its process is stopped"
  const share = `${Math.round(cpu * 100)}% of a core`
  if (computes(seen)) return `it computes, ${share}`
  const where = [wchan, syscall].filter((text) => text !== "" && text !== "0").join(", ")
  const child = commands.length === 0 ? "" : `; it has the child process ${commands.join(", ")}`
  return `its event loop stands in a call of the kernel${where === "" ? "" : ` (${where})`}${child}`
}

export const lines = (seen: Seen, stack: StackInspection | string): ReadonlyArray<string> => {
  const head = `${printable(nameOf(seen))} (${seen.outside.pid}): ${printable(kernelLine(seen))}`
  if (typeof stack === "string") return [head, `      its stack cannot be seen: ${printable(stack)}`]
  return stack === null ? [head] : [head, ...frameLines(stack)]
}
