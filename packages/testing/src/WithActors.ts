/**
 * Tests with actors, for Vitest: a root's runtime for one test or a group, a deadline that shows the tree of actors,
 * and a check for leaks.
 *
 *     layer(platform)(title, tests)     one runtime for a group        each test leaves no actor, the group nothing at all
 *     provide(platform)(program)        one runtime for one program    the program leaves nothing at all
 *
 * Deadlines and checks use real time, whatever Clock a test has. `WithActors` needs `vitest` and `@effect/vitest`.
 *
 * @since 0.1.0
 */
import type { Vitest } from "@effect/vitest"
import * as V from "@effect/vitest"
import * as Actor from "@furrow/actor/Actor"
import type { ActorId } from "@furrow/actor/ActorError"
import type { ChannelSnapshot } from "@furrow/actor/ActorEvent"
import type { ActorRuntime } from "@furrow/actor/ActorRuntime"
import * as Registry from "@furrow/actor/Registry"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Eventually from "./Eventually.ts"
import * as Leaks from "./Leaks.ts"

/**
 * Options of a test with actors: the time that the test may take, and the check for leaks.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * The deadline of a test, at which the test's tree of actors is shown. The default deadline is nine tenths of the
   * timeout that Vitest has for the test.
   */
  readonly within?: Duration.Input | undefined
  /**
   * The settings of the check for leaks around a test or a group of tests, or `false` for no check. Set the field to
   * `false` if other tests use this process at the same time, as with `it.concurrent`.
   */
  readonly leaks?: Leaks.Options | false | undefined
}

/**
 * Options of a group of tests with actors.
 *
 * @category models
 * @since 0.1.0
 */
export interface GroupOptions extends Options {
  /**
   * The clock of a group of tests. The clock `test` (default) is a TestClock that all tests of the group share. The
   * clock `live` is real time, which tests with real processes need.
   */
  readonly clock?: "test" | "live" | undefined
  /**
   * The time within which the group's platform must be built, and also closed. By default the time is Vitest's
   * timeout for hooks.
   */
  readonly hooks?: Duration.Input | undefined
}

/**
 * The error of a test that did not end before its deadline. The field `tree` is a picture of the test's actors at the
 * deadline.
 *
 * @example
 * ```ts
 * const error = new WithActors.Overdue({ millis: 4500, tree: "root@4711" })
 * error.message // "the test is not done after 4500 ms. Its actors then:\nroot@4711"
 * ```
 * @category errors
 * @since 0.1.0
 */
export class Overdue extends Data.TaggedError("Overdue")<{ readonly millis: number; readonly tree: string }> {
  override get message(): string {
    return `the test is not done after ${this.millis} ms. Its actors then:\n${this.tree}`
  }
}

/**
 * The error of a test that has ended before some of its actors; the owner of such an actor is a Scope or fiber that
 * outlives the test.
 *
 * @example
 * ```ts
 * const error = new WithActors.ActorsLeft({ actors: ["frank@4712"], tree: "root@4711" })
 * error.message // "the test has left frank@4712. Its actors now:\nroot@4711"
 * ```
 * @category errors
 * @since 0.1.0
 */
export class ActorsLeft extends Data.TaggedError("ActorsLeft")<{
  readonly actors: ReadonlyArray<string>
  readonly tree: string
}> {
  override get message(): string {
    return `the test has left ${this.actors.join(", ")}. Its actors now:\n${this.tree}`
  }
}

const called = ({ name, pid }: ActorId): string => `${name}@${pid}`

const dialogs = ({ dialogs, full, stuck }: ChannelSnapshot): string =>
  `${dialogs === 1 ? "1 open dialog" : `${dialogs} open dialogs`}${stuck > 0 ? `, ${stuck} stuck` : ""}${
    full ? ", its connection is full" : ""
  }`

/** The longest time that the text about a tree waits for the registry's list of actors. */
const asking = "1 second"

const unanswered = { entries: [] as ReadonlyArray<Registry.Entry>, answers: false }

/**
 * Returns every actor that the registry lists. If the registry does not answer in time, returns an empty list, so that
 * the rest of the tree is still shown.
 */
const everybody = Effect.raceFirst(
  Effect.orElseSucceed(Effect.map(Registry.list(), (entries) => ({ entries, answers: true })), () => unanswered),
  Effect.as(Eventually.pause(asking), unanswered)
)

/**
 * The tree of this actor as text, with one actor on a line: its children with states and open dialogs, the actors
 * below them, and its peers. Making the picture of a tree never fails, and takes at most one second.
 *
 * @example
 * ```ts
 * const text = yield* WithActors.picture
 * text.startsWith("root@") // true
 * ```
 * @category accessors
 * @since 0.1.0
 */
export const picture: Effect.Effect<string, never, ActorRuntime> = Effect.gen(function*() {
  const { actor, children, peers } = yield* Actor.statistics
  const { answers, entries } = yield* everybody
  const below = (path: ReadonlyArray<string>, depth: number): ReadonlyArray<string> =>
    entries.filter((entry) => entry.path.length === path.length + 1 && path.every((uuid, i) => entry.path[i] === uuid))
      .flatMap((entry) => [`${"  ".repeat(depth)}${called(entry.actor)}`, ...below(entry.path, depth + 1)])
  const pathOf = (uuid: string) => entries.find((entry) => entry.actor.uuid === uuid)?.path
  return [
    called(actor),
    ...children.flatMap((child) => {
      const path = pathOf(child.actor.uuid)
      const state = child.channel === undefined
        ? `${child.state}, not ready`
        : `${child.state}, ${dialogs(child.channel)}`
      return [`  ${called(child.actor)} ${state}`, ...path === undefined ? [] : below(path, 2)]
    }),
    ...peers.map((peer) => `  connected with ${called(peer.actor)}: ${dialogs(peer.channel)}`),
    ...answers ? [] : ["  the registry does not answer: actors further down are not shown"]
  ].join("\n")
})

/**
 * Ends a program with `Overdue` at a deadline. The tree of actors is printed first, because Vitest cuts off a test
 * whose finalizers hang, and knows no actors.
 *
 * @example
 * ```ts
 * yield* Actor.runInActor(isPrime({ n: 7 })).pipe(WithActors.withDeadline("5 seconds")) // true
 * ```
 * @category combinators
 * @since 0.1.0
 */
export const withDeadline =
  (within: Duration.Input) =>
  <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E | Overdue, R | ActorRuntime> => {
    const millis = Duration.toMillis(within)
    const overdue = Effect.gen(function*() {
      yield* Eventually.pause(millis)
      const error = new Overdue({ millis, tree: yield* picture })
      yield* Effect.sync(() => void process.stderr.write(`${error.message}\n`))
      return yield* error
    })
    return Effect.raceFirst(program, overdue)
  }

/** The fraction of Vitest's timeout after which the tree of actors of a test is shown. */
const part = 0.9

const inTime = <A, E, R>(
  program: Effect.Effect<A, E, R>,
  within: Options["within"],
  timeout: () => number | undefined
): Effect.Effect<A, E | Overdue, R | ActorRuntime> =>
  Effect.suspend((): Effect.Effect<A, E | Overdue, R | ActorRuntime> => {
    const own = timeout()
    const millis = within ?? (own === undefined || own === 0 || own === Infinity ? undefined : own * part)
    return millis === undefined ? program : withDeadline(millis)(program)
  })

/**
 * Runs a program with its own runtime and Scope. A program fails with `Overdue` at its deadline, and with `Leaked` if
 * the program leaves a process, a descriptor or a file behind.
 *
 * @example
 * ```ts check
 * const withActors = WithActors.provide(NodeActor.layer)
 * it.live("answers", () => withActors(Actor.runInActor(isPrime({ n: 7 }))))
 * ```
 * @category combinators
 * @since 0.1.0
 */
export const provide = <ROut, E2>(platform: Layer.Layer<ROut | ActorRuntime, E2>, options: Options = {}) =>
<A, E, R>(
  program: Effect.Effect<A, E, R>
): Effect.Effect<A, E | E2 | Overdue | Leaks.Leaked, Exclude<R, Scope.Scope | ROut | ActorRuntime>> => {
  const timeout = () => V.TestRunner.getCurrentTest()?.timeout
  const provided = Effect.provide(inTime(Effect.scoped(program), options.within, timeout), platform)
  const run = options.leaks === false ? provided : Leaks.withoutLeaks(provided, options.leaks)
  return run as Effect.Effect<A, E | E2 | Overdue | Leaks.Leaked, Exclude<R, Scope.Scope | ROut | ActorRuntime>>
}

/**
 * Runs a test and fails if the test leaves an actor that did not exist before the test. Actors that a Layer of the
 * group of tests has started are not counted.
 */
const leavesNoActor = <A, E, R>(
  program: Effect.Effect<A, E, R>
): Effect.Effect<A, E | ActorsLeft, R | ActorRuntime> => {
  const children = Effect.map(Actor.statistics, ({ children }) => children.map(({ actor }) => actor))
  return Effect.flatMap(children, (before) => {
    const known = new Set(before.map(({ uuid }) => uuid))
    const check = Effect.gen(function*() {
      const left = (yield* children).filter(({ uuid }) => !known.has(uuid))
      if (left.length > 0) return yield* new ActorsLeft({ actors: left.map(called), tree: yield* picture })
    })
    const patient = Effect.catchTag(
      Eventually.succeeds(check, { within: "2 seconds" }),
      "NotInTime",
      ({ last }) => last instanceof ActorsLeft ? Effect.fail(last) : Effect.die(last)
    )
    return Effect.onExit(program, () => patient)
  })
}

/** Runs a test of a group of tests, and closes the Scope of the test before the remaining actors are counted. */
const guarded = <A, E, R>(
  program: Effect.Effect<A, E, R>,
  { task }: V.TestContext,
  { leaks, within }: Options
) => {
  const timed = inTime(Effect.scoped(program), within, () => task.timeout)
  return leaks === false || task.concurrent === true ? timed : leavesNoActor(timed)
}

const guardedTest = <R>(
  test: Vitest.Test<R | ActorRuntime>,
  options: Options
): Vitest.Test<R | ActorRuntime> =>
(name, self, timeout) => test(name, (context) => guarded(self(context), context, options), timeout)

const guardedTester = <R>(
  tester: Vitest.Tester<R | ActorRuntime>,
  options: Options
): Vitest.Tester<R | ActorRuntime> =>
  Object.assign(guardedTest<R>(tester, options), {
    skip: guardedTest<R>(tester.skip, options),
    only: guardedTest<R>(tester.only, options),
    fails: guardedTest<R>(tester.fails, options),
    skipIf: (condition: unknown) => guardedTest<R>(tester.skipIf(condition), options),
    runIf: (condition: unknown) => guardedTest<R>(tester.runIf(condition), options),
    each: <T>(cases: ReadonlyArray<T>) =>
    <A, E>(
      name: string,
      self: Vitest.TestFunction<A, E, R | ActorRuntime, [T, V.TestContext]>,
      timeout?: number | V.TestOptions
    ) =>
      tester.each(cases)(
        name,
        (value, context) => guarded(self(value, context), context, options),
        timeout
      ),
    // A property test runs its body many times, so its deadline is the timeout of Vitest.
    prop: tester.prop
  })

const guardedMethods = <R>(
  it: Vitest.MethodsNonLive<R | ActorRuntime>,
  options: Options
): Vitest.MethodsNonLive<R | ActorRuntime> => {
  const nested: Vitest.MethodsNonLive<R | ActorRuntime>["layer"] = (layer, given) => {
    const group = it.layer(layer, given)
    return (...args: ReadonlyArray<any>) => {
      const tests = args.at(-1) as (it: Vitest.MethodsNonLive<any>) => void
      const inner = (it: Vitest.MethodsNonLive<any>) => tests(guardedMethods(it, options))
      return args.length === 1 ? group(inner) : group(args[0], inner)
    }
  }
  const own: Record<PropertyKey, unknown> = {
    effect: guardedTester<R | Scope.Scope>(it.effect, options),
    layer: nested
  }
  return new Proxy(it, {
    get: (target, property, receiver) =>
      Object.hasOwn(own, property) ? own[property] : Reflect.get(target, property, receiver)
  })
}

/** Makes a Layer that is built before the platform, and checks for leaks after the platform is closed. */
const checked = (leaks: Leaks.Options | undefined): Layer.Layer<never> =>
  Layer.effectDiscard(
    Effect.acquireRelease(Leaks.picture(leaks), (before) => Effect.orDie(Leaks.check(before, leaks)))
  )

/**
 * Makes a group of tests that share one runtime, which is built before the first test and closed after the last. A test
 * fails with `Overdue` at its deadline, and with `ActorsLeft` if an actor outlives the test. A group of tests fails
 * with `Leaked` if any resource is left when the runtime is closed.
 *
 * @example
 * ```ts check
 * WithActors.layer(MemoryActor.layer)("numbers", (it) => {
 *   it.effect("7 is a prime", () => Effect.gen(function*() {
 *     assert.isTrue(yield* Actor.runInActor(isPrime({ n: 7 })))
 *   }))
 * })
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const layer =
  <ROut, E>(platform: Layer.Layer<ROut | ActorRuntime, E>, options: GroupOptions = {}) =>
  (title: string, tests: (it: Vitest.MethodsNonLive<ROut | ActorRuntime>) => void): void => {
    const whole = options.leaks === false ? platform : Layer.provideMerge(platform, checked(options.leaks))
    const { clock, hooks } = options
    V.layer(whole, { excludeTestServices: clock === "live", ...hooks === undefined ? {} : { timeout: hooks } })(
      title,
      (it) => tests(guardedMethods<ROut>(it, options))
    )
  }
