/**
 * A root is blocked while an actor and its child are killed, and the child's pid is given to a process of another
 * owner. The program of this case runs below a shell that reaps dead processes, in a separate namespace of pids.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ChildProcess from "node:child_process"
import { isAlive } from "./alive.ts"

export const inner = Actor.stream("inner", { module: import.meta.url, success: Schema.Int })(() =>
  Stream.concat(Stream.fromEffect(Effect.sync(() => process.pid)), Stream.never)
)

export const outer = Actor.stream("outer", { module: import.meta.url, success: Schema.Int })(() =>
  Stream.orDie(Actor.streamInActor(inner()))
)

/**
 * Kills the actor and its child process, waits until the child's pid is free, and makes the next process get this pid.
 */
const script = `
  kill -9 $2 $1
  while [ -e /proc/$2 ]; do sleep 0.05; done
  echo $(($2 - 1)) > /proc/sys/kernel/ns_last_pid
  setsid sleep 1000 > /dev/null 2>&1 &
  echo $!
`

const replaced = (killed: number, number: number): number =>
  Number(
    ChildProcess.spawnSync("/bin/sh", ["-c", script, "sh", String(killed), String(number)], { encoding: "utf8" }).stdout
  )

NodeActor.runMain(Effect.gen(function*() {
  const innocent = yield* Effect.scoped(Effect.gen(function*() {
    const actor = yield* Actor.startScoped("outer", { expose: [outer] })
    let innocent = 0
    yield* Effect.ignore(Stream.runForEach(actor.stream(outer()), (pid) =>
      Effect.flatMap(
        Effect.sync(() => innocent = replaced(actor.actor.pid, pid)),
        () => Console.log(`the number is somebody else's: ${innocent === pid}`)
      )))
    yield* Console.log(`the actor is ${(yield* actor.wait)._tag}`)
    return innocent
  }))
  // Half a second is enough for the warden to hear of the actor's death and to kill the process groups below the actor.
  yield* Effect.sleep("500 millis")
  yield* Console.log(`it is there still: ${isAlive(innocent)}`)
  process.kill(innocent, "SIGKILL")
}))
