/**
 * Cold starts and idle memory: an actor against a bare Node process that writes one byte.
 *
 * The baseline is JavaScript and synchronous, the least that Node can do. The actor is started with the default guard,
 * and its time ends where a program can use it: when `Actor.startScoped` resolves.
 *
 * A main program of its own, because it is also measured as one bundle.
 */
import * as Actor from "@furrow/actor/Actor"
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import type * as Net from "node:net"
import { echo } from "./furrow/endpoints.ts"
import { givenJob, type Job, report } from "./job.ts"
import type { Sample } from "./measures.ts"

/** How long a process is left alone before its memory is read: what start-up still had to do is done then. */
const settle = "500 millis"

const privateMiB = (pid: number): number => {
  const [, kib] = /^Private_Dirty:\s+(\d+) kB$/m.exec(Fs.readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")) ?? []
  return Number(kib) / 1024
}

interface Started {
  readonly millis: number
  readonly pid: number
}

const startBare = (job: Job) =>
  Effect.acquireRelease(
    Effect.callback<Started & { readonly child: ChildProcess.ChildProcess }>((resume) => {
      const start = performance.now()
      const child = ChildProcess.spawn(process.execPath, [job.bare], { stdio: ["ignore", "ignore", "ignore", "pipe"] })
      const socket = child.stdio[3] as unknown as Net.Socket
      socket.once("data", () => {
        resume(Effect.succeed({ millis: performance.now() - start, pid: child.pid!, child }))
      })
    }),
    ({ child }) =>
      Effect.callback<void>((resume) => {
        child.once("exit", () => resume(Effect.void))
        ;(child.stdio[3] as unknown as Net.Socket).destroy()
      })
  )

const startActor = Effect.suspend(() => {
  const start = performance.now()
  return Effect.map(
    Actor.startScoped("measured", { expose: [echo] }),
    ({ actor }): Started => ({ millis: performance.now() - start, pid: actor.pid })
  )
})

const round = (job: Job, report: (sample: Sample) => void) =>
  Effect.scoped(Effect.gen(function*() {
    const raw = yield* startBare(job)
    const furrow = yield* startActor
    if (job.run.names.includes("spawn")) report({ name: "spawn", raw: raw.millis, furrow: furrow.millis })
    if (!job.run.names.includes("memory")) return
    yield* Effect.sleep(settle)
    report({ name: "memory", raw: privateMiB(raw.pid), furrow: privateMiB(furrow.pid) })
  }))

const rounds = (job: Job, report: (sample: Sample) => void) =>
  Effect.gen(function*() {
    // Two to warm up: the first one fills the compile cache, the second one reads it from a cold disk.
    for (let i = 0; i < 2; i++) yield* round({ ...job, run: { ...job.run, names: ["spawn"] } }, () => {})
    for (let i = 0; i < job.rounds; i++) yield* round(job, report)
    process.disconnect()
  })

NodeActor.runMain(Effect.suspend(() => rounds(givenJob(), report)))
