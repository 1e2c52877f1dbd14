/**
 * The example has a pool of actors and a progress bar, and the pool's workers are killed while they work.
 *
 * A thumbnail may be made twice, so its endpoint is `idempotent`, and the pool gives the task of a killed worker to
 * another worker. A letter must be sent at most once. So the caller gets the error that the worker was lost, and
 * decides whether to send the letter again. On a terminal the progress bar of the pool stays on one line.
 *
 * Prints:
 *
 *     [##########..............................] 15 of 60
 *     [####################....................] 30 of 60
 *     a worker is killed
 *     [##############################..........] 45 of 60
 *     [########################################] 60 of 60
 *     the thumbnails are complete: true
 *     the letter: ActorLost
 *     tried 61 = answered 60 + failed 1
 *     lost 0, hung 0
 *     workers killed: 2, replaced: 2
 */
import { Actor, Pool } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

export const thumbnail = Actor.fn("thumbnail", {
  module: import.meta.url,
  payload: { picture: Schema.Int },
  success: Schema.String,
  idempotent: true
})(({ picture }) =>
  Effect.sync(() => {
    const end = performance.now() + 20
    while (performance.now() < end);
    return `${picture}.small.jpg`
  })
)

/** The task that sends a letter begins and never ends, as with a slow post. */
export const letter = Actor.stream("letter", { module: import.meta.url, success: Schema.String })(() =>
  Stream.concat(Stream.make("begun"), Stream.never)
)

class Workers extends Pool.Service<Workers>()("Workers", { expose: [thumbnail, letter], size: 2 }) {}

const count = 60
const width = 40

const bar = (done: number): string => {
  const filled = Math.floor(done / count * width)
  return `[${"#".repeat(filled)}${".".repeat(width - filled)}] ${done} of ${count}`
}

/**
 * Redraws the progress bar of the pool in one line of a terminal. If the output is no terminal, prints a line after
 * each quarter of the tasks.
 */
const show = (done: number): void => {
  if (process.stdout.isTTY) process.stdout.write(`\r${bar(done)}${done === count ? "\n" : ""}`)
  else if (done % (count / 4) === 0) console.log(bar(done))
}

/** Kills a busy worker of the pool, as an operator, the kernel or a bug in native code could. */
const killWorker = Effect.gen(function*() {
  const { statistics } = yield* Workers
  const { workers } = yield* statistics
  const victim = workers.find(({ state }) => state === "busy") ?? workers.find(({ state }) => state === "idle")
  process.kill(victim!.actor!.pid, "SIGKILL")
})

const thumbnails = Effect.gen(function*() {
  const pool = yield* Workers
  const half = yield* Deferred.make<void>()
  const killing = yield* Effect.forkChild(Effect.andThen(Deferred.await(half), killWorker))
  const pictures = Array.from({ length: count }, (_, picture) => picture)
  const small = yield* Stream.runCollect(
    pool.map(pictures, (picture) => thumbnail({ picture }), {
      progress: ({ done }) => {
        show(done)
        if (done !== count / 2) return
        console.log(`${process.stdout.isTTY ? "\n" : ""}a worker is killed`)
        Deferred.doneUnsafe(half, Effect.void)
      }
    })
  )
  yield* Fiber.join(killing)
  return small.length === count && small.every((name, picture) => name === `${picture}.small.jpg`)
})

const program = Effect.gen(function*() {
  const pool = yield* Workers
  yield* Console.log(`the thumbnails are complete: ${yield* thumbnails}`)

  const read = pool.stream(letter()).pipe(Stream.tap(() => killWorker), Stream.runDrain)
  const error = yield* Effect.flip(read)
  yield* Console.log(`the letter: ${error._tag}`)

  const { replaced, running, tasks, waiting } = yield* pool.statistics
  const tried = count + 1
  yield* Console.log(`tried ${tried} = answered ${tasks.succeeded} + failed ${tasks.failed}`)
  yield* Console.log(`lost ${tried - tasks.succeeded - tasks.failed}, hung ${running + waiting}`)
  yield* Console.log(`workers killed: 2, replaced: ${replaced.lost}`)
})

NodeActor.runMain(program.pipe(
  Effect.provide(Workers.layer),
  // The pool of this example logs a warning about each worker that it has lost.
  Effect.provide(Logger.layer([]))
))
