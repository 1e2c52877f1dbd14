/**
 * Tests Furrow from code that uses only promises and AbortSignals: a `ManagedRuntime` over real processes
 * (docs/promises.md).
 */
import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import type { ActorRuntime, RuntimeLayerError } from "@furrow/actor/ActorRuntime"
import * as NodeActor from "@furrow/node/NodeActor"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Leaks from "@furrow/testing/Leaks"
import * as Processes from "@furrow/testing/Processes"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as Path from "node:path"
import { isPrime } from "./fixtures/arithmetic.ts"
import { hold, ticks } from "./fixtures/evidence.ts"
import { get, listens, NoAnswer } from "./fixtures/promised.ts"
import "./support.ts"

/** One actor that lives as long as the runtime. */
class Worker extends Context.Service<
  Worker,
  Actor.Portal<typeof get | typeof hold | typeof isPrime | typeof listens | typeof ticks>
>()("test/Worker") {
  static readonly layer = Layer.effect(
    Worker,
    Actor.startScoped("worker", { expose: [get, hold, isPrime, listens, ticks] })
  )
}

type Runtime = ManagedRuntime.ManagedRuntime<ActorRuntime | Worker, Actor.ActorError | RuntimeLayerError>

/** Runs a test of promises with a runtime and a file for evidence; a process that is left fails the test. */
const withRuntime = (body: (runtime: Runtime, file: string) => Promise<void>) => () =>
  Effect.runPromise(Leaks.withoutLeaks(Effect.scoped(Effect.gen(function*() {
    const file = Path.join(yield* Folder.make(), "evidence")
    const runtime: Runtime = ManagedRuntime.make(Layer.provideMerge(Worker.layer, NodeActor.layer))
    yield* Effect.promise(() => body(runtime, file).finally(() => runtime.dispose()))
  }))))

const run = <C extends Parameters<Worker["Service"]["run"]>[0]>(call: C) =>
  Effect.flatMap(Worker, (worker) => worker.run(call))

const until = (what: string, look: () => boolean) => Effect.runPromise(Eventually.holds(what, look))

const rejection = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error("it was resolved")
}

/** The file is read once, on purpose: a caller that goes on before the finalizer has run would see too few lines. */
const lines = Folder.lines

describe("An aborted signal of a call interrupts the call", () => {
  it(
    "G11: an aborted signal interrupts the handler of a call in the actor, whose finalizer has run when the promise of the call rejects",
    withRuntime(async (runtime, file) => {
      const abort = new AbortController()
      const call = runtime.runPromise(run(hold({ file, label: "call", millis: 300 })), { signal: abort.signal })
      await until("it runs", () => lines(file).includes("call runs"))
      abort.abort(new Error("no one reads this"))
      const error = await rejection(call)
      assert.deepStrictEqual(lines(file), ["call runs", "call ended by root: interrupted"])
      // The promise rejects with Effect's error for an interruption, not with the signal's reason.
      assert.instanceOf(error, Error)
      assert.notInclude(String(error), "no one reads this")
      // The actor still answers calls.
      assert.isTrue(await runtime.runPromise(run(isPrime({ n: 7 }))))
    })
  )

  it(
    "an aborted signal ends the actor that was started for a call, before the promise of the call rejects",
    withRuntime(async (runtime, file) => {
      const abort = new AbortController()
      const call = runtime.runPromise(Actor.runInActor(hold({ file, label: "own", millis: 300 })), {
        signal: abort.signal
      })
      await until("it runs", () => lines(file).includes("own runs"))
      const [actor] = Processes.titled("furrow[hold@")
      abort.abort()
      await rejection(call)
      assert.deepStrictEqual(lines(file), ["own runs", "own ended by root: interrupted"])
      assert.isFalse(Processes.isAlive(actor!.pid))
    })
  )

  it(
    "an aborted signal of a call that returns an exit resolves the call's promise to the exit of an interruption",
    withRuntime(async (runtime, file) => {
      const abort = new AbortController()
      const call = runtime.runPromiseExit(run(hold({ file, label: "call", millis: 0 })), { signal: abort.signal })
      await until("it runs", () => lines(file).includes("call runs"))
      abort.abort()
      const exit = await call
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
    })
  )

  it(
    "a call whose signal was aborted beforehand still begins, and its work in the actor is interrupted",
    withRuntime(async (runtime, file) => {
      await runtime.runPromise(run(isPrime({ n: 7 })))
      const call = run(hold({ file, label: "call", millis: 100 }))
      await rejection(runtime.runPromise(call, { signal: AbortSignal.abort() }))
      assert.deepStrictEqual(lines(file), ["call runs", "call ended by root: interrupted"])
    })
  )

  it(
    "an aborted signal of a call aborts the promise that the call's handler waits for",
    withRuntime(async (runtime) => {
      const requests: Array<string> = []
      const server = Http.createServer((request, response) => {
        requests.push("asked")
        response.once("close", () => requests.push(response.writableEnded ? "answered" : "left"))
        if (request.url === "/now") response.end("hello")
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      try {
        assert.strictEqual(await runtime.runPromise(run(get({ url: `${url}/now` }))), "hello")
        await until("the answer is on its way", () => requests.includes("answered"))
        const abort = new AbortController()
        const call = runtime.runPromise(run(get({ url })), { signal: abort.signal })
        await until("the server is asked again", () => requests.length === 3)
        abort.abort()
        await rejection(call)
        await until("the server is left", () => requests.at(-1) === "left")
      } finally {
        await new Promise((resolve) => {
          server.close(resolve)
          server.closeAllConnections()
        })
      }
    })
  )
})

describe("The AbortSignal of a promise that a handler waits for is aborted when a signal ends the actor of the handler", () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(
      `when a signal ends an actor, the AbortSignal of a handler's promise is aborted, and the caller learns of the signal (here ${signal})`,
      withRuntime(async (runtime, file) => {
        const worker = await runtime.runPromise(Worker)
        const call = rejection(runtime.runPromise(run(listens({ file }))))
        await until("it listens", () => lines(file).includes("listens"))
        process.kill(worker.actor.pid, signal)
        const error = await call
        assert.deepStrictEqual(lines(file), ["listens", "aborted", "cleaned up"])
        assert(error instanceof ActorError.ContextCancelled)
        assert.deepInclude(error, { ending: true, acknowledged: true })
        assert.deepStrictEqual([error.by.name, error.reason], ["worker", signal])
        await until("it has ended", () => !Processes.isAlive(worker.actor.pid))
      })
    )
  }
})

describe("The rejected promise of a call holds the typed error of the call", () => {
  it(
    "the promise of a call is rejected with the typed error of the contract, as an instance of its class",
    withRuntime(async (runtime) => {
      const url = "http://127.0.0.1:1/"
      const error = await rejection(runtime.runPromise(run(get({ url }))))
      assert.instanceOf(error, NoAnswer)
      const exit = await runtime.runPromiseExit(run(get({ url })))
      const found = Option.getOrThrow(Exit.findErrorOption(exit))
      assert.strictEqual(found._tag, "NoAnswer")
    })
  )

  it(
    "the promises of calls are rejected with ActorLost after the actor of a Layer is lost, because the Layer is built once",
    withRuntime(async (runtime, file) => {
      const worker = await runtime.runPromise(Worker)
      const call = runtime.runPromise(run(hold({ file, label: "call", millis: 0 })))
      await until("it runs", () => lines(file).includes("call runs"))
      process.kill(worker.actor.pid, "SIGKILL")
      assert.instanceOf(await rejection(call), ActorError.ActorLost)
      assert.instanceOf(await rejection(runtime.runPromise(run(isPrime({ n: 7 })))), ActorError.ActorLost)
    })
  )
})

describe("Every call of a ManagedRuntime is rejected with the same error if its Layer could not be built", () => {
  it("a Layer that could not be built is not built again, so every call is rejected with the same SpawnFailed", () =>
    Effect.runPromise(Leaks.withoutLeaks(Effect.promise(async () => {
      const layer = Layer.effectDiscard(Actor.startScoped("odd", { expose: [isPrime], execArgv: ["--no-such-flag"] }))
      const runtime = ManagedRuntime.make(Layer.provideMerge(layer, NodeActor.layer))
      const first = await rejection(runtime.runPromise(Effect.void))
      assert.instanceOf(first, ActorError.SpawnFailed)
      assert.strictEqual(await rejection(runtime.runPromise(Effect.void)), first)
      await runtime.dispose()
    }))))
})

describe("The disposal of a runtime ends all calls and actors of the runtime", () => {
  it(
    "G2: disposing a runtime interrupts all its calls, waits for the finalizers in its actors, and ends every actor",
    withRuntime(async (runtime, file) => {
      const worker = await runtime.runPromise(Worker)
      const call = rejection(runtime.runPromise(run(hold({ file, label: "call", millis: 300 }))))
      const own = rejection(runtime.runPromise(Actor.runInActor(hold({ file, label: "own", millis: 300 }))))
      await until("both run", () => lines(file).length === 2)
      const [actor] = Processes.titled("furrow[hold@")
      await runtime.dispose()
      assert.deepStrictEqual(lines(file).slice(2).toSorted(), [
        "call ended by root: interrupted",
        "own ended by root: interrupted"
      ])
      assert.isFalse(Processes.isAlive(worker.actor.pid))
      assert.isFalse(Processes.isAlive(actor!.pid))
      await Promise.all([call, own])
      assert.strictEqual(await rejection(runtime.runPromise(Worker)), "ManagedRuntime disposed")
    })
  )
})

describe("An actor's stream ends its producer when its async iterable is left", () => {
  const iterable = async (runtime: Runtime, file: string) =>
    Stream.toAsyncIterableWith(
      Stream.unwrap(Effect.map(Worker, (worker) => worker.stream(ticks({ file, label: "ticks", millis: 200 })))),
      await runtime.context()
    )

  it(
    "leaving the loop over a stream's async iterable stops the stream's producer, and waits for the producer's finalizer",
    withRuntime(async (runtime, file) => {
      let seen = 0
      for await (const tick of await iterable(runtime, file)) {
        assert.strictEqual(tick, seen % 1000 + 1)
        if (++seen === 2500) break
      }
      assert.deepStrictEqual(lines(file), ["ticks ended by root: interrupted"])
    })
  )

  it(
    "the async iterable of a stream ends when another fiber calls the method `return`, while a reader waits for the next item",
    withRuntime(async (runtime, file) => {
      const silent = Stream.unwrap(
        Effect.map(Worker, (worker) => Stream.fromEffect(worker.run(hold({ file, label: "silent", millis: 200 }))))
      )
      const iterator = Stream.toAsyncIterableWith(silent, await runtime.context())[Symbol.asyncIterator]()
      const next = iterator.next()
      await until("it waits", () => lines(file).includes("silent runs"))
      await iterator.return!()
      assert.deepStrictEqual(lines(file), ["silent runs", "silent ended by root: interrupted"])
      assert.isTrue((await next).done)
    })
  )
})
