/**
 * The kernel's view of an actor's process, which needs no answer of the process. The kernel's view of a process exists
 * only on Linux, and is empty on other systems.
 */
import * as Effect from "effect/Effect"
import type { Candidate } from "../../NodeInspect.ts"
import { childrenOf, commandOf, statFields, textOf } from "../proc.ts"
import type { Outside } from "./Seen.ts"

/** The number of the kernel's ticks in a second, which is a constant of the kernel's interface. */
const ticksPerSecond = 100

interface Sample {
  readonly state: string
  readonly ticks: number
}

/** Reads the state of a process, and the processor time that the process has used. */
const sampleOf = (pid: number): Sample => {
  const fields = statFields(pid) ?? []
  return { state: fields[0] ?? "", ticks: Number(fields[11] ?? 0) + Number(fields[12] ?? 0) }
}

/**
 * Returns the system call in which a process stands, and the process's stack in the kernel. The system call and the
 * stack of a process are empty where this user may not trace the process.
 */
const syscallOf = (pid: number): string => {
  const [call = ""] = textOf(`/proc/${pid}/syscall`).split(" ")
  const stack = textOf(`/proc/${pid}/stack`).split("\n").flatMap((line) => /^\[<[^>]*>\] (\w+)/.exec(line)?.[1] ?? [])
  const named = /^\d+$/.test(call) ? [`system call ${call}`] : []
  return [...named, ...stack.slice(0, maxKernelFrames)].join(" < ")
}

const maxKernelFrames = 4

const commandsOf = (pid: number): ReadonlyArray<string> =>
  childrenOf(pid).map(commandOf)
    .filter((command) => command !== "" && !command.startsWith("furrow") && !command.startsWith("/bin/sh -c trap "))

const samples = 5

/** Milliseconds between two samples of a process's state. */
const betweenMillis = 30

/**
 * Takes several samples of a process's state, because one sample does not distinguish a computing process from one that
 * has just been woken.
 */
export const look = ({ name, parent, pid }: Candidate): Effect.Effect<Outside> =>
  Effect.gen(function*() {
    const began = performance.now()
    const seen: Array<Sample> = [sampleOf(pid)]
    while (seen.length < samples) {
      yield* Effect.sleep(betweenMillis)
      seen.push(sampleOf(pid))
    }
    const seconds = (performance.now() - began) / 1000
    const cpu = (seen.at(-1)!.ticks - seen[0]!.ticks) / ticksPerSecond / seconds
    const states = seen.map(({ state }) => state)
    return {
      pid,
      parent,
      name,
      states,
      cpu,
      wchan: textOf(`/proc/${pid}/wchan`),
      syscall: syscallOf(pid),
      commands: commandsOf(pid)
    }
  })

/**
 * Returns the view from outside of a process whose actor has answered. The answer says what the actor does, so the view
 * contains no further figures from /proc.
 */
export const unlooked = ({ name, parent, pid, state }: Candidate): Outside => ({
  pid,
  parent,
  name,
  states: [state],
  cpu: 0,
  wchan: "",
  syscall: "",
  commands: []
})
