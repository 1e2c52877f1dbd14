/**
 * In this example an external program is the supervised child of a root.
 *
 * The server in this example is a shell script. A database or a compiler would be started by the same code. The server
 * in this example is ready when it prints its ready line. The server in this example is killed, and its supervisor
 * starts it again. At the end of this example the server is stopped, with all processes that it has started.
 *
 * Prints:
 *
 *     server: listening as process <number>
 *     server is killed: ActorLost, its process was killed by SIGKILL
 *     server: listening as process <number>
 *     a start that fails says why: it exited with code 3, "no such database"
 *     the end: 0 processes of the program are left
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Actor, ActorError, Supervisor } from "@furrow/actor"
import { NodeActor, Program } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"

const script = (text: string) => ChildProcess.make("/bin/sh", ["-c", text])

/** A shell script that starts a process in its group, prints that it is ready, and then waits. */
class Server extends Program.Service<Server>()("server", {
  command: script("sleep 1000 & echo listening as process $$; wait"),
  ready: Program.line("listening"),
  log: false
}) {}

/** True for the pid of a process that exists. */
const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const program = Effect.gen(function*() {
  const pids = yield* Ref.make<ReadonlyArray<number>>([])
  // A Layer that adds the pid of the running server program to the list `pids`.
  const Seen = Layer.effectDiscard(Effect.gen(function*() {
    const server = yield* Server
    yield* Ref.update(pids, (all) => [...all, server.pid])
    const [line] = yield* server.lastLines
    yield* Console.log(`server: ${line}`)
  })).pipe(Layer.provide(Server.layer))
  const App = Supervisor.layer({ intensity: { restarts: 3, within: "1 minute" } }, [
    Supervisor.of(Seen, { name: "server", stopWithin: "2 seconds" })
  ])
  yield* Effect.scoped(Effect.gen(function*() {
    const restarting = yield* Effect.forkChild(
      Stream.runHead(Stream.filter(Actor.events, (event) => event._tag === "ActorRestarting")),
      { startImmediately: true }
    )
    const restarted = yield* Effect.forkChild(
      Stream.runHead(Stream.filter(Actor.events, (event) => event._tag === "ActorRestarted")),
      { startImmediately: true }
    )
    yield* Layer.build(App)
    process.kill((yield* Ref.get(pids))[0]!, "SIGKILL")
    const event = Option.getOrThrow(yield* Fiber.join(restarting))
    if (event._tag === "ActorRestarting" && event.exit._tag === "Lost" && event.exit.error._tag === "ActorLost") {
      const { _tag, how } = event.exit.error
      yield* Console.log(`server is killed: ${_tag}, ${ActorError.formatLost(how)}`)
    }
    yield* Fiber.join(restarted)
    const broken = Program.make("broken", script("echo no such database; exit 3"), {
      ready: Program.line("listening"),
      log: false
    })
    yield* Effect.catchTag(
      broken,
      "ProgramFailed",
      ({ lines, reason }) => Console.log(`a start that fails says why: ${reason}, "${lines.join()}"`)
    )
  }))
  const left = (yield* Ref.get(pids)).filter(isAlive)
  yield* Console.log(`the end: ${left.length} processes of the program are left`)
})

NodeActor.runMain(Effect.provide(Effect.scoped(program), NodeServices.layer))
