/**
 * The root of the tree that `npm run attack` attacks. `root.ts <unix|tcp|tls> <runtime folder> <files of TLS as JSON>`.
 * The root of the attacked tree writes reports as lines to its stdout, and carries out the requests on its stdin.
 */
import * as Actor from "@furrow/actor/Actor"
import type { LocalActor } from "@furrow/actor/internal/local/LocalActor"
import { ActorRuntime } from "@furrow/actor/internal/settings/ActorRuntime"
import { NodeActor, NodeTransport } from "@furrow/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Path from "node:path"
import * as Readline from "node:readline"
import {
  ask,
  below,
  betray,
  count,
  door,
  drive,
  type echo,
  everything,
  seen,
  together,
  visit,
  watch
} from "./actors.ts"
import type { Line } from "./lines.ts"

const [transport, runtimeFolder, files] = process.argv.slice(2) as ["unix" | "tcp" | "tls", string, string]

const say = (line: Line) => Effect.sync(() => void process.stdout.write(`${JSON.stringify(line)}\n`))

/**
 * The root of the attacked tree reads two kinds of requests of the attacker from its stdin: The request `<number>
 * <name>` makes a new actor dial the actor `name`, and `<number> at <address>` makes the actor `left` ask the registry.
 */
const requests = Stream.fromAsyncIterable(Readline.createInterface({ input: process.stdin }), (error) => error)

const newcomer = (n: number, to: Actor.ActorRef<typeof echo>) =>
  Effect.scoped(Effect.gen(function*() {
    const portal = yield* Actor.startScoped(`newcomer-${n}`, { expose: [visit] })
    const start = performance.now()
    const error = yield* portal.run(visit({ to }))
    yield* say({ _tag: "Newcomer", n, error, millis: performance.now() - start })
  }))

const program = Effect.scoped(Effect.gen(function*() {
  const anvil = yield* Actor.startScoped("anvil", { expose: everything })
  const left = yield* Actor.startScoped("left", { expose: everything })
  const right = yield* Actor.startScoped("right", { expose: everything })
  const byName = new Map([anvil, left, right].map((portal) => [portal.actor.name, portal]))
  const secret = yield* right.run(betray())
  const { info, inside } = yield* ActorRuntime
  yield* say({
    _tag: "Up",
    members: [info.id, anvil.actor, left.actor, right.actor],
    folder: Path.join(runtimeFolder, (inside as LocalActor).reach!.platform.run),
    secret
  })
  const load = (
    pair: string,
    slices: Stream.Stream<
      { at: number; millis: ReadonlyArray<number>; items: number; errors: ReadonlyArray<string> },
      Actor.ActorError
    >
  ) => Stream.runForEach(slices, (load) => say({ _tag: "Load", pair, load }))
  const tell = (who: string, slices: Stream.Stream<any, Actor.ActorError, ActorRuntime>) =>
    Stream.runForEach(slices, (seen) => say({ _tag: "Seen", who, seen }))
  const serve = Stream.runForEach(requests, (line) => {
    const [n, to, address] = line.split(" ") as [string, string, string]
    const asked = to === "at"
      ? Effect.flatMap(
        left.run(ask({ at: address })),
        (error) => say({ _tag: "Newcomer", n: Number(n), error, millis: 0 })
      )
      : newcomer(Number(n), byName.get(to)!.ref)
    return Effect.forkChild(
      Effect.catch(
        asked,
        (error) => say({ _tag: "Newcomer", n: Number(n), error: `its start: ${error.message}`, millis: 0 })
      )
    )
  })
  yield* together([
    load("left > anvil", left.stream(drive({ to: anvil.ref }))),
    load("right > anvil", right.stream(drive({ to: anvil.ref }))),
    load("anvil > right", anvil.stream(drive({ to: right.ref }))),
    load("deep > root", right.stream(below())),
    ...[anvil, left, right].map((portal) => tell(portal.actor.name, portal.stream(watch()))),
    tell("root", seen),
    serve as Effect.Effect<void, any, ActorRuntime>
  ])
}))

const platforms = {
  unix: () => NodeTransport.layerUnix({ folder: runtimeFolder }),
  tcp: () => NodeTransport.layerTcp,
  tls: () => NodeTransport.layerTls({ host: "127.0.0.1", ...JSON.parse(files) })
}

NodeActor.runMain(program, {
  // The root of the attacked tree keeps no spare process, whose descriptors would count as descriptors that an attack
  // has left open.
  layer: NodeActor.layer({ expose: [door, count], spares: "off" }).pipe(Layer.provide(platforms[transport]()))
})
