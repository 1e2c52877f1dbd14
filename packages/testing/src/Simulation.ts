/**
 * Runs whole trees of actors under a seed, which decides which fiber runs next, when bytes arrive, and which actor is
 * killed. Two simulated runs with the same seed make the same choices. A simulated run of several virtual seconds
 * takes milliseconds of real time.
 *
 *     run(program, { seed, faults })               one run, with all that happened in it
 *     explore(program, { seeds, faults, check })   many runs, until one of them is not as it should be
 *
 * The actors of a simulation are those of `MemoryActor`, each as a process of a simulated computer. A killed actor of
 * a simulation runs no finalizer, and a stopped actor receives nothing. The resources of a killed actor are closed,
 * as a kernel closes the resources of a killed process. A simulation has no processes, sockets and signals of an
 * operating system.
 *
 * @since 0.1.0
 */
import type { ActorRuntime, RuntimeLayerError } from "@furrow/actor/ActorRuntime"
import * as MemoryActor from "@furrow/actor/MemoryActor"
import { Turn } from "@furrow/actor/Turn"
import { described } from "@furrow/protocol/Described"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { Kernel, type Temper } from "./internal/simulation/Kernel.ts"
import { type Direction, type Faults, type Happening, Machine } from "./internal/simulation/Machine.ts"
import { contextOf } from "./internal/simulation/Outside.ts"
import type { Next } from "./internal/simulation/Seed.ts"

export type { Direction, Faults, Happening } from "./internal/simulation/Machine.ts"

/**
 * The name of the actor at the other end of the connection that an action disturbs. By default, the action disturbs the
 * actor's connection to its parent.
 *
 * @category models
 * @since 0.2.0
 */
export interface Peer {
  readonly peer?: string | undefined
}

/**
 * The surroundings of a simulated program, with actions on its actors that no program can do to itself. An action
 * names an actor by its name, which means the living actor of that name that was started last.
 *
 * @example
 * ```ts
 * const run = yield* Simulation.run(Effect.gen(function*() {
 *   const world = yield* Simulation.World
 *   const frank = yield* Actor.startScoped("frank", { expose: [isPrime] })
 *   yield* world.kill("frank")
 *   return yield* frank.wait
 * }), { seed: 1 })
 * run.exit?._tag // "Success"
 * ```
 * @category services
 * @since 0.1.0
 */
export class World extends Context.Service<World, {
  /** Writes a line into the history of the run. */
  readonly note: (text: string) => Effect.Effect<void>
  /** Kills an actor, as `kill -9` does: none of its code runs any more. */
  readonly kill: (actor: string) => Effect.Effect<void>
  /** Asks an actor to end, as SIGTERM does, so that the parent of the actor ends it in order. */
  readonly terminate: (actor: string) => Effect.Effect<void>
  /** Stops an actor for some time or until `continue`: a stopped actor receives nothing, and its time stands still. */
  readonly stop: (actor: string, duration?: Duration.Input) => Effect.Effect<void>
  readonly continue: (actor: string) => Effect.Effect<void>
  /**
   * Cuts the connection between an actor and its parent, or between an actor and another peer. Only the reader of a
   * cut direction notices the cut, and words of its writer are lost. The option `afterBytes` is the number of bytes
   * that still pass in each direction that is cut. Default: 0.
   */
  readonly cut: (
    actor: string,
    options?: Peer & { readonly direction?: Direction | undefined; readonly afterBytes?: number | undefined }
  ) => Effect.Effect<void>
  /**
   * Holds the connection between an actor and its parent or another peer, for some time or until `release`. A held
   * connection delivers no bytes in either direction and loses none; new connections of the two actors are held too.
   * The death of one of the two actors ends the hold of their connection.
   */
  readonly hold: (
    actor: string,
    options?: Peer & { readonly duration?: Duration.Input | undefined }
  ) => Effect.Effect<void>
  readonly release: (actor: string, options?: Peer) => Effect.Effect<void>
  /** Sets the wall clock of an actor forward by `millis` milliseconds, or back if `millis` is negative. */
  readonly setClock: (actor: string, millis: number) => Effect.Effect<void>
  /** The names of the simulated processes that live, in the order of their starts. */
  readonly alive: Effect.Effect<ReadonlyArray<string>>
  /** The virtual milliseconds since the simulated run began. */
  readonly now: Effect.Effect<number>
}>()("@furrow/testing/Simulation/World") {}

/**
 * Options of a single simulated run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The seed is an integer that decides every choice of the run. */
  readonly seed: number
  readonly faults?: Faults | undefined
  /** The options of the simulated root, as the function `MemoryActor.layer` takes them. */
  readonly root?: MemoryActor.Options | undefined
  /**
   * Loggers of the simulated program, which may throw; they are called before the logger that writes the history.
   * Default: no loggers.
   */
  readonly loggers?: ReadonlyArray<Logger.Logger<unknown, unknown>> | undefined
  /**
   * Ranges of choices that are not left to the seed: a range includes its first number and excludes its second. In a
   * range that is not left to the seed, the fiber that ran last continues, and no bytes are late. Default: no ranges.
   */
  readonly calm?: ReadonlyArray<readonly [from: number, to: number]> | undefined
  /** The number of choices after which a run ends as `endless`. Default: 1,000,000. */
  readonly maxChoices?: number | undefined
}

/**
 * The result of one simulated run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Run<A = unknown, E = unknown> {
  readonly seed: number
  /**
   * The way in which the simulated run ended. The end `stuck` means that no fiber could run and no fiber slept,
   * although the simulated program had not ended. The end `restless` means that a fiber still ran after the simulated
   * program had ended.
   */
  readonly end: "done" | "stuck" | "endless" | "restless"
  /**
   * The exit of the simulated program; `undefined` if the program did not come to its end, for example because its root
   * was killed.
   */
  readonly exit: Exit.Exit<A, E | RuntimeLayerError> | undefined
  readonly history: ReadonlyArray<Happening>
  /** The names of actors that still lived when the simulated run was over. */
  readonly left: ReadonlyArray<string>
  /** The names of actors that were killed, stopped, held or cut off during the run, by chance or by the program. */
  readonly hurt: ReadonlyArray<string>
  /** The length of the simulated run in virtual milliseconds. */
  readonly millis: number
  readonly choices: number
  /** A hash of the run's choices, which is equal for two runs that made the same choices. */
  readonly fingerprint: number
}

const defaultMaxChoices = 1_000_000

/**
 * Each seed draws its own chances of delay and preemption, so that some runs are disturbed often, and other runs
 * rarely.
 */
const temperOf = ({ late, preempt }: Faults) => (next: Next): Temper => {
  const one = (values: ReadonlyArray<number>) => values[Math.floor(next() * values.length)]!
  const chosen = { preempt: one([0, 0.001, 0.01, 0.1]), delay: one([0, 0.05, 0.4]), maxDelayMillis: one([1, 4, 40]) }
  return { ...chosen, preempt: preempt ?? chosen.preempt, delay: late ?? chosen.delay }
}

/** Returns the milliseconds of a duration, or `Infinity` when no duration is given. */
const millisOf = (duration: Duration.Input | undefined): number =>
  duration === undefined ? Infinity : Duration.toMillis(duration)

const worldOf = (kernel: Kernel, machine: Machine): World["Service"] => ({
  note: (text) =>
    Effect.withFiber((fiber) => {
      machine.note(kernel.processes[fiber.getRef(Turn).pid]?.name ?? "", text)
      return Effect.void
    }),
  kill: (actor) => Effect.sync(() => machine.kill(machine.find(actor))),
  terminate: (actor) => Effect.sync(() => machine.terminate(machine.find(actor))),
  stop: (actor, duration) => Effect.sync(() => machine.stop(machine.find(actor), millisOf(duration))),
  continue: (actor) => Effect.sync(() => machine.continue(machine.find(actor))),
  cut: (actor, { afterBytes, direction, peer } = {}) =>
    Effect.sync(() => machine.cut(...machine.ends(actor, peer), direction, afterBytes)),
  hold: (actor, { duration, peer } = {}) =>
    Effect.sync(() => machine.hold(...machine.ends(actor, peer), millisOf(duration))),
  release: (actor, { peer } = {}) => Effect.sync(() => machine.release(...machine.ends(actor, peer))),
  setClock: (actor, millis) => Effect.sync(() => machine.setClock(machine.find(actor), millis)),
  alive: Effect.sync(() => machine.alive.map(({ name }) => name)),
  now: Effect.sync(() => kernel.now)
})

const loggerOf = (kernel: Kernel, machine: Machine) =>
  Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
    const text = (Array.isArray(message) ? message : [message]).map((part) => described(part)).join(" ")
    machine.note(kernel.processes[fiber.getRef(Turn).pid]?.name ?? "", `logs ${logLevel}: ${text}`)
  })

/**
 * Runs a program and its actors on a simulated computer, with the order of events that the seed decides. The effect
 * of a simulated run never fails, because its result says how the program ended. The simulated program gets its
 * services, except the runtime, from the context in which `run` is called.
 *
 * @example
 * ```ts
 * const program = Actor.runInActor(isPrime({ n: 7 }))
 * const one = yield* Simulation.run(program, { seed: 1, faults: { kill: 0.5 } })
 * const two = yield* Simulation.run(program, { seed: 1, faults: { kill: 0.5 } })
 * one.end // "done"
 * one.fingerprint === two.fingerprint // true
 * ```
 * @category running
 * @since 0.1.0
 */
export const run = <A, E, R>(
  program: Effect.Effect<A, E, R>,
  options: Options
): Effect.Effect<Run<A, E>, never, Exclude<R, ActorRuntime | World | Scope.Scope>> =>
  Effect.contextWith((around: Context.Context<never>) =>
    Effect.promise((signal) => simulate(program, options, around, signal))
  ) as Effect.Effect<Run<A, E>, never, Exclude<R, ActorRuntime | World | Scope.Scope>>

const simulate = async <A, E, R>(
  program: Effect.Effect<A, E, R>,
  { calm = [], faults = {}, loggers = [], maxChoices = defaultMaxChoices, root: rootOptions = {}, seed }: Options,
  around: Context.Context<never>,
  signal: AbortSignal
): Promise<Run<A, E>> => {
  const kernel = new Kernel(seed, temperOf(faults), calm)
  const machine = new Machine(kernel, faults)
  const { between = (process) => process } = rootOptions
  const root = kernel.start(rootOptions.name ?? "root", undefined)
  const context = Context.mergeAll(
    Context.omit(Tracer.ParentSpan, Scope.Scope)(around) as Context.Context<never>,
    contextOf(kernel, root, machine),
    Context.make(Logger.CurrentLoggers, new Set([...loggers, loggerOf(kernel, machine)])),
    Context.make(World, worldOf(kernel, machine))
  )
  const whole = Effect.scoped(program as Effect.Effect<A, E, never>).pipe(
    Effect.provide(MemoryActor.layer({ ...rootOptions, between: (process) => between(machine.between(process)) }))
  )
  let exit: Exit.Exit<A, E | RuntimeLayerError> | undefined
  kernel.push(
    kernel.lane(root),
    () =>
      Effect.runForkWith(context)(whole as Effect.Effect<A, E | RuntimeLayerError>).addObserver((done) => {
        exit = done
        // The simulated process of the root ends when the simulated program has ended.
        kernel.end(root)
      })
  )
  const isOver = () => root.state === "over"
  let end: Run["end"] = await kernel.drive(isOver, { maxChoices, signal })
  const { now } = kernel
  if (end === "done" && await kernel.drive(() => false, { maxChoices, signal }) === "endless") end = "restless"
  return {
    seed,
    end,
    exit,
    history: machine.happenings,
    left: machine.alive.map(({ name }) => name),
    hurt: Array.from(machine.hurt),
    millis: now,
    choices: kernel.choices,
    fingerprint: kernel.fingerprint
  }
}

/**
 * Returns the faults of a run: the run hung, did not end, or left an actor behind.
 *
 * @example
 * ```ts
 * const stuck = yield* Simulation.run(Effect.never, { seed: 1 })
 * Simulation.problems(stuck) // ["stuck: nothing can run and nothing sleeps after 0 ms, and the program is not done"]
 * ```
 * @category checking
 * @since 0.1.0
 */
export const problems = ({ choices, end, left, millis }: Run): ReadonlyArray<string> => [
  ...(end === "stuck"
    ? [`stuck: nothing can run and nothing sleeps after ${millis} ms, and the program is not done`]
    : []),
  ...(end === "endless" ? [`endless: the program is not done after ${choices} choices`] : []),
  ...(end === "restless" ? ["restless: something goes on after the end of the program"] : []),
  ...(end === "done" && left.length > 0 ? [`left: ${left.join(", ")} still live after the end of the program`] : [])
]

/**
 * The error of a seed under which the run of a simulated program has a fault. A call of `Simulation.run` with the
 * seed and the faults of this error repeats the failing run.
 *
 * @example
 * ```ts
 * const found = yield* Effect.flip(Simulation.explore(Effect.never, { seeds: 3 }))
 * found._tag // "Found"
 * ```
 * @category errors
 * @since 0.1.0
 */
export class Found extends Data.TaggedError("Found")<{
  readonly seed: number
  readonly problems: ReadonlyArray<string>
  readonly run: Run
  /** The number of seeds that the exploration has tried. */
  readonly tried: number
}> {
  override get message(): string {
    const lines = show(this.run)
    return `seed ${this.seed}: ${this.problems.join("; ")}\n${lines}`
  }
}

/** The number of lines of a history that an error shows. */
const maxShownLines = 200

/**
 * Shows the history of a run as text, one event per line.
 *
 * @example
 * ```ts
 * const run = yield* Simulation.run(Effect.flatMap(Simulation.World, ({ note }) => note("hello")), { seed: 1 })
 * Simulation.show(run) // "0 root hello"
 * ```
 * @category checking
 * @since 0.1.0
 */
export const show = ({ history }: Run): string => {
  const lines = history.map(({ actor, millis, text }) => `${millis} ${actor} ${text}`)
  const hidden = lines.length - maxShownLines
  return (hidden > 0 ? [`(${hidden} earlier lines)`, ...lines.slice(hidden)] : lines).join("\n")
}

/**
 * Options for many simulated runs.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExploreOptions<A, E> extends Omit<Options, "seed"> {
  /**
   * The number of seeds to explore; or the first seed `from` and the number of seeds. By default the first seed is 1.
   */
  readonly seeds: number | { readonly from: number; readonly count: number }
  /** A pure function of a run that returns faults in addition to the faults that `problems` returns. */
  readonly check?: ((run: Run<A, E>) => ReadonlyArray<string>) | undefined
}

/**
 * The result of many runs in which no fault was found.
 *
 * @category models
 * @since 0.1.0
 */
export interface Explored {
  readonly runs: number
  /** The number of explored runs that are different, which means that they differ in at least one choice. */
  readonly different: number
  readonly choices: number
  readonly millis: number
}

/**
 * Runs a program under many seeds, and fails with the first seed whose run has a fault according to `problems` or
 * `check`. Each seed of the exploration gives a separate run. A simulated program that should differ between runs
 * uses Effect's `Random`.
 *
 * @example
 * ```ts
 * const program = Actor.runInActor(isPrime({ n: 7 }))
 * const { runs } = yield* Simulation.explore(program, { seeds: 20, faults: { kill: 0.3 } })
 * runs // 20
 * ```
 * @category running
 * @since 0.1.0
 */
export const explore = <A, E, R>(
  program: Effect.Effect<A, E, R>,
  { check, seeds, ...options }: ExploreOptions<A, E>
): Effect.Effect<Explored, Found, Exclude<R, ActorRuntime | World | Scope.Scope>> =>
  Effect.gen(function*() {
    const { count, from } = typeof seeds === "number" ? { count: seeds, from: 1 } : seeds
    const different = new Set<number>()
    let choices = 0
    let millis = 0
    for (let seed = from; seed < from + count; seed++) {
      const one = yield* run(program, { ...options, seed })
      const found = [...problems(one), ...check?.(one) ?? []]
      if (found.length > 0) {
        return yield* Effect.fail(new Found({ seed, problems: found, run: one, tried: seed - from + 1 }))
      }
      different.add(one.fingerprint)
      choices += one.choices
      millis += one.millis
    }
    return { runs: count, different: different.size, choices, millis }
  })

/**
 * Describes the exit of a run in one word: "ok", "interrupted", or the tag of its failure or defect.
 *
 * @example
 * ```ts
 * Simulation.how(Exit.fail(new Error("no"))) // "Fail Error"
 * ```
 * @category checking
 * @since 0.1.0
 */
export const how = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "ok"
  const words = exit.cause.reasons.map((reason) => {
    if (Cause.isInterruptReason(reason)) return "interrupted"
    const error = Cause.isDieReason(reason) ? reason.defect : reason.error
    const named = error as { readonly _tag?: unknown; readonly name?: unknown } | null
    return `${reason._tag} ${String(named?._tag ?? named?.name ?? typeof error)}`
  })
  return Array.from(new Set(words)).join(" + ")
}
