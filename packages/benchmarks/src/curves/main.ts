/**
 * The growth curves show how the cost of one actor grows with the number of existing actors, and likewise for dialogs,
 * bytes, levels and names. The script of the growth curves writes the table of docs/performance.md and the picture
 * docs/growth.svg. Run the script of the growth curves after `npm run build`, on a host without other work.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Actor, Discovery } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Stream from "effect/Stream"
import * as os from "node:os"
import * as Far from "../furrow/endpoints.ts"
import { median } from "../report.ts"
import { levels } from "./levels.ts"
import { type Curve, short, svg } from "./plot.ts"

/** Returns the median time of several runs, in milliseconds. */
const middle = <E, R>(runs: number, millis: Effect.Effect<number, E, R>): Effect.Effect<number, E, R> =>
  Effect.map(Effect.replicateEffect(millis, runs), median)

const taken = <E, R>(effect: Effect.Effect<unknown, E, R>): Effect.Effect<number, E, R> =>
  Effect.suspend(() => {
    const before = performance.now()
    return Effect.map(effect, () => performance.now() - before)
  })

const points = <E, R>(xs: ReadonlyArray<number>, y: (x: number) => Effect.Effect<number, E, R>) =>
  Effect.forEach(xs, (x) => Effect.map(y(x), (value) => [x, value] as const))

const started = (name: string) => Actor.startScoped(name, { expose: [Far.sink, Far.conversation] })

const actors = points([1, 4, 16, 64, 256], (count) => {
  const all = Effect.forEach(Array.from({ length: count }, (_, i) => `a${i}`), started, { concurrency: "unbounded" })
  return Effect.map(Effect.scoped(taken(all)), (millis) => millis / count)
})

const dialogs = points([1, 10, 100, 1000, 9900], (count) =>
  Effect.scoped(Effect.gen(function*() {
    const actor = yield* started("dialogs")
    const opened = Effect.forEach(
      Array.from({ length: count }),
      () => actor.openScoped(Far.conversation({ n: 1 })),
      { concurrency: "unbounded" }
    )
    yield* Effect.scoped(opened)
    return (yield* middle(3, Effect.scoped(taken(opened)))) * 1000 / count
  })))

const mebi = 2 ** 20
/** The size in bytes of the largest payload that fits into a frame. */
const largest = 64 * mebi - 128 * 1024

const payloads = Effect.scoped(Effect.gen(function*() {
  const actor = yield* started("payloads")
  return yield* points([64, 1024, 16 * 1024, 256 * 1024, 4 * mebi, largest], (size) => {
    const call = actor.run(Far.sink({ value: new Uint8Array(size) }))
    const calls = Math.max(3, Math.min(2000, Math.floor(16 * mebi / size)))
    const all = Effect.forEach(Array.from({ length: calls }), () => call, { discard: true })
    return Effect.andThen(all, Effect.map(middle(3, taken(all)), (millis) => millis * 1000 / calls))
  })
}))

const depth = points([1, 2, 3, 4, 5, 6], (count) =>
  middle(
    3,
    Effect.suspend(() => {
      let ending = 0
      const chain = Effect.scoped(Effect.gen(function*() {
        const top = yield* Actor.startScoped("top", { expose: [levels] })
        const said = top.stream(levels({ below: count - 1 }) as never) as Stream.Stream<number, unknown>
        yield* Stream.runHead(Stream.tap(said, () => Effect.sync(() => void (ending = performance.now()))))
      }))
      return Effect.map(chain, () => performance.now() - ending)
    })
  ))

const registered = (count: number) => {
  const entry = (uuid: string, name: string) => ({
    actor: { name, uuid, pid: 1 },
    path: uuid === "root" ? ["root"] : ["root", uuid],
    service: null,
    exposed: [],
    unique: false
  })
  const registrar = Discovery.makeRegistrar({ root: entry("root", "root"), isGone: () => Effect.succeed(false) })
  const add = (uuid: string) => Effect.andThen(registrar.claim(entry(uuid, "twin")), registrar.ready(uuid, 1))
  const filled = Effect.forEach(Array.from({ length: count }, (_, i) => `f${i}`), add, { discard: true })
  const one = (i: number) =>
    Effect.andThen(add(`n${i}`), Effect.andThen(registrar.list("twin", 1), registrar.gone(`n${i}`)))
  const more = Effect.forEach(Array.from({ length: 500 }, (_, i) => i), one, { discard: true })
  return Effect.andThen(filled, Effect.map(middle(5, taken(more)), (millis) => millis * 1000 / 500))
}

const names = points([1, 10, 100, 1000, 10_000, 100_000], registered)

const section = (curves: ReadonlyArray<Curve>): string => {
  const cells = (of: Curve["points"]) => of.map(([x, y]) => `${short(x)}: ${Number(y.toPrecision(3))}`).join(", ")
  return [
    "<!-- curves -->",
    "",
    "![Growth curves](growth.svg)",
    "",
    `The curves were measured on Node ${process.versions.node} and ${os.availableParallelism()} cores, with the defaults of the built packages.`,
    `The load average of the computer was ${
      os.loadavg()[0]!.toFixed(0)
    } at the end of the measurement, so compare only values of the same curve.`,
    "",
    "| curve | figure | values |",
    "| --- | --- | --- |",
    ...curves.map(({ points, title, x, y }) => `| ${title} | ${y}, by ${x} | ${cells(points)} |`),
    "",
    "<!-- /curves -->"
  ].join("\n")
}

const docs = new URL("../../../../docs/", import.meta.url).pathname

const written = (curves: ReadonlyArray<Curve>) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    yield* fs.writeFileString(`${docs}growth.svg`, svg(curves))
    const page = yield* fs.readFileString(`${docs}performance.md`)
    yield* fs.writeFileString(
      `${docs}performance.md`,
      page.replace(/<!-- curves -->[^]*<!-- \/curves -->/, () => section(curves))
    )
  })

const program = Effect.gen(function*() {
  const curves: Array<Curve> = []
  const add = <E, R>(title: string, x: string, y: string, measured: Effect.Effect<Curve["points"], E, R>) =>
    Effect.flatMap(measured, (points) => {
      curves.push({ title, x, y, points })
      return Console.log(
        `${title}: ${points.map(([at, value]) => `${short(at)} ${value.toPrecision(3)}`).join(", ")} ${y}`
      )
    })
  yield* add("Names", "actors of one name", "us to register, find, end", names)
  yield* add("Dialogs", "opened at once", "us each", dialogs)
  yield* add("Payloads", "bytes", "us a call", payloads)
  yield* add("Depth", "levels cancelled", "ms", depth)
  yield* add("Actors", "started at once", "ms each", actors)
  yield* written(curves)
})

NodeActor.runMain(Effect.provide(program, NodeFileSystem.layer), { spares: "off" })
