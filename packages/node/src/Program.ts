/**
 * A program is any executable that an actor or the root runs as a process of its own: a database, a compiler, a shell
 * script. A program lives in a Scope, in a process group of its own under the guard of the tree. A supervisor can start
 * a program again when it ends.
 *
 * A program's output is read to the end, with or without readers, so that a slow reader does not stop the program. No
 * process of a program's process group outlives the program. A program does not outlive the process that started it,
 * not even when the root is ended by SIGKILL. A process that leaves the program's process group, as background services
 * do, can outlive the program, so run programs in the foreground.
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
 * The error of a program that could not be started, that ended before it was ready, or that was not ready within its
 * bound. In the error, the field `exit` is the end of a program that ended by itself, and the field `lines` holds the
 * program's last lines of output.
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
 * A snapshot of a program: its state, and the amount of output that it has written so far.
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
 * A program that runs or has ended. At the close of a program's Scope the program gets the signal in the option
 * `killSignal` of its command, by default SIGTERM. A program that does not end gets SIGKILL after the time in its
 * command's option `forceKillAfter`, by default `Timeouts.finalizers`. The signals that end a program go to its whole
 * process group.
 *
 * @category models
 * @since 0.1.0
 */
export interface Program {
  readonly name: string
  readonly pid: number
  /** Waits for the end of the program's process, and of all processes that are left in the program's process group. */
  readonly exit: Effect.Effect<ProgramExit>
  /**
   * The end of a program as an `ActorExit`, which depends on the program's exit code and signal. The exit is `Returned`
   * for the exit code 0, `Failed` for other codes, `Lost` for a signal, and `Cancelled` where the program's owner ended
   * it.
   */
  readonly wait: Effect.Effect<ActorExit>
  /**
   * The lines of a program's stdout and stderr: the last 64 lines, and then all further lines. A reader of a program's
   * output may be up to 256 lines behind the program. A reader that is over 256 lines behind a program misses the
   * oldest lines, and sees the gap in the numbers of the lines. A line of more than 16384 characters of a program's
   * output is split into several lines.
   */
  readonly output: Stream.Stream<Line>
  /**
   * Waits for the next line of the program's output that matches the pattern, and misses no line. If no line matches,
   * the wait goes on even after the program has ended, so give the wait a timeout.
   */
  readonly line: (pattern: RegExp | string) => Effect.Effect<Line>
  /** The last 20 lines of a program's stdout and stderr. */
  readonly lastLines: Effect.Effect<ReadonlyArray<string>>
  /** The stdin of a program whose command has the option `stdin: "pipe"`. By default a program's stdin is empty. */
  readonly stdin: Sink.Sink<void, Uint8Array, never, PlatformError>
  /**
   * Sends a signal, such as SIGHUP, to the program's process, but not to its process group. A program that has ended
   * gets no signal.
   */
  readonly signal: (signal: ChildProcess.Signal) => Effect.Effect<void>
  readonly statistics: Effect.Effect<ProgramSnapshot>
}

/**
 * A function that says when a program is ready, by an Effect that completes when the program is ready. `Program.line`,
 * `Program.port` and `Program.socket` return a function that waits for a program's readiness, and you may write your
 * own. An error of the Effect that waits for a program's readiness fails the start of the program.
 *
 * @category models
 * @since 0.1.0
 */
export type Ready<E = never, R = never> = (program: Program) => Effect.Effect<unknown, E, R>

/**
 * The options for the start of a program, beside the program's command.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProgramOptions<E = never, R = never> {
  /** A function that waits until the program is ready. By default a program is ready as soon as its process runs. */
  readonly ready?: Ready<E, R> | undefined
  /**
   * The time within which a program has to become ready. By default a program has to become ready within
   * `Timeouts.spawn`, which is 30 seconds.
   */
  readonly within?: Duration.Input | undefined
  /**
   * Writes the program's output to the log, with the program's name as the annotation `program`: lines of stdout as
   * Info, lines of stderr as Warning. By default the lines of a program's output are written to the log.
   */
  readonly log?: boolean | undefined
}

/**
 * Makes a program ready at the first line of its stdout or stderr that matches the pattern. The wait for a program's
 * matching line misses no line, however fast lines come.
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
 * Makes a program ready when a TCP port accepts a connection; the connection is tried every 50 ms. The default host of
 * the port that makes a program ready is `127.0.0.1`. A process that listened at the port before the program started
 * makes the program ready as well.
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
 * Makes a program ready when a Unix socket accepts a connection; the connection is tried every 50 ms.
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
  /** Lets a program begin, whose process waits until the guard of the tree knows the program. */
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
      // Node throws some errors of the kernel at a program's start instead of emitting them, for example for a command
      // line that is too long.
      Effect.catchDefect((error) => Effect.fail(failed(error instanceof Error ? error.message : String(error)))),
      Effect.onError(() => Scope.close(scope, Exit.void))
    )
    const { killSignal: stopSignal = "SIGTERM" } = command.options
    const settings = { name, log, stopMillis, stopSignal }
    const running = new Running(settings, handle, scope, yield* makeHub, guard ?? unguarded, child)
    yield* running.begin
    const { gate } = launch
    // Under a guard, the shell of a program first waits for a line break on the descriptor `gate`. If the shell was
    // killed before, the write of the line break fails; the failure is ignored, because the program's exit reports the
    // death.
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
 * Starts a program that lives until the Scope closes, and returns when the program is ready. The command of a program
 * is a value of Effect's module `effect/process/ChildProcess`. The `ChildProcessSpawner` that starts a program comes
 * from the platform (`NodeServices.layer`).
 *
 * The start of a program fails with `ProgramFailed` where the program cannot be started, exits before it is ready, or
 * is not ready in time. When the start of a program fails, even by an error of the option `ready`, no process of the
 * program is left. The start of a program refuses a command that redirects its output, or whose option `detached` is
 * false.
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
 * A program as a Service: a class that is the program's key in the context, with a `Program` as its value.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProgramClass<in out Self, Name extends string, E, R> extends Context.Service<Self, Program> {
  new(_: never): Context.ServiceClass.Shape<Name, Program>
  readonly key: Name
  /**
   * A Layer that runs the program while the Layer lives. The Layer of a program reports the program's end to the
   * supervisor, the actor or the `Actor.launch` that holds the Layer.
   */
  readonly layer: Layer.Layer<Self, ProgramFailed | E, ActorRuntime | ChildProcessSpawner | Exclude<R, Scope.Scope>>
}

/**
 * Reports the end of the program to the supervisor or the actor that holds the program's Layer, while the Layer still
 * lives.
 */
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
 * Declares a program as a Service, whose Layer (the property `layer`) starts and ends the program.
 * `Supervisor.of(Echo.layer, { name: "echo" })` makes the program of the example a child of a supervisor, which starts
 * the program again when it ends. An exit code of a program other than 0 counts as `Failed`, a signal as `Lost`, and
 * code 0 as `Returned`. The option `stopWithin` of a supervisor's child bounds the stop of a program whose command has
 * no option `forceKillAfter`. With a longer time in the option `forceKillAfter` than the supervisor's bound, two
 * processes of the program may run at once.
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
