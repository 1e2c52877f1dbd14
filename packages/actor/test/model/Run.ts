/**
 * Runs one program: actors in memory, connections with faults and a saboteur, time that passes when nothing else can
 * happen. Then everything is ended, and `Check` looks at what is left.
 *
 *   start the actors -> the steps -> (1) all that can happen happens -> (2) every call still open is interrupted
 *     -> (3) the owner ends
 */
import { Actor, MemoryActor, Timeouts } from "@furrow/actor"
import type { ActorRuntime } from "@furrow/actor/internal/settings/ActorRuntime"
import type { ProcessHandle } from "@furrow/actor/internal/spawn/Spawner"
import type { Connection } from "@furrow/actor/internal/transport/Transport"
import * as FaultyTransport from "@furrow/testing/FaultyTransport"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as actors from "./actors.ts"
import * as Check from "./Check.ts"
import type { Program, Step } from "./Program.ts"
import * as Wire from "./Wire.ts"
import { type Call, CurrentWorld, World } from "./World.ts"

const timeouts: Timeouts.Timeouts = {
  spawn: 30_000,
  cancel: actors.bound,
  cancelAck: 100,
  finalizers: actors.finalizers,
  terminate: 100,
  explain: 20,
  logs: 50,
  connect: 100,
  handshake: 100,
  silence: 10_000
}

type Portal = actors.Portal

/** A fresh saboteur for every connection. */
export type Plan = (actor: string) => Wire.Saboteur

/** A clock that knows when the next sleeper wakes. */
class Sleepers {
  readonly due = new Set<{ readonly at: number }>()

  around(clock: TestClock.TestClock): TestClock.TestClock {
    return {
      ...clock,
      sleep: (duration) =>
        Effect.suspend(() => {
          const entry = { at: clock.currentTimeMillisUnsafe() + Duration.toMillis(duration) }
          this.due.add(entry)
          return Effect.ensuring(clock.sleep(duration), Effect.sync(() => this.due.delete(entry)))
        })
    }
  }

  get next(): number | undefined {
    let next: number | undefined
    for (const { at } of this.due) next = Math.min(at, next ?? at)
    return next
  }
}

const turn = (): Promise<void> => new Promise<void>((resolve) => setImmediate(resolve))
/** As many turns of the event loop in which nothing happens mean that nothing will. */
const quiet = 6

/** Notices everything that arrives. */
const watched = (connection: Connection, moved: () => void): Connection => ({
  ...connection,
  start: (handlers) =>
    connection.start({
      data: (bytes) => {
        moved()
        handlers.data(bytes)
      },
      drain: () => {
        moved()
        handlers.drain()
      },
      end: (reason) => {
        moved()
        handlers.end(reason)
      }
    })
})

/** An actor of the program, from outside. */
interface Stage {
  readonly name: string
  portal: Portal | undefined
  link: FaultyTransport.Link | undefined
  kill: () => void
}

class Runner {
  readonly world = new World()
  readonly stages: Array<Stage>
  readonly fibers = new Map<Call, Fiber.Fiber<unknown, unknown>>()
  readonly living = new Set<string>()
  /** Actors that were lost or told to end. */
  readonly disturbed = new Set<string>()
  readonly sleepers = new Sleepers()
  private readonly program: Program
  private readonly plan: Plan | undefined
  private processes = 0

  constructor(program: Program, plan: Plan | undefined) {
    this.program = program
    this.plan = plan
    this.stages = Array.from({ length: program.actors }, (_, i) => ({
      name: `a${i}`,
      portal: undefined,
      link: undefined,
      kill: () => {}
    }))
  }

  get calls(): ReadonlyArray<Call> {
    return Array.from(this.world.calls.values())
  }

  /** Until nothing happens any more without time passing. */
  readonly settle: Effect.Effect<void> = Effect.promise(async () => {
    let idle = 0
    let before = this.world.activity
    for (let turns = 0; idle < quiet && turns < 20_000; turns++) {
      await turn()
      idle = this.world.activity === before ? idle + 1 : 0
      before = this.world.activity
    }
    if (idle < quiet) this.world.problem("it does not come to rest")
  })

  /** Lets time pass, sleeper by sleeper; stops early where nobody sleeps. */
  pass(millis: number, skip: boolean): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const until = this.world.now() + millis
      while (true) {
        yield* this.settle
        const next = this.sleepers.next
        if (next === undefined || next > until) break
        yield* TestClock.setTime(Math.max(next, this.world.now()))
      }
      if (!skip) yield* TestClock.setTime(until)
    })
  }

  /** Around every process of the tree: the faulty link, the monitor, the saboteur. */
  readonly between = (process: ProcessHandle): ProcessHandle => {
    const { world } = this
    const { name } = process.actor
    const { cut, faults, seed } = this.program
    const monitor = new Wire.Monitor((text) => world.problem(`on the wire to ${name}: ${text}`))
    const tapped = Wire.tap(process.connection, {
      said: (word, from) => {
        const id = Wire.dialogOf(word)
        world.say(`  ${name} ${from === "parent" ? "<-" : "->"} ${word._tag}${id === undefined ? "" : ` ${id}`}`)
        monitor.said(word, from)
      },
      saboteur: this.plan?.(name),
      moved: () => world.activity++
    })
    const stage = this.stages.find((stage) => stage.name === name)
    const link = FaultyTransport.wrap(tapped, {
      seed: seed + ++this.processes,
      ...(faults === "none" ? {} : { delay: 2, split: 0.2, join: 0.2 }),
      ...(faults === "stalls" ? { stall: 0.3 } : {}),
      ...(cut !== null && stage !== undefined && this.stages.indexOf(stage) === cut.actor
        ? { cut: { after: cut.after, counting: cut.counting, how: "both" } }
        : {})
    })
    if (stage !== undefined) {
      stage.link = link
      stage.kill = () => process.signal("SIGKILL")
      if (cut !== null && this.stages.indexOf(stage) === cut.actor) this.lose(stage, "a cut to come", false)
    }
    this.living.add(`${name}@${process.actor.pid}`)
    process.whenExited(() => {
      world.say(`${name} exits`)
      this.living.delete(`${name}@${process.actor.pid}`)
    })
    return {
      actor: process.actor,
      connection: watched(link.connection, () => world.activity++),
      whenExited: (callback) => process.whenExited(callback),
      lastLines: () => process.lastLines(),
      signal: (signal) => {
        world.say(`${name} gets ${signal}`)
        process.signal(signal)
      }
    }
  }

  /** Its calls may fail from now on; in a nursery everybody's may. */
  lose(stage: Stage, why: string, isLost = true): void {
    this.world.say(`${stage.name}: ${why}`)
    this.disturbed.add(stage.name)
    if (isLost) this.world.lost.add(stage.name)
    for (const call of this.calls) {
      const touched = call.actor === stage.name || this.program.owner === "nursery"
      if (touched && typeof call.caller !== "object") this.world.cancel(call, why)
    }
  }

  stage(index: number): Stage {
    return this.stages[index % this.stages.length]!
  }
}

/** The owner: starts the actors, hands out its context, and lives until it is told to end. */
const owner = (
  runner: Runner,
  ready: Deferred.Deferred<Context.Context<never>>,
  close: Deferred.Deferred<void>,
  program: Program
) => {
  const start = (name: string): Effect.Effect<Portal, unknown, any> =>
    program.owner === "nursery"
      ? Actor.start(name, { expose: actors.definitions })
      : Actor.startScoped(name, { expose: actors.definitions })
  const body = Effect.gen(function*() {
    for (const stage of runner.stages) {
      stage.portal = yield* Effect.catch(start(stage.name), () => Effect.succeed(undefined))
    }
    yield* Deferred.succeed(ready, yield* Effect.context<never>())
    yield* Deferred.await(close)
  })
  let since = 0
  const reaped = Effect.sync(() => {
    runner.world.say("the owner ends")
    for (const call of runner.calls) {
      if (runner.stages.some(({ name }) => name === call.actor)) actors.reaped(runner.world, call, since)
    }
  })
  const interruptAll = Effect.sync(() => {
    since = runner.world.now()
    for (const [call, fiber] of runner.fibers) {
      if (fiber.pollUnsafe() !== undefined) continue
      runner.world.cancel(call, "its owner ends")
      fiber.interruptUnsafe()
    }
  })
  const region = Effect.ensuring(body, interruptAll)
  return Effect.ensuring(program.owner === "nursery" ? Actor.nursery(region) : Effect.scoped(region), reaped)
}

const carryOut = (program: Program, runner: Runner, step: Step, context: Context.Context<never>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { world } = runner
    const fork = Effect.runForkWith(context)
    const nth = (index: number) => {
      const calls = Array.from(runner.fibers.keys())
      return calls.length === 0 ? undefined : calls[index % calls.length]
    }
    switch (step._tag) {
      case "Call": {
        const stage = runner.stage(step.actor)
        if (stage.portal === undefined) return Effect.void
        const call = world.open(runner.fibers.size, stage.name, step.what, undefined)
        const disturbed = program.owner === "nursery" ? runner.disturbed.size > 0 : runner.disturbed.has(stage.name)
        if (disturbed) world.cancel(call, "too late")
        runner.fibers.set(call, fork(actors.perform(stage.portal, call)))
        return Effect.void
      }
      case "Interrupt": {
        const call = nth(step.call)
        if (call !== undefined) interrupt(runner, call, "interrupted")
        return Effect.void
      }
      case "CancelDialog": {
        const call = nth(step.call)
        const dialog = call === undefined ? undefined : actors.dialogs.get(call)
        if (call === undefined || dialog === undefined || typeof call.caller === "object") return Effect.void
        world.cancel(call, "from outside")
        fork(
          Effect.tap(
            dialog.cancel("from outside"),
            () => Effect.sync(() => actors.acknowledged(world, call, "somebody who cancelled it"))
          )
        )
        return Effect.void
      }
      case "EndActor": {
        const stage = runner.stage(step.actor)
        if (stage.portal === undefined) return Effect.void
        runner.lose(stage, "ended by its owner", false)
        const since = world.now()
        const reaped = Effect.sync(() => {
          for (const call of runner.calls) if (call.actor === stage.name) actors.reaped(world, call, since)
        })
        fork(Effect.andThen(stage.portal.cancel("enough"), reaped))
        return Effect.void
      }
      case "Crash": {
        const stage = runner.stage(step.actor)
        runner.lose(stage, "killed")
        stage.kill()
        return Effect.void
      }
      case "Cut": {
        const stage = runner.stage(step.actor)
        runner.lose(stage, `cut ${step.how}`)
        stage.link?.cut(step.how)
        return Effect.void
      }
      case "Hold": {
        const stage = runner.stage(step.actor)
        world.held.add(stage.name)
        world.say(`${stage.name}: held`)
        stage.link?.hold()
        fork(Effect.andThen(Effect.sleep(step.millis), Effect.sync(() => stage.link?.release())))
        return Effect.void
      }
      case "Pass":
        return runner.pass(step.millis, false)
      case "Turns":
        return Effect.promise(async () => {
          for (let i = 0; i < step.turns; i++) await turn()
        })
    }
  })

const interrupt = (runner: Runner, call: Call, why: string): void => {
  const fiber = runner.fibers.get(call)
  if (fiber === undefined || fiber.pollUnsafe() !== undefined) return
  runner.world.cancel(call, why)
  fiber.interruptUnsafe()
}

const drive = (program: Program, runner: Runner): Effect.Effect<void, never, ActorRuntime> =>
  Effect.gen(function*() {
    const { world } = runner
    const ready = Deferred.makeUnsafe<Context.Context<never>>()
    const close = Deferred.makeUnsafe<void>()
    const runtime = yield* Effect.context<ActorRuntime>()
    const main = Effect.runForkWith(runtime)(owner(runner, ready, close, program) as Effect.Effect<void, unknown>)
    yield* runner.pass(60_000, true)
    if (Deferred.isDoneUnsafe(ready)) {
      const context = yield* Deferred.await(ready)
      for (const step of program.steps) yield* carryOut(program, runner, step, context)
    } else if (main.pollUnsafe() === undefined) world.problem("its actors do not start")
    yield* runner.pass(3000, true)
    for (const stage of runner.stages) stage.link?.release()
    yield* runner.pass(3000, true)
    world.say("---- at rest")
    Check.atRest(world)
    for (const call of runner.fibers.keys()) interrupt(runner, call, "at the end")
    yield* runner.pass(3000, true)
    world.say("---- all cancelled")
    Check.allEnded(world)
    for (const { name, portal } of runner.stages) {
      if (portal !== undefined) Check.channel(world, name, (yield* portal.statistics).channel)
    }
    for (const call of runner.calls) world.cancel(call, "the end")
    yield* Deferred.succeed(close, undefined)
    yield* runner.pass(60_000, true)
    world.say("---- closed")
    const { children } = yield* Actor.statistics
    Check.nothingLeft(world, {
      owner: main.pollUnsafe(),
      children: children.map(({ actor, state }) => `${actor.name}: ${state}`),
      living: Array.from(runner.living),
      sleepers: runner.sleepers.due.size
    })
  })

/** Runs a program; answers with what happened in it. */
export const run = (program: Program, plan?: Plan): Effect.Effect<World> =>
  Effect.suspend(() => {
    const runner = new Runner(program, plan)
    const { world } = runner
    world.isCut = (actor) => runner.stages.some(({ link, name }) => name === actor && link?.isCut === true)
    const runtime = MemoryActor.layer({
      name: "root",
      expose: [actors.job, actors.feed, actors.talk],
      between: runner.between
    })
    return Effect.gen(function*() {
      const clock = yield* Clock.clockWith((clock) => Effect.succeed(clock as TestClock.TestClock))
      world.now = () => clock.currentTimeMillisUnsafe()
      // The warning that time stands still is left out.
      yield* TestClock.adjust(0)
      const exit = yield* Effect.exit(
        drive(program, runner).pipe(
          Effect.provide(runtime),
          Effect.provideService(CurrentWorld, world),
          Effect.provideService(Timeouts.Timeouts, timeouts),
          Effect.provideService(Clock.Clock, runner.sleepers.around(clock))
        )
      )
      if (Exit.isFailure(exit)) world.problem(`the run itself failed: ${String(exit.cause)}`)
      return world
    }).pipe(Effect.provide(TestClock.layer({ warningDelay: "1 hour" })), Effect.scoped)
  })
