/**
 * Runs the installed command `furrow` on the tree of this program, and on the death of one of its actors. The argument
 * of this program is the path of the Node that runs the command `furrow`.
 */
import * as Actor from "@furrow/actor/Actor"
import * as NodeActor from "@furrow/node/NodeActor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { promisify } from "node:util"

export const leave = Actor.fn("leave", { module: import.meta.url, payload: { code: Schema.Int } })(({ code }) =>
  Effect.sync(() => process.exit(code))
)
export const idle = Actor.fn("idle", { module: import.meta.url })(() => Effect.never)

const [node = process.execPath] = process.argv.slice(2)
const command = Path.resolve("node_modules", ".bin", "furrow")
const graves = Path.join(Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-looked-")), "graves")

const furrow = (...args: ReadonlyArray<string>) =>
  Effect.promise(() => promisify(ChildProcess.execFile)(node, [command, ...args]))

const wants = (text: string, part: RegExp) => {
  if (!part.test(text)) throw new Error(`furrow did not say ${part}:\n${text}`)
}

NodeActor.runMain(
  Effect.scoped(Effect.gen(function*() {
    const idler = yield* Actor.startScoped("idler", { expose: [idle] })
    yield* Effect.forkScoped(Effect.exit(idler.run(idle())))
    const lost = yield* Effect.flip(Actor.runInActor(leave({ code: 3 })))
    if (lost._tag !== "ActorLost" || lost.hint?.death !== "exit") throw new Error(`no hint: ${lost.message}`)
    if (process.platform === "linux") {
      wants((yield* furrow("tree", String(process.pid))).stdout, /^ {2}idler .*serves root: idle/m)
      wants((yield* furrow("why", String(process.pid))).stdout, /^Nothing is stuck in 2 actors/m)
    }
    wants((yield* furrow("graves", "leave", "--folder", graves)).stdout, /process\.exit\(3\) at .*looked\.js:\d+/)
    yield* Effect.sync(() => Fs.rmSync(Path.dirname(graves), { recursive: true, force: true }))
    console.log("looked: the installed command sees a tree, and the grave of an actor")
  })),
  { graves }
)
