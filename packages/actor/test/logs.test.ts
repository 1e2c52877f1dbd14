import { assert, describe, it } from "@effect/vitest"
import { Actor, MemoryActor } from "@furrow/actor"
import * as FaultyTransport from "@furrow/testing/FaultyTransport"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import { isPrime } from "./fixtures/prime.ts"
import { costly, countdown, deepTalk, lastWords, lateBelow, shout, show, shown, talk } from "./fixtures/talking.ts"
import { inMemory } from "./support/InMemory.ts"
import { captureLogs, type Line, withThrowing } from "./support/Logs.ts"
import { drained, pass, settle } from "./support/Time.ts"

/** Runs a program whose root has a logger that remembers. */
const logged = <A, E>(program: Effect.Effect<A, E, Actor.ActorRuntime>, level: LogLevel.LogLevel = "Info") =>
  Effect.gen(function*() {
    const logs = captureLogs()
    const answer = yield* program.pipe(
      inMemory,
      Effect.provide(logs.layer),
      Effect.provideService(References.MinimumLogLevel, level)
    )
    return { answer, lines: logs.lines }
  })

const text = ({ level, message }: Line) => `${level} ${String((message as ReadonlyArray<unknown>).join(" "))}`

describe("logs of an actor reach the root's loggers", () => {
  it.effect("G61: logs of an actor reach the root's loggers in order, with their level and their actor", () =>
    Effect.gen(function*() {
      const { lines } = yield* logged(Actor.runInActor(talk(), { name: "frank" }))
      assert.deepStrictEqual(lines.map(text), ["Info info", "Warn warn", "Error error", "Fatal fatal"])
      for (const { annotations } of lines) assert.match(String(annotations["actor"]), /^frank@\d+$/)
    }))

  it.effect("G274: logs of an actor reach the root's loggers even if one logger throws, which loses only its own lines", () =>
    Effect.gen(function*() {
      const logs = captureLogs()
      const frank = Effect.flatMap(
        Actor.startScoped("frank", { expose: [talk, countdown] }),
        (portal) => Effect.andThen(portal.run(talk()), portal.run(countdown({ n: 3 })))
      )
      yield* Effect.scoped(frank).pipe(inMemory, Effect.provide(withThrowing(logs)))
      assert.deepStrictEqual(
        logs.lines.map(text),
        ["Info info", "Warn warn", "Error error", "Fatal fatal", "Info line 1", "Info line 2", "Info line 3"]
      )
    }))

  it.effect("an actor starts with the log level of the code that starts it", () =>
    Effect.gen(function*() {
      const { lines } = yield* logged(Actor.runInActor(talk()), "Trace")
      assert.strictEqual(lines.length, 6)
      const quiet = yield* logged(Actor.runInActor(talk()), "Error")
      assert.deepStrictEqual(quiet.lines.map(text), ["Error error", "Fatal fatal"])
      const silent = yield* logged(Actor.runInActor(talk()), "None")
      assert.deepStrictEqual(silent.lines, [])
    }))

  it.effect("G164: a log line keeps its time over two actors, however late it arrives", () => {
    const links = new Map<string, FaultyTransport.Link>()
    const memory = MemoryActor.layer({
      between: (process) => {
        const link = FaultyTransport.wrap(process.connection, { seed: 1 })
        links.set(process.actor.name, link)
        return { ...process, connection: link.connection }
      }
    })
    const logs = captureLogs()
    return Effect.gen(function*() {
      const call = yield* Effect.forkChild(Actor.runInActor(lateBelow({ depth: 1 }), { name: "late-1" }))
      yield* settle
      links.get("late-1")!.hold()
      yield* pass(2000)
      assert.deepStrictEqual(logs.lines, [])
      links.get("late-1")!.release()
      yield* settle
      yield* Fiber.join(call)
      assert.deepStrictEqual(logs.lines.map((line) => [line.millis, text(line)]), [[500, "Info late"]])
      assert.match(String(logs.lines[0]!.annotations["actor"]), /^late-0@/)
    }).pipe(drained, Effect.provide(Layer.mergeAll(Layer.orDie(memory), logs.layer)))
  })

  it.effect("a log line below the log level is not made into text, and is not sent", () =>
    Effect.gen(function*() {
      shown.clear()
      const { lines } = yield* logged(Actor.runInActor(costly()))
      assert.deepStrictEqual(lines.map(text), [`Info {"price":7}`])
      assert.deepStrictEqual(Array.from(shown), ["info"])
    }))

  it.effect("a log level around one call applies only to that call", () =>
    Effect.gen(function*() {
      const { lines } = yield* logged(Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [talk] })
        yield* Effect.provideService(frank.run(talk()), References.MinimumLogLevel, "Trace")
        yield* Effect.logInfo("between")
        yield* Effect.provideService(frank.run(talk()), References.MinimumLogLevel, "Fatal")
      })))
      assert.deepStrictEqual(lines.map(text).toSorted(), [
        "Debug debug",
        "Error error",
        "Fatal fatal",
        "Fatal fatal",
        "Info between",
        "Info info",
        "Trace trace",
        "Warn warn"
      ])
    }))

  it.effect("log annotations around a call reach the actor, and annotations around a start do not stay in the actor", () =>
    Effect.gen(function*() {
      const { lines } = yield* logged(Actor.nursery(Effect.gen(function*() {
        const frank = yield* Effect.annotateLogs(Actor.start("frank", { expose: [show] }), { start: "not wanted" })
        yield* Effect.annotateLogs(frank.run(show()), { request: "r1", n: 7, nested: { a: 1 } })
        yield* frank.run(show())
      })))
      const annotated = lines.filter(({ annotations }) => "request" in annotations)
      assert.strictEqual(annotated.length, 3)
      for (const { annotations } of annotated) {
        assert.deepInclude(annotations, { request: "r1", n: "7" })
      }
      assert.deepInclude(annotated[2]!.annotations, { there: "true" })
      assert.isFalse(lines.some(({ annotations }) => "start" in annotations))
      assert.isFalse("request" in lines[5]!.annotations)
    }))

  it.effect("values and causes in a log line of an actor arrive as text", () =>
    Effect.gen(function*() {
      const { lines } = yield* logged(Actor.runInActor(show()))
      assert.deepStrictEqual(lines[0]!.message, ["text", "7", `{"a":[1]}`])
      assert.match(text(lines[1]!), /^Error it broke .*the reason/s)
    }))

  it.effect("logs of an actor keep their order, and have all arrived when the actor is gone", () =>
    Effect.gen(function*() {
      const { lines } = yield* logged(Actor.runInActor(countdown({ n: 1000 })))
      assert.deepStrictEqual(lines.map(text), Array.from({ length: 1000 }, (_, i) => `Info line ${i + 1}`))
    }))

  it.effect("logs of deeper actors reach the root's loggers, and each line names its actor", () =>
    Effect.gen(function*() {
      const { lines } = yield* logged(Actor.runInActor(deepTalk({ depth: 2 }), { name: "deep-2" }))
      assert.deepStrictEqual(
        lines.map((line) => `${String(line.annotations["actor"]).split("@")[0]}: ${text(line)}`).toSorted(),
        ["deep-0: Info at 0", "deep-1: Info at 1", "deep-2: Info at 2"]
      )
    }))

  it.effect("a log line that an actor writes during its cancel still arrives", () =>
    Effect.gen(function*() {
      const { lines } = yield* logged(Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Actor.runInActor(lastWords()))
        yield* settle
        yield* Fiber.interrupt(fiber)
      }))
      assert.deepStrictEqual(lines.map(text), ["Warn goodbye"])
    }))

  it.effect("a log line that is too long for a frame is cut, and no other log line is lost", () =>
    Effect.gen(function*() {
      const { answer, lines } = yield* logged(Actor.nursery(Effect.gen(function*() {
        const frank = yield* Actor.start("frank", { expose: [shout, talk, isPrime] })
        yield* frank.run(shout({ size: 65 * 1024 * 1024 }))
        yield* frank.run(talk())
        return yield* frank.run(isPrime({ n: 7 }))
      })))
      assert.isTrue(answer)
      assert.strictEqual(lines.length, 5)
      assert.match(text(lines[0]!).slice(0, 100), /^Info x+$/)
      assert.isBelow(text(lines[0]!).length, 70_000)
    }))

  it.effect("log lines of an actor that are dropped in a flood of log lines are counted", () =>
    Effect.gen(function*() {
      const { lines } = yield* logged(Actor.runInActor(countdown({ n: 20_000 })))
      const dropped = lines.filter((line) => /log records were dropped/.test(text(line)))
      const counted = dropped.reduce((sum, line) => sum + Number(/\d+/.exec(text(line))![0]), 0)
      const kept = lines.length - dropped.length
      assert.strictEqual(kept + counted, 20_000)
      assert.isAtLeast(kept, 4096)
      const numbers = lines.filter((line) => !dropped.includes(line)).map((line) =>
        Number(text(line).split(" ").at(-1))
      )
      assert.deepStrictEqual(numbers, numbers.toSorted((a, b) => a - b))
    }))
})
