/**
 * Profiles and heap snapshots of this process. A profile says at which lines the processor was; a snapshot of the heap holds
 * every value, and the process stands still while it is made.
 */
import type { Session } from "node:inspector/promises"
import * as V8 from "node:v8"

/** Microseconds between two samples. */
const sampleMicros = 1000

const sessionOf = async (): Promise<Session> => {
  const { Session } = process.getBuiltinModule("node:inspector/promises")
  const session = new Session()
  session.connect()
  return session
}

let profiling = false

/** The processor time of this process during that time, as V8 gives it. */
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

/** A snapshot of the heap, in pieces of text. */
export const heap = async function*(): AsyncIterable<string> {
  for await (const piece of V8.getHeapSnapshot().setEncoding("utf8")) yield piece as string
}
