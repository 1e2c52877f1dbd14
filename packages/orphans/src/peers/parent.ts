/**
 * The program `node parent.ts PEER JOB` starts one child process with the library PEER, gives the child the work JOB,
 * and stays running.
 */
import * as ChildProcess from "node:child_process"
import cluster from "node:cluster"
import { fileURLToPath } from "node:url"
import type { Job } from "./work.ts"

const path = (name: string) => fileURLToPath(new URL(`./${name}`, import.meta.url))

const start: { readonly [peer: string]: (job: Job) => Promise<unknown> } = {
  fork: async (job) => ChildProcess.fork(path("child.ts"), [JSON.stringify(job)]),
  cluster: async (job) => {
    cluster.setupPrimary({ exec: path("child.ts"), args: [JSON.stringify(job)] })
    return cluster.fork()
  },
  tinypool: async (job) => {
    const { Tinypool } = await import("tinypool")
    return new Tinypool({ runtime: "child_process", filename: path("exported.ts"), minThreads: 1, maxThreads: 1 }).run(
      job
    )
  },
  workerpool: async (job) => {
    const { default: workerpool } = await import("workerpool")
    return workerpool.pool(path("registered.ts"), { workerType: "process", maxWorkers: 1 }).exec("work", [job])
  },
  "jest-worker": async (job) => {
    const { Worker } = await import("jest-worker")
    const farm = new Worker(path("exported.ts"), { numWorkers: 1, exposedMethods: ["work"] })
    return (farm as unknown as { readonly work: (job: Job) => Promise<unknown> }).work(job)
  },
  "effect/workers": async (job) => {
    const [NodeRuntime, NodeWorker, Effect, Worker] = await Promise.all([
      import("@effect/platform-node/NodeRuntime"),
      import("@effect/platform-node/NodeWorker"),
      import("effect/Effect"),
      import("effect/workers/Worker")
    ])
    const program = Effect.scoped(Effect.gen(function*() {
      const platform = yield* Worker.WorkerPlatform
      const worker = yield* platform.spawn<void, Job>(0)
      yield* worker.run(() => Effect.void, { onSpawn: Effect.orDie(worker.send(job)) })
    }))
    NodeRuntime.runMain(Effect.provide(program, NodeWorker.layer(() => ChildProcess.fork(path("runner.ts")))))
  }
}

const [peer, job] = process.argv.slice(2) as [string, string]
setInterval(() => {}, 2 ** 30)
await start[peer]!(JSON.parse(job) as Job)
