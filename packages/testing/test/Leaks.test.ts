import { assert, describe, it } from "@effect/vitest"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Leaks from "@furrow/testing/Leaks"
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Path from "node:path"

const sleep = () => ChildProcess.spawn("sleep", ["654"], { stdio: "ignore" })

describe("The module Leaks", () => {
  it.live("Leaks succeeds for an effect that leaves no process, descriptor or file", () =>
    Effect.gen(function*() {
      const answer = yield* Leaks.withoutLeaks(Effect.sync(() => {
        ChildProcess.spawnSync("true")
        return 42
      }))
      assert.strictEqual(answer, 42)
    }))

  it.live("Leaks waits for processes, descriptors and files that are just ending", () =>
    Effect.gen(function*() {
      let child: ChildProcess.ChildProcess | undefined
      const error = yield* Effect.exit(Leaks.withoutLeaks(Effect.sync(() => {
        child = sleep()
        setTimeout(() => child?.kill(), 100)
      })))
      assert.strictEqual(error._tag, "Success")
    }))

  it.live("Leaks names in its error the process, the socket and the file that an effect has left behind", () =>
    Effect.gen(function*() {
      const folder = yield* Folder.make()
      const before = yield* Leaks.picture({ temporary: { folder } })
      const child = sleep()
      const server = Net.createServer().listen(0)
      const file = Path.join(folder, "furrow-left")
      Fs.writeFileSync(file, "")
      yield* Eventually.holds("it listens", () => server.listening)
      const error = yield* Effect.flip(Leaks.check(before, { within: 50, temporary: { folder } }))
      child.kill()
      server.close()
      assert.match(
        error.message,
        new RegExp(
          `^left behind:\n  process ${child.pid} \\(child of ${process.pid}, state .\\): sleep 654\n` +
            `  descriptor \\d+: socket:\\[\\d+\\]\n  file ${file}$`
        )
      )
      Fs.rmSync(file)
      yield* Leaks.check(before, { temporary: { folder } })
    }).pipe(Effect.scoped))

  it.live("Leaks fails with the failure of the effect, and with the resources that the effect has left behind", () =>
    Effect.gen(function*() {
      let child: ChildProcess.ChildProcess | undefined
      const exit = yield* Effect.exit(Leaks.withoutLeaks(
        Effect.suspend(() => {
          child = sleep()
          return Effect.fail("its own")
        }),
        { within: 50 }
      ))
      child?.kill()
      assert.isTrue(exit._tag === "Failure")
      if (exit._tag === "Failure") {
        const errors = exit.cause.reasons.map((reason) => reason._tag === "Fail" ? reason.error : reason)
        assert.strictEqual(errors[0], "its own")
        assert.instanceOf(errors[1], Leaks.Leaked)
      }
    }))
})
