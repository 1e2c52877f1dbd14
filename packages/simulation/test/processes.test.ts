import { assert, describe, it } from "@effect/vitest"
import * as Folder from "@furrow/testing/Folder"
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import * as Path from "node:path"
import * as Check from "../src/Check.ts"
import { fileVariable } from "../src/History.ts"
import { run } from "../src/processes/Run.ts"
import type { Program, Step } from "../src/Program.ts"

const zero = { wait: 0, actor: 0, a: 0, b: 0, c: 0 }
/** A step with a call that never ends by itself. */
const hanging: Step = { ...zero, kind: "run", b: 4 }

const programOf = (steps: ReadonlyArray<Step>): Program => ({ schedule: 1, actors: 1, owner: "scope", steps })

const inFolder = <A, E>(use: (folder: string) => Effect.Effect<A, E>) =>
  Effect.scoped(Effect.flatMap(Folder.make(), use))

describe("A random program that runs with real processes records one history of all its processes", () => {
  it.live(
    "a random program with real processes has one history of all processes, which records a killed actor as lost",
    () =>
      inFolder((folder) =>
        Effect.gen(function*() {
          const steps: ReadonlyArray<Step> = [
            { ...zero, kind: "run" },
            { ...zero, kind: "log" },
            hanging,
            { ...zero, kind: "kill", wait: 100 }
          ]
          const result = yield* run(programOf(steps), folder)
          assert.deepStrictEqual(Check.problems(result), [])
          const of = <T extends string>(tag: T) =>
            result.events.filter(({ _tag }) => _tag === tag) as ReadonlyArray<any>
          assert.deepStrictEqual(of("Began").map(({ actor, key }) => `${actor} ${key}`).sort(), [
            "a0 0",
            "a0 1",
            "a0 2"
          ])
          assert.deepStrictEqual(
            of("Answered").map(({ how, key }) => `${key} ${how.words.join()}`).sort(),
            ["0 ok", "1 ok", "2 Fail ActorLost"]
          )
          // The first events of the actor and of its caller, in the order of the events.
          const first = result.events.flatMap((event) => "key" in event && event.key === 0 ? [event._tag] : [])
          assert.deepStrictEqual(first, ["Called", "Began", "Ended", "Answered"])
          const lines = result.run.history.map(({ actor, text }) => `${actor} ${text}`)
          assert.includeMembers(lines, ["root logs Info: line 1 0", "a0 exits: SIGKILL"])
        })
      ),
    120_000
  )

  it.live(
    "a random program with real processes can stop one actor and cut off another actor, and leaves neither of their processes",
    () =>
      inFolder((folder) =>
        Effect.gen(function*() {
          const steps: ReadonlyArray<Step> = [{ ...zero, kind: "stop", a: 2 }, { ...zero, kind: "run", wait: 3 }, {
            ...zero,
            kind: "cut",
            wait: 200
          }]
          const result = yield* run(programOf(steps), folder)
          assert.deepStrictEqual(Check.problems(result), [])
          const at = (tag: string) => result.events.find(({ _tag }) => _tag === tag)!.at
          // The actor was stopped for 400 ms before it could answer.
          assert.isAtLeast(at("Answered") - at("Hurt"), 390)
        })
      ),
    120_000
  )

  it.live(
    "a random program with real processes reports every process that it has left behind, wherever this process is in the tree",
    () =>
      inFolder((folder) =>
        Effect.gen(function*() {
          const env = { ...process.env, [fileVariable]: Path.join(folder, "history-1") }
          const left = ChildProcess.spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], {
            env,
            stdio: "ignore"
          })
          const { events, ...result } = yield* Effect.ensuring(
            run(programOf([{ ...zero, kind: "run" }]), folder),
            Effect.sync(() => left.kill("SIGKILL"))
          )
          assert.deepStrictEqual(
            Check.problems({ events, ...result }).map(({ check, text }) => `${check} ${text.split(" (")[0]}`),
            [`comesToRest left: process ${left.pid}`]
          )
        })
      ),
    120_000
  )
})
