/**
 * Profiles and heap snapshots of this process. A profile of a process shows the source lines at which the processor
 * worked. A heap snapshot contains every value of the process, which stands still while the snapshot is taken.
 */
import type { Session } from "node:inspector/promises"
import * as Builtins from "./builtins.ts"

/** Microseconds between two samples of a processor profile. */
const sampleMicros = 1000

const sessionOf = async (): Promise<Session> => {
  const { Session } = process.getBuiltinModule("node:inspector/promises")
  const session = new Session()
  session.connect()
  return session
}

let profiling = false

/** Returns the processor profile of this process over a number of milliseconds, in V8's format. */
export const profile = async (millis: number): Promise<unknown> => {
  if (profiling) throw new Error("another tool makes a profile of this actor: ask again later")
  profiling = true
  try {
    const session = await sessionOf()
    try {
      await session.post("Profiler.enable")
      await session.post("Profiler.setSamplingInterval", { interval: sampleMicros })
      await session.post("Profiler.start")
      await new Promise((resolve) => setTimeout(resolve, millis))
      return (await session.post("Profiler.stop")).profile
    } finally {
      session.disconnect()
    }
  } finally {
    profiling = false
  }
}

/** Returns a heap snapshot of this process as chunks of text. */
export const heap = async function*(): AsyncIterable<string> {
  for await (const piece of Builtins.v8().getHeapSnapshot().setEncoding("utf8")) yield piece as string
}
