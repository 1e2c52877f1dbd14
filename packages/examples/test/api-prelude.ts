/**
 * Names that the examples of doc comments may use without defining them: endpoints, a Service, an RpcGroup, and actors
 * that are started for an example.
 */
import * as Actor from "@furrow/actor/Actor"
import { type ActorError, type ActorId, SpawnFailed } from "@furrow/actor/ActorError"
import type { NativeProcess, PlatformSpec } from "@furrow/actor/ActorProcess"
import type { ActorRuntime, RuntimeLayerError } from "@furrow/actor/ActorRuntime"
import { type TransportDriver, TransportError } from "@furrow/actor/Transport"
import * as NodeActor from "@furrow/node/NodeActor"
import * as NodeTransport from "@furrow/node/NodeTransport"
import * as SocketConnection from "@furrow/node/SocketConnection"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Assert from "node:assert/strict"
import * as Net from "node:net"

/** The type of an example: a program for a tree. */
export type Example = Effect.Effect<unknown, unknown, ActorRuntime>

/** Checks by its type that an expression is not an Effect, which would not be run. */
export const runs = <A>(_: A extends Effect.Effect<unknown, unknown, unknown> ? never : A): void => {}

/** Checks that an expression has the value in its comment. */
export const shows = <A>(actual: A, said: NoInfer<A>): void => Assert.deepEqual(actual, said)

export class TooSmall extends Schema.TaggedError<TooSmall>()("TooSmall", { n: Schema.Int }) {}

/** A call with a typed error. */
export const isPrime = Actor.fn("isPrime", {
  module: import.meta.url,
  payload: { n: Schema.Int },
  success: Schema.Boolean,
  error: TooSmall
})(Effect.fnUntraced(function*({ n }) {
  if (n < 2) return yield* new TooSmall({ n })
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false
  return true
}))

/** A stream. */
export const count = Actor.stream("count", {
  module: import.meta.url,
  payload: { to: Schema.Int },
  success: Schema.Int
})(({ to }) => Stream.range(1, to))

/** A dialog that greets, answers every message in capitals, and returns the number of messages. */
export const chat = Actor.dialog("chat", {
  module: import.meta.url,
  payload: { room: Schema.String },
  started: Schema.Struct({ members: Schema.Int }),
  input: Schema.String,
  output: Schema.String,
  success: Schema.Int
})(Effect.fnUntraced(function*(_, dialog) {
  const stream = yield* dialog.started({ members: 1 })
  let said = 0
  yield* Stream.runForEach(stream.toStream, (message) => {
    said++
    return stream.send(message.toUpperCase())
  })
  return said
}, Actor.orDie))

/** A call that does not end by itself. */
export const forever = Actor.fn("forever", { module: import.meta.url })(() => Effect.never)

/** A call that dies of a defect. */
export const broken = Actor.fn("broken", { module: import.meta.url })(() => Effect.die(new Error("out of paper")))

/** A call of the root, which every actor of the tree may call. */
export const audit = Actor.fn("audit", {
  module: import.meta.url,
  payload: { what: Schema.String },
  success: Schema.String
})(({ what }) => Effect.succeed(`noted: ${what}`))

export const increment = Actor.endpoint("increment", { payload: { by: Schema.Int }, success: Schema.Int })

/** A Service with a state. */
export class Counter extends Actor.Service<Counter>()("Counter", {
  module: import.meta.url,
  endpoints: [increment]
}) {}

export const counterServed = Counter.serve(Effect.gen(function*() {
  const ref = yield* Ref.make(0)
  return { increment: ({ by }) => Ref.updateAndGet(ref, (n) => n + by) }
}))

export class TodoRpcs extends RpcGroup.make(
  Rpc.make("Add", { payload: { title: Schema.String }, success: Schema.Int })
) {}

export class Todos extends Actor.Service<Todos>()("Todos", { module: import.meta.url, endpoints: TodoRpcs }) {}

export const todosServed = Todos.serveRpc(TodoRpcs.toLayer(Effect.sync(() => {
  const titles: Array<string> = []
  return { Add: ({ title }) => Effect.sync(() => titles.push(title)) }
})))

/** A program of actors. */
export const program: Effect.Effect<boolean, ActorError | TooSmall, ActorRuntime> = Actor.runInActor(isPrime({ n: 7 }))

/** A platform whose actors are processes, for examples that are not run. */
export const Platform: Layer.Layer<ActorRuntime, RuntimeLayerError> = NodeActor.layer({ name: "shop" })

/** The identity of an actor. */
export const frankId: ActorId = { name: "frank", uuid: "9e8d3cb1-23d5-4a5c-9b67-7d6a53a1b4c2", pid: 4711 }

/** A driver of a transport: plain TCP on one address. */
export const openTcp = (host: string): Effect.Effect<TransportDriver["Service"]> =>
  Effect.succeed({
    dials: (address) => address.startsWith(`/ip4/${host}/`),
    listen: (_, accept) =>
      Effect.callback((resume) => {
        const server = Net.createServer({ pauseOnConnect: true }, (socket) => accept(SocketConnection.make(socket)))
        server.listen(0, host, () => {
          const address = server.address()
          const port = typeof address === "object" && address !== null ? address.port : 0
          resume(Effect.succeed({ address: `/ip4/${host}/tcp/${port}`, close: () => void server.close() }))
        })
      }),
    dial: (address) =>
      Effect.callback((resume) => {
        const socket = Net.connect({ host, port: Number(address.split("/").at(-1)) })
        socket.once("connect", () => resume(Effect.succeed(SocketConnection.make(socket))))
        socket.once("error", ({ message }) => resume(Effect.fail(new TransportError({ gone: true, reason: message }))))
      })
  })

/** Two connected sockets, of which the second one was accepted and is paused. */
const socketPair = Effect.acquireRelease(
  Effect.callback<readonly [Net.Socket, Net.Socket]>((resume) => {
    const server = Net.createServer({ pauseOnConnect: true }, (far) => {
      server.close()
      resume(Effect.succeed([near, far]))
    })
    const near = new Net.Socket()
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      if (typeof address === "object" && address !== null) near.connect(address.port, address.address)
    })
  }),
  (sockets) => Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
)

/** The parts of a platform for a process that starts no other. */
export const native: NativeProcess = {
  spawner: {
    spawn: ({ actor }) =>
      Effect.fail(
        new SpawnFailed({
          actor: { ...actor, pid: 0 },
          step: "process",
          reason: "this process starts no actors",
          stderr: [],
          failure: null
        })
      )
  },
  authenticator: undefined,
  builtin: NodeTransport.builtin,
  importModule: (module) => import(module) as Promise<Record<string, unknown>>
}

/** The data about the platform that a parent sends to an actor. */
export const spec: PlatformSpec = {
  tree: "shop",
  run: "4700-0d8f5a0c",
  secret: new Uint8Array(32),
  transports: [{ module: "furrow:node", key: "tcp", settings: "" }],
  spawner: null,
  ambient: [],
  observe: "off",
  graves: null
}

/** Actors and a pair of sockets that exist while an example runs. */
export const running = {
  frank: Actor.startScoped("frank", { expose: [isPrime, count, chat, forever, broken] }),
  counter: Actor.startScoped(Counter),
  sockets: socketPair,
  todos: Actor.startScoped(Todos)
}

/** The names that an example may use without an import. */
export const names: ReadonlyArray<string> = [
  "Counter",
  "Platform",
  "TodoRpcs",
  "Todos",
  "TooSmall",
  "audit",
  "broken",
  "chat",
  "count",
  "forever",
  "frankId",
  "increment",
  "isPrime",
  "native",
  "openTcp",
  "program",
  "spec"
]
