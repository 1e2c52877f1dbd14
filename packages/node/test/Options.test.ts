import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import * as NodeActor from "@furrow/node/NodeActor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Processes from "@furrow/testing/Processes"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Fs from "node:fs"
import { delegate } from "./fixtures/evidence.ts"
import { process_, processBelow } from "./fixtures/identity.ts"
import { evidence, withActors } from "./support.ts"

/** Collects what is written to stderr of this process, to which the stderr of actors is copied. */
const withStderr = <A, E, R>(use: (written: () => string) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    let text = ""
    const { stderr } = process
    const { write } = stderr
    stderr.write = ((chunk: string) => {
      text += chunk
      return true
    }) as typeof stderr.write
    return Effect.ensuring(use(() => text), Effect.sync(() => void (stderr.write = write)))
  })

/** True when a debugger can connect at this address. */
const opens = (url: string) =>
  Effect.callback<void, Error>((resume) => {
    const socket = new WebSocket(url)
    socket.onopen = () => socket.close()
    socket.onclose = () => resume(Effect.void)
    socket.onerror = () => resume(Effect.fail(new Error(`${url} does not open`)))
  })

describe("The process of an actor is started with the actor's name and options", () => {
  it.live("the process of an actor shows the actor's name in its process title, in ps and in its command line", () =>
    withActors(Effect.gen(function*() {
      const portal = yield* Actor.startScoped("proctitle_boi", { expose: [process_] })
      const { pid, title } = yield* portal.run(process_())
      assert.strictEqual(title, `furrow[proctitle_boi@${pid}]`)
      assert.strictEqual(pid, portal.actor.pid)
      assert.match(Fs.readFileSync(`/proc/${pid}/cmdline`, "utf8"), /^furrow\[proctitle_boi@\d+\]/)
      assert.deepStrictEqual(Processes.titled("furrow[proctitle_boi@").map(({ pid }) => pid), [pid])
      // The kernel keeps only fifteen letters of the title.
      assert.strictEqual(Fs.readFileSync(`/proc/${pid}/comm`, "utf8"), "furrow[proctitl\n")
    })))

  it.live("the process of an actor can be started with a name of any length and with any letters", () =>
    withActors(Effect.gen(function*() {
      for (const name of ["a", "žluťoučký kůň / 🐎 [x]", "n".repeat(200), "--inspect", "-e"]) {
        const portal = yield* Actor.startScoped(name, { expose: [process_] })
        const { title } = yield* portal.run(process_())
        assert.isTrue(title.startsWith(`furrow[${name.slice(0, 20)}`), title)
        assert.strictEqual(portal.name, name)
      }
    })))

  it.live("an actor's process is a child of the process that started it, with the same working folder, environment and runtime flags", () =>
    withActors(Effect.gen(function*() {
      const child = yield* Actor.runInActor(process_())
      assert.strictEqual(child.ppid, process.pid)
      assert.strictEqual(child.cwd, process.cwd())
      assert.strictEqual(child.env["PATH"], process.env["PATH"])
      assert.deepStrictEqual([...child.execArgv], process.execArgv)
      assert.include(child.execArgv, "--conditions=furrow-source")
    })))

  it.live("an actor's process gets the working folder, variables and runtime flags that its start options set, and no other variables or flags", () =>
    withActors(Effect.gen(function*() {
      const folder = yield* Folder.make()
      const child = yield* Actor.runInActor(process_(), {
        cwd: folder,
        env: { inherit: ["PATH"], set: { ONLY: "this" } },
        execArgv: ["--no-warnings"],
        memoryLimit: 200
      })
      assert.strictEqual(child.cwd, folder)
      assert.deepStrictEqual(child.env, { PATH: process.env["PATH"]!, ONLY: "this" })
      assert.deepStrictEqual([...child.execArgv], [
        ...process.execArgv,
        "--max-old-space-size=200",
        "--no-warnings"
      ])
      // V8 adds room for young objects to the limit for old ones.
      assert.isBelow(child.heapLimit, 2 * 200 * 1024 * 1024)
    })))

  it.live("a start of an actor fails for a heap limit that is not positive and finite", () =>
    withActors(Effect.gen(function*() {
      for (const memoryLimit of [-5, 0, NaN, Infinity, "200" as unknown as number]) {
        const error = yield* Effect.flip(Actor.runInActor(process_(), { memoryLimit }))
        assert.instanceOf(error, ActorError.SpawnFailed)
        const { reason, step } = error as ActorError.SpawnFailed
        assert.strictEqual(step, "process")
        assert.strictEqual(
          reason,
          `its parent gave it the memoryLimit ${memoryLimit}: use a positive, finite number of MiB, or leave it out for ` +
            "the runtime's own limit"
        )
      }
    })))

  it.live("an actor does not pass its heap limit on, so the actors below it have the default heap limit of the runtime", () =>
    withActors(Effect.gen(function*() {
      const below = yield* Actor.runInActor(processBelow(), { memoryLimit: 200 })
      assert.notInclude(below.execArgv, "--max-old-space-size=200")
      assert.isAbove(below.heapLimit, 2 * 200 * 1024 * 1024)
    })))

  it.live("an actor that is started with the option `inspect` prints the debugger's port and id only on stderr, and its children have no debugger", () =>
    withActors(
      withStderr((written) =>
        Effect.gen(function*() {
          const file = yield* evidence
          const call = yield* Effect.forkChild(
            Actor.runInActor(delegate({ file, label: "debugged", millis: 0 }), { inspect: true })
          )
          const [, port] = yield* Eventually.holds(
            "the port is said",
            () => /Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)\//.exec(written()) ?? undefined
          )
          // Any user of the host can ask the port, which must not reveal the id that gives access.
          const [, id] = /Debugger listening on ws:\/\/127\.0\.0\.1:\d+\/([\w-]+)/.exec(written())!
          const published = yield* Effect.promise(() =>
            fetch(`http://127.0.0.1:${port}/json/list`).then((answer) => answer.text(), (error: Error) => error.message)
          )
          assert.notInclude(published, id!)
          yield* opens(`ws://127.0.0.1:${port}/${id}`)
          yield* Eventually.holds("its child runs", () => Folder.lines(file).includes("debugged/inner runs"))
          assert.strictEqual(written().split("Debugger listening").length, 2)
          yield* Fiber.interrupt(call)
        })
      ),
      { ignore: (description) => description.startsWith("socket:") }
    ))
})

describe("Several runtimes in one process share one listener for the exit", () => {
  it.live("several runtimes in one process share one listener for the exit of the process, which is removed with the last runtime", () =>
    Effect.promise(async () => {
      const before = process.listenerCount("exit")
      const runtimes = Array.from({ length: 11 }, () => ManagedRuntime.make(NodeActor.layer))
      for (const runtime of runtimes) await runtime.runPromise(Effect.void)
      assert.isAtMost(process.listenerCount("exit"), before + 1)
      for (const runtime of runtimes) await runtime.dispose()
      assert.strictEqual(process.listenerCount("exit"), before)
    }))
})
