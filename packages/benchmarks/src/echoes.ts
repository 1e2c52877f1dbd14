/**
 * The ways to echo a payload: by Furrow, by a raw pair of sockets, and by the other libraries
 * that a user might choose.
 */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeWorker from "@effect/platform-node/NodeWorker"
import type * as Actor from "@furrow/actor/Actor"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import { Piscina } from "piscina"
import { Tinypool } from "tinypool"
import { echo } from "./furrow/echo.ts"
import { echoBytes, echoRows, echoText } from "./furrow/endpoints.ts"
import type { Side } from "./measures.ts"
import { expectEcho, type Payload, type user } from "./payloads.ts"
import { Echoes } from "./peers/group.ts"
import { type Call, fromJson, questions, toJson } from "./peers/wire.ts"
import { forked } from "./processes.ts"
import * as Raw from "./raw/client.ts"

/** Requests `count` echoes of a payload, with a fixed number of requests in flight, and checks each echo. */
export type Echo = (payload: Payload, count: number, width: number) => Effect.Effect<void, unknown>

type Open<R = never> = Effect.Effect<Echo, unknown, Scope.Scope | R>

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Makes `count` calls of a benchmark, of which `width` calls run at the same time. */
const ofPromises = (call: Call): Echo => (payload, count, width) =>
  Effect.promise(async () => {
    let left = count
    const lane = async () => {
      while (left-- > 0) expectEcho(payload, await call(payload))
    }
    await Promise.all(Array.from({ length: width }, lane))
  })

export const ofEffects = (call: (payload: any) => Effect.Effect<unknown, unknown>): Echo => (payload, count, width) =>
  Effect.suspend(() => {
    let left = count
    const lane = Effect.whileLoop({
      while: () => left-- > 0,
      body: () => call(payload),
      step: (answer) => expectEcho(payload, answer)
    })
    if (width === 1) return lane
    return Effect.all(Array.from({ length: width }, () => lane), { concurrency: "unbounded", discard: true })
  })

/** Returns the Furrow call that echoes each kind of payload. */
const byKind =
  <A>(of: { readonly [K in "user" | "text" | "bytes" | "rows"]: (payload: any) => A }) => (payload: Payload): A =>
    typeof payload === "string"
      ? of.text({ value: payload })
      : payload instanceof Uint8Array
      ? of.bytes({ value: payload })
      : Array.isArray(payload)
      ? of.rows({ value: payload })
      : of.user(payload as typeof user)

/** Makes the functions that echo payloads by Furrow, over a portal with an endpoint for each kind of payload. */
export const furrow = (
  portal: Actor.Portal<typeof echo | typeof echoText | typeof echoBytes | typeof echoRows>
): Echo =>
  ofEffects(byKind<Effect.Effect<unknown, unknown>>({
    user: (payload) => portal.run(echo(payload)),
    text: (payload) => portal.run(echoText(payload)),
    bytes: (payload) => portal.run(echoBytes(payload)),
    rows: (payload) => portal.run(echoRows(payload))
  }))

const raw: Open = Effect.map(
  Effect.acquireRelease(Effect.sync(() => Raw.start([])), (client) => Effect.promise(() => client.close())),
  (client) => ofPromises(client.call)
)

const overFork = (serialization: "json" | "advanced"): Open =>
  Effect.map(forked("./peers/forked.ts", [serialization], { serialization }), (child) => {
    const { ask, heard } = questions((message) => void child.send(message as never))
    child.on("message", heard)
    if (serialization === "advanced") return ofPromises(ask)
    return ofPromises(async (payload) => fromJson(await ask(toJson(payload))))
  })

const threaded: Open = Effect.map(
  Effect.acquireRelease(
    Effect.promise(() =>
      new Promise<Worker>((resolve, reject) => {
        const worker = new Worker(file("./peers/thread.ts"), { execArgv: [] })
        worker.once("error", reject).once("message", () => resolve(worker))
      })
    ),
    (worker) => Effect.promise(() => worker.terminate())
  ),
  (worker) => {
    const { ask, heard } = questions((message) => worker.postMessage(message))
    worker.on("message", heard)
    return ofPromises(ask)
  }
)

const pooled = <P extends { readonly run: Call; readonly destroy: () => Promise<unknown> }>(open: () => P): Open =>
  Effect.gen(function*() {
    const pool = yield* Effect.acquireRelease(Effect.sync(open), (pool) => Effect.promise(() => pool.destroy()))
    yield* Effect.promise(() => pool.run("ready"))
    return ofPromises((payload) => pool.run(payload))
  })

const filename = file("./peers/pooled.ts")
/** The options of a pool with one worker, which may have up to 64 calls in flight. */
const one = { filename, minThreads: 1, maxThreads: 1, concurrentTasksPerWorker: 64 }

const overRpc = Effect.gen(function*() {
  const client = yield* RpcClient.make(Echoes, { disableTracing: true })
  const call = byKind<Effect.Effect<unknown, unknown>>(client)
  yield* call("ready")
  return ofEffects(call)
})

const rpcThread: Open = Effect.gen(function*() {
  const context = yield* Layer.build(
    RpcClient.layerProtocolWorker({ size: 1, concurrency: 1000 }).pipe(
      Layer.provide(NodeWorker.layer(() => new Worker(file("./peers/rpcThread.ts"), { execArgv: [] })))
    )
  )
  return yield* Effect.provideContext(overRpc, context)
})

const rpcProcess: Open = Effect.gen(function*() {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-bench-rpc-"))),
    (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true }))
  )
  const path = Path.join(folder, "socket")
  yield* forked("./peers/rpcProcess.ts", [path])
  const context = yield* Layer.build(
    RpcClient.layerProtocolSocket().pipe(
      Layer.provide(NodeSocket.layerNet({ path })),
      Layer.provide(RpcSerialization.layerSchemaBinary({ maxFrameSize: "unbounded" }))
    )
  )
  return yield* Effect.provideContext(overRpc, context)
})

/** The functions that open each way to echo a payload, until the Scope closes. */
export const peers: { readonly [S in Side]?: Open } = {
  "raw": raw,
  "fork json": overFork("json"),
  "fork advanced": overFork("advanced"),
  "worker_threads": threaded,
  "piscina": pooled(() => new Piscina({ ...one, execArgv: [] })),
  "tinypool processes": pooled(() => new Tinypool({ ...one, runtime: "child_process", serialization: "advanced" })),
  "Effect rpc worker": rpcThread,
  "Effect rpc socket": rpcProcess
}
