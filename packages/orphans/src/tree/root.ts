/**
 * Runs the root of the tree in a test case. The root of a test case either dies itself, or watches one of its actors
 * die. A root that watches an actor die reports how the call to the dead actor ended, and whether the root's second
 * actor still answers.
 */
import * as Actor from "@furrow/actor/Actor"
import * as ActorError from "@furrow/actor/ActorError"
import type * as Portal from "@furrow/actor/Portal"
import { NodeActor, NodeSpawner } from "@furrow/node"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { type Cell, hasStarter } from "../matrix.ts"
import { nobody } from "../privileged.ts"
import { liveIn, ping, withProgram } from "./actors.ts"
import { die, smallHeap } from "./dying.ts"
import { isGo, report } from "./report.ts"

const [cellText, folder] = process.argv.slice(2) as [string, string]
const cell = JSON.parse(cellText) as Cell
const { depth, guard, how, rights, state, where, who } = cell

const call = liveIn(state)({ folder, state, where, depth: depth - 1, dies: null })

const dying = Effect.suspend(() => {
  process.on("SIGUSR2", () => die(how))
  // A process of a test case writes its stdout repeatedly, because only a write tells the process that its stdout has
  // lost its reader.
  if (how === "pipe") setInterval(() => process.stdout.write("still here\n"), 20).unref()
  return Actor.runInActor(call, { name: "below" })
})

const lost = ({ how }: ActorError.ActorLost): string =>
  how._tag === "Exited" ? `exit ${how.code}` : how._tag === "Signalled" ? how.signal : how._tag

/** Describes the error of a call in a test case in a few words. */
const words = (error: unknown): string =>
  error instanceof ActorError.ActorLost
    ? `ActorLost: ${lost(error)}`
    : error instanceof ActorError.ContextCancelled
    ? `ContextCancelled by ${error.by.name}: ${error.reason}`
    : error instanceof ActorError.RemoteActorError
    ? `RemoteActorError: ${error.type}`
    : String(error)

/** Describes the end of an actor in a few words. */
const wordsOf = (end: Portal.ActorExit): string => {
  switch (end._tag) {
    case "Returned":
      return "Returned"
    case "Cancelled":
      return `Cancelled by ${end.by.name}: ${end.reason}`
    default:
      return words(end.error)
  }
}

const watching = Effect.scoped(Effect.gen(function*() {
  // An actor that inherits the root's stdout is started by the root itself, because the starter cannot pass on a
  // descriptor of the root.
  const own = who === "starter" ? { stdout: "inherit" as const } : {}
  const sibling = yield* Actor.startScoped("sibling", { expose: [ping], ...own })
  const memory = how === "oom" ? { memoryLimit: smallHeap } : {}
  const [live, given] = who === "starter"
    ? [liveIn(state), { depth: depth - 1, dies: null }]
    : [liveIn("idle"), { depth, dies: how }]
  const victim = yield* Actor.startScoped("victim", { expose: [live], ...memory })
  const call = yield* Effect.flip(victim.run(live({ folder, state, where, ...given })))
  const end = yield* victim.wait
  report(folder, { _tag: "Heard", call: words(call), end: wordsOf(end) })
  const answer = yield* Effect.exit(sibling.run(ping()))
  report(folder, { _tag: "Sibling", answers: Exit.isSuccess(answer) && answer.value === sibling.actor.pid })
  return yield* Effect.never
}))

if (rights === "changed") {
  const changing = setInterval(() => {
    if (!isGo(folder)) return
    clearInterval(changing)
    process.setuid!(nobody)
  }, 10)
}

report(folder, { _tag: "Up", name: "root", pid: process.pid, subprocesses: [] })
/** Starts an actor just before the root dies, so that the start of this actor is still going on when the root dies. */
const taking = Effect.scoped(Effect.gen(function*() {
  while (!isGo(folder)) yield* Effect.sleep("10 millis")
  report(folder, { _tag: "In", pid: process.pid })
  yield* Actor.startScoped("taker", { expose: [ping] })
  return yield* Effect.never
}))

const dies = state === "spare taken" || state === "starter asked"
  ? Effect.andThen(Effect.forkChild(Effect.orDie(taking)), dying)
  : dying

NodeActor.runMain(who === "root" ? withProgram(state, dies) : watching, {
  layer: NodeActor.layer.pipe(
    Layer.provide(NodeSpawner.layer({
      guard,
      spares: state.startsWith("spare") ? "eager" : "off",
      starter: hasStarter(cell) ? "eager" : "off"
    }))
  )
})
