/**
 * A program is any executable that an actor or the root runs as a process of its own: a database, a compiler, a shell
 * script. A program lives in a Scope, in a process group of its own under the guard of the tree. A supervisor can start
 * a program again.
 *
 * A program's output is read to the end, with or without readers, so that a slow reader does not stop the program. No
 * process of a program's group outlives the program. A program does not outlive the process that started it, not even
 * after `kill -9` of the root. A process that leaves the program's group, as daemons do, can outlive the program, so
 * run programs in the foreground.
 *
 * @since 0.1.0
 */
import type { ActorId } from "@furrow/actor/ActorError"
import { ActorLost, RemoteActorError } from "@furrow/actor/ActorError"
import { Escalation, guardOf, logError, withoutStack } from "@furrow/actor/ActorProcess"
import { ActorRuntime } from "@furrow/actor/ActorRuntime"
import type { ActorExit } from "@furrow/actor/Portal"
import { Timeouts } from "@furrow/actor/Timeouts"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type { PlatformError } from "effect/PlatformError"
import type * as ChildProcess from "effect/process/ChildProcess"
import { type ChildProcessHandle, ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { prepare, problemOf } from "./internal/program/Launch.ts"
import type { ProgramExit } from "./internal/program/Life.ts"
import * as Probe from "./internal/program/Probe.ts"
import { type Line, makeHub, Running, unguarded } from "./internal/program/Running.ts"
import { seen } from "./internal/program/Seen.ts"

export type { ProgramExit } from "./internal/program/Life.ts"
export type { Line } from "./internal/program/Running.ts"

const exitText = (exit: ProgramExit): string =>
  exit._tag === "Exited" ? `it exited with code ${exit.code}` : `it was killed by ${exit.signal}`

/**
 * The error of a program that could not be started, that ended before it was ready, or that took longer than its bound.
 * In `ProgramFailed`, `exit` is the end of a program that ended by itself, and `lines` holds its last lines of both
 * streams.
 *
 * @example
 * ```ts
 * const error = new Program.ProgramFailed({
 *   program: "db",
 *   step: "ready",
 *   reason: "it exited with code 1",
 *   exit: { _tag: "Exited", code: 1, lines: ["the port is taken"] },
 *   lines: ["the port is taken"]
 * })
 * error.message // 'the program "db" failed at the step ready: it exited with code 1\nits last lines:\n  | the port is taken'
 * ```
 * @category errors
 * @since 0.1.0
 */
export class ProgramFailed extends Data.TaggedError("ProgramFailed")<{
  readonly program: string
  readonly step: "start" | "ready"
  readonly reason: string
  readonly exit: ProgramExit | undefined
  readonly lines: ReadonlyArray<string>
}> {
  override get message(): string {
    const { lines, program, reason, step } = this
    const said = lines.length === 0 ? "" : `\nits last lines:\n${lines.map((line) => `  | ${line}`).join("\n")}`
    return `the program "${program}" failed at the step ${step}: ${reason}${said}`
  }
}

/**
 * A snapshot of a program: its state, and how much output it has written so far.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProgramSnapshot {
  readonly state: "Running" | "Stopping" | "Ended"
  readonly pid: number
  readonly lines: number
  readonly bytes: number
}

/**
 * A program that runs, or has ended. Closing a program's Scope sends the `killSignal` of its command (SIGTERM), and
 * SIGKILL after `forceKillAfter` (`Timeouts.finalizers`). Both signals that end a program go to its whole process
 * group.
 *
 * @category models
 * @since 0.1.0
 */
export interface Program {
  readonly name: string
  readonly pid: number
  /** Waits for the end of the program's process, and of all processes that are left in the program's group. */
  readonly exit: Effect.Effect<ProgramExit>
  /**
   * The end of a program as an `ActorExit`: code 0 is `Returned`, another code is `Failed`, a signal is `Lost`, and a
   * stop by its owner is `Cancelled`.
   */
  readonly wait: Effect.Effect<ActorExit>
  /**
   * The lines of both streams of a program: the last 64, and then all further lines. A reader may be up to 256 lines
   * behind the program. A reader that is further behind misses the program's oldest lines, and sees the gap in their
   * numbers. A line of more than 16384 characters of a program's output is split into several.
   */
  readonly output: Stream.Stream<Line>
  /**
   * Waits for the first line of the program that matches, among all lines from now on; no line is missed. Without a
   * matching line the wait for the line never ends.
   */
  readonly line: (pattern: RegExp | string) => Effect.Effect<Line>
  /** The last 20 lines of both streams of a program. */
  readonly lastLines: Effect.Effect<ReadonlyArray<string>>
  /**
   * The stdin of a program whose command has the option `stdin: "pipe"`. By default a program has an empty stdin.
   */
  readonly stdin: Sink.Sink<void, Uint8Array, never, PlatformError>
  /**
   * Sends a signal, such as SIGHUP, to the program's process and not to its group. A program that has ended gets no
   * signal.
   */
  readonly signal: (signal: ChildProcess.Signal) => Effect.Effect<void>
  readonly statistics: Effect.Effect<ProgramSnapshot>
}

/**
 * A function that says when a program is ready, by an Effect that completes at that moment. `Program.line`,
 * `Program.port` and `Program.socket` return a function that waits for readiness, and a program may use its own. An
 * error of the Effect that waits for readiness fails the start.
 *
 * @category models
 * @since 0.1.0
 */
export type Ready<E = never, R = never> = (program: Program) => Effect.Effect<unknown, E, R>

/**
 * The options of a program in addition to its command.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProgramOptions<E = never, R = never> {
  /** Says when the program is ready. By default a program is ready as soon as it runs. */
  readonly ready?: Ready<E, R> | undefined
  /**
   * The time that a program has to become ready. By default a program has `Timeouts.spawn`, which is 30 seconds, to
   * become ready.
   */
  readonly within?: Duration.Input | undefined
  /**
   * Writes the program's lines to the log, with the program's name as the annotation `program`: stdout as Info, stderr
   * as Warning. By default the lines are written to the log.
   */
  readonly log?: boolean | undefined
}

/**
 * Makes a program ready at the first line of either stream that matches. The wait for a matching line misses no line,
 * however fast lines come.
 *
 * @example
 * ```ts
 * const echo = ChildProcess.make("sh", ["-c", "echo listening on 4711; exec sleep 60"])
 * const start = Program.make("echo", echo, { ready: Program.line(/listening on \d+/) })
 * const program = yield* Effect.provide(start, NodeServices.layer)
 * yield* program.lastLines // ["listening on 4711"]
 * ```
 * @category ready
 * @since 0.1.0
 */
export const line = (pattern: RegExp | string): Ready => (program) => program.line(pattern)

/**
 * Makes a program ready when a TCP port accepts a connection, which is tried every 50 ms. The default host is
 * `127.0.0.1`. A listener that was at the port before the program makes the program ready as well.
 *
 * @example
 * ```ts
 * const server = ChildProcess.make("nc", ["-lk", "127.0.0.1", "4711"])
 * const start = Program.make("server", server, { ready: Program.port(4711), within: "5 seconds" })
 * Effect.isEffect(start) // true
 * ```
 * @category ready
 * @since 0.1.0
 */
export const port = (port: number, host = "127.0.0.1"): Ready => () => Probe.accepts({ port, host })

/**
 * Makes a program ready when a Unix socket accepts a connection, which is tried every 50 ms.
 *
 * @example
 * ```ts
 * const server = ChildProcess.make("nc", ["-lkU", "/run/server.sock"])
 * const start = Program.make("server", server, { ready: Program.socket("/run/server.sock") })
 * Effect.isEffect(start) // true
 * ```
 * @category ready
 * @since 0.1.0
 */
export const socket = (path: string): Ready => () => Probe.accepts({ path })

const actorExitOf = (name: string, self: ActorId, running: Running, exit: ProgramExit): ActorExit => {
  const state = running.now
  if (state._tag === "Ended" && state.asked) {
    return { _tag: "Cancelled", by: self, reason: "its scope closed", cleanup: [] }
  }
  const actor = { name, uuid: self.uuid, pid: running.handle.pid as number }
  return withoutStack((): ActorExit => {
    if (exit._tag === "Signalled") {
      const how = { _tag: "Signalled", signal: exit.signal } as const
      const error = new ActorLost({ actor, how, began: "maybe", stderr: running.lastLines("stderr"), failure: null })
      return { _tag: "Lost", error, cleanup: [] }
    }
    if (exit.code === 0) return { _tag: "Returned", cleanup: [] }
    const said = exit.lines.map((text) => `\n  | ${text}`).join("")
    const message = `${exitText(exit)}${said === "" ? "" : `; its last lines:${said}`}`
    const boxed = { type: "ProgramExited", message, stack: "", cause: null, origin: actor, path: [] }
    return { _tag: "Failed", error: new RemoteActorError({ actor, boxed, others: [] }), cleanup: [] }
  })
}

const programOf = (name: string, self: ActorId, running: Running): Program => ({
  name,
  pid: running.handle.pid,
  exit: running.exit,
  wait: Effect.map(running.exit, (exit) => actorExitOf(name, self, running, exit)),
  output: running.output,
  line: (pattern) =>
    running.find(({ text }) => typeof pattern === "string" ? text.includes(pattern) : text.search(pattern) >= 0),
  lastLines: Effect.sync(() => running.lastLines()),
  stdin: running.handle.stdin,
  signal: (signal) => running.signal(signal),
  statistics: Effect.sync(() => running.statistics)
})

interface Started {
  readonly running: Running
  /** Lets a program begin whose process waits until the guard knows it. */
  readonly open: Effect.Effect<void>
}

const started = (
  name: string,
  command: ChildProcess.StandardCommand,
  log: boolean
): Effect.Effect<Started, ProgramFailed, ActorRuntime | ChildProcessSpawner> =>
  Effect.gen(function*() {
    const guard = guardOf(yield* ActorRuntime)
    const { finalizers } = yield* Timeouts
    const failed = (reason: string) =>
      new ProgramFailed({ program: name, step: "start", reason, exit: undefined, lines: [] })
    const problem = problemOf(command)
    if (problem !== undefined) return yield* failed(problem)
    const stopMillis = Duration.toMillis(command.options.forceKillAfter ?? finalizers)
    const launch = yield* Effect.try({
      try: () => prepare(command, guard, stopMillis),
      catch: (error) => failed((error as Error).message)
    })
    const scope = Scope.makeUnsafe()
    const spawned: Effect.Effect<ChildProcessHandle, PlatformError, ChildProcessSpawner> = Effect.flatMap(
      ChildProcessSpawner,
      (spawner) => Effect.provideService(spawner.spawn(launch.command), Scope.Scope, scope)
    )
    const [handle, child] = yield* seen(spawned).pipe(
      Effect.mapError(({ message }) => failed(message)),
      // Node throws some errors of the kernel instead of emitting them, as for a command line that is too long.
      Effect.catchDefect((error) => Effect.fail(failed(error instanceof Error ? error.message : String(error)))),
      Effect.onError(() => Scope.close(scope, Exit.void))
    )
    const { killSignal: stopSignal = "SIGTERM" } = command.options
    const settings = { name, log, stopMillis, stopSignal }
    const running = new Running(settings, handle, scope, yield* makeHub, guard ?? unguarded, child)
    yield* running.begin
    const { gate } = launch
    // A program may be killed before its process could begin. The exit of the program reports a kill before its begin,
    // so that a failure to let the process begin is ignored.
    const open = gate === undefined
      ? Effect.void
      : Effect.ignore(Stream.run(Stream.make(new TextEncoder().encode("\n")), handle.getInputFd(gate)))
    return { open, running }
  })

const awaitReady = <E, R>(
  program: Program,
  { ready, within }: ProgramOptions<E, R>,
  open: Effect.Effect<void>
): Effect.Effect<void, ProgramFailed | E, R> =>
  Effect.gen(function*() {
    if (ready === undefined) return yield* open
    const { spawn } = yield* Timeouts
    const failed = (reason: string, exit?: ProgramExit) =>
      Effect.flatMap(program.lastLines, (lines) =>
        Effect.fail(new ProgramFailed({ program: program.name, step: "ready", reason, exit, lines })))
    const bound = within ?? spawn
    const ended = Effect.flatMap(program.exit, (exit) =>
      failed(exitText(exit), exit))
    const isReady = Effect.timeoutOrElse(Effect.raceFirst(ready(program), ended), {
      duration: bound,
      orElse: () =>
        failed(`it was not ready within ${Duration.toMillis(bound)} ms; raise \`within\` if it needs longer`)
    })
    // The wait for readiness starts before the program begins, so that the program's first line is not missed.
    yield* Effect.all([isReady, open], { concurrency: 2, discard: true })
  })

/**
 * Starts a program that lives as long as the Scope, and returns when the program is ready. The command of a program is
 * Effect's own, from `effect/process/ChildProcess`. The `ChildProcessSpawner` that starts a program is that of the
 * platform (`NodeServices.layer`).
 *
 * The start fails with `ProgramFailed` where the program cannot be started, exits before it is ready, or is not ready
 * in time. When the start of a program fails, also with an error of `ready`, no process of the program is left. A
 * command of a program that redirects its output, or that is not detached, is refused.
 *
 * @example
 * ```ts
 * const echo = ChildProcess.make("sh", ["-c", "echo up; exec sleep 60"])
 * const start = Program.make("echo", echo, { ready: Program.line("up") })
 * const program = yield* Effect.provide(start, NodeServices.layer)
 * yield* program.signal("SIGKILL")
 * const exit = yield* program.exit
 * exit._tag // "Signalled"
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const make = <E = never, R = never>(
  name: string,
  command: ChildProcess.StandardCommand,
  options: ProgramOptions<E, R> = {}
): Effect.Effect<Program, ProgramFailed | E, ActorRuntime | ChildProcessSpawner | Scope.Scope | R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const { info } = yield* ActorRuntime
      const { open, running } = yield* started(name, command, options.log ?? true)
      const program = programOf(name, info.id, running)
      yield* Effect.addFinalizer(() => running.stop)
      yield* Effect.onError(restore(awaitReady(program, options, open)), () => running.stop)
      return program
    })
  )

/**
 * A program as a Service: its key in the context, whose value is the `Program`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProgramClass<in out Self, Name extends string, E, R> extends Context.Service<Self, Program> {
  new(_: never): Context.ServiceClass.Shape<Name, Program>
  readonly key: Name
  /**
   * Runs the program as long as the Layer lives. Reports the program's end to the supervisor, the actor or the
   * `Actor.launch` that holds the Layer.
   */
  readonly layer: Layer.Layer<Self, ProgramFailed | E, ActorRuntime | ChildProcessSpawner | Exclude<R, Scope.Scope>>
}

/** Reports the end of the program to the supervisor or the actor above, while the program's Layer still lives. */
const watch = (program: Program) =>
  Effect.gen(function*() {
    const escalate = yield* Escalation
    const end = yield* program.wait
    const exit = end._tag === "Failed" || end._tag === "Lost" ? Exit.fail(end.error) : Exit.void
    if (escalate !== undefined) return escalate(exit)
    if (Exit.isFailure(exit)) {
      yield* logError(`the Layer of the program "${program.name}" has lost it`, exit.cause)
    }
  })

/**
 * Declares a program as a Service, whose `layer` starts it and ends it. `Supervisor.of(Redis.layer, { name: "redis" })`
 * makes the program a child of a supervisor, which starts it again when it ends. An exit code of a program other than 0
 * counts as `Failed`, a signal as `Lost`, and code 0 as `Returned`. The option `stopWithin` of a supervised program
 * bounds the program's stop, where its command has no `forceKillAfter`. A `forceKillAfter` that is longer than the
 * supervisor's bound may let two processes of the program run at once.
 *
 * @example
 * ```ts
 * class Echo extends Program.Service<Echo>()("echo", {
 *   command: ChildProcess.make("sh", ["-c", "echo up; exec sleep 60"]),
 *   ready: Program.line("up")
 * }) {}
 * const lines = Effect.flatMap(Echo, (echo) => echo.lastLines)
 * yield* Effect.provide(lines, Layer.provide(Echo.layer, NodeServices.layer)) // ["up"]
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const Service = <Self>() =>
<const Name extends string, E = never, R = never>(
  name: Name,
  options: ProgramOptions<E, R> & { readonly command: ChildProcess.StandardCommand }
): ProgramClass<Self, Name, E, R> => {
  const service: any = Context.Service<Self, Program>()(name)
  const { command, ...rest } = options
  const layer = Layer.effect(
    service,
    Effect.tap(make(name, command, rest), (program) => Effect.forkScoped(watch(program)))
  )
  Object.defineProperty(service, "layer", { value: layer, enumerable: true, configurable: true })
  return service
}
