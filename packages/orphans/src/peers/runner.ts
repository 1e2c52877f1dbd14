/** Does a job in the process that Effect's module for workers starts. */
import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner"
import * as Effect from "effect/Effect"
import * as WorkerRunner from "effect/workers/WorkerRunner"
import { type Job, work } from "./work.ts"

Effect.gen(function*() {
  const platform = yield* WorkerRunner.WorkerRunnerPlatform
  const runner = yield* platform.start<void, Job>()
  yield* runner.run((_port, job) => Effect.sync(() => void work(job, false)).pipe(Effect.andThen(Effect.never)))
}).pipe(Effect.provide(NodeWorkerRunner.layer), Effect.runFork)
