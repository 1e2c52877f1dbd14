/**
 * A program that runs: its output is read to the end whoever listens, and its end is known however it came.
 */
import { type GroupGuard, withoutStack } from "@furrow/actor/ActorProcess"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as ChildProcess from "effect/process/ChildProcess"
import type { ChildProcessHandle } from "effect/process/ChildProcessSpawner"
import * as PubSub from "effect/PubSub"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { killLeftIn, send } from "../signals.ts"
import * as Life from "./Life.ts"
import { Lines } from "./Lines.ts"

/**
 * One line of a program's output.
 *
 * @category models
 * @since 0.1.0
 */
export interface Line {
  readonly stream: "stdout" | "stderr"
  readonly text: string
  /** Counts all lines of the program from 1: a gap in the numbers is what a slow reader has missed. */
  readonly number: number
}

/** Lines that a reader of the output may be behind. */
const heldLines = 256
/** Lines that are told to a reader who comes later. */
const replayedLines = 64
/** Lines in errors and exits. */
const keptLines = 20
/** A kept line is cut after so many characters. */
const keptLineChars = 1024
/** After the exit, for the rest of the output: a process that has left the group may hold the pipes. */
const outputGraceMillis = 100
/** What SIGKILL may take, which the kernel puts off only for a call that it cannot break off. */
export const killBoundMillis = 10_000

export interface Options {
  readonly name: string
  readonly log: boolean
  readonly stopSignal: ChildProcess.Signal
  readonly stopMillis: number
}

/** The guard of the tree, or what takes its place where there is none. */
export type Around = Pick<GroupGuard, "enter" | "signal">

export const unguarded: Around = { enter: (group) => () => void killLeftIn(group), signal: () => {} }

export class Running {
  readonly options: Options
  readonly handle: ChildProcessHandle
  private state: Life.State = { _tag: "Running" }
  private readonly ended = Deferred.makeUnsafe<Life.ProgramExit>()
  private readonly hub: PubSub.PubSub<Line | undefined>
  private readonly kept: Array<Pick<Line, "stream" | "text">> = []
  private readonly watchers = new Set<(line: Line) => void>()
  private readonly counts = { lines: 0, bytes: 0 }
  private readonly scope: Scope.Closeable
  private readonly around: Around

  constructor(
    options: Options,
    handle: ChildProcessHandle,
    scope: Scope.Closeable,
    hub: PubSub.PubSub<Line | undefined>,
    around: Around
  ) {
    this.around = around
    this.options = options
    this.handle = handle
    this.scope = scope
    this.hub = hub
  }

  /** The exit, once the process and what it left in its group are gone. */
  readonly exit: Effect.Effect<Life.ProgramExit> = Effect.suspend(() => Deferred.await(this.ended))

  get now(): Life.State {
    return this.state
  }

  /** The last lines of one stream, or of both. */
  lastLines(of?: Line["stream"]): ReadonlyArray<string> {
    return this.kept.filter(({ stream }) => of === undefined || stream === of).map(({ text }) => text)
  }

  get statistics() {
    return { state: this.state._tag, pid: this.handle.pid as number, ...this.counts }
  }

  readonly output: Stream.Stream<Line> = Stream.suspend(() =>
    Stream.takeWhile(Stream.fromPubSub(this.hub), (line): line is Line => line !== undefined)
  )

  /** The first line for which this holds. It sees every line, however fast they come; it does not end by itself. */
  find(holds: (line: Line) => boolean): Effect.Effect<Line> {
    return Effect.callback((resume) => {
      const watch = (line: Line) => {
        if (!holds(line)) return
        this.watchers.delete(watch)
        resume(Effect.succeed(line))
      }
      this.watchers.add(watch)
      return Effect.sync(() => void this.watchers.delete(watch))
    })
  }

  /** To the program alone, not to its group. A program that has ended is sent nothing. */
  signal(signal: ChildProcess.Signal): Effect.Effect<void> {
    return Effect.sync(() => {
      if (this.state._tag !== "Ended") send(this.handle.pid, signal)
    })
  }

  /** Ends it and waits until it is gone, no longer than its bounds. */
  readonly stop: Effect.Effect<void> = Effect.suspend(() => {
    const { name, stopMillis, stopSignal } = this.options
    this.state = Life.step(this.state, { _tag: "Stop" })
    return this.end(stopSignal, stopMillis).pipe(
      Effect.andThen(this.end("SIGKILL", killBoundMillis)),
      Effect.andThen(Effect.suspend(() =>
        this.state._tag === "Ended" ? Effect.void : Effect.logError(
          `the program "${name}" (process ${this.handle.pid}) is still there ${
            killBoundMillis / 1000
          } s after SIGKILL: ` +
            `end it by hand, by kill -9 -${this.handle.pid}`
        )
      )),
      Effect.andThen(this.release)
    )
  })

  /** Sends a signal to its group, and waits for its end. */
  private end(signal: ChildProcess.Signal, boundMillis: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.state._tag === "Ended") return Effect.void
      const { pid } = this.handle
      // It runs as another user, as programs that are setuid do.
      if (send(-pid, signal) === "forbidden") this.around.signal(pid, signal === "SIGKILL" ? signal : "SIGTERM")
      return Effect.raceFirst(
        Effect.interruptible(Effect.asVoid(this.exit)),
        Effect.interruptible(Effect.sleep(boundMillis))
      )
    })
  }

  /** Lets go of Effect's part, which waits for processes of its group that are dead and not reaped: nobody waits for it. */
  private readonly release: Effect.Effect<void> = Effect.suspend(() =>
    Effect.asVoid(
      Effect.forkDetach(Effect.andThen(Effect.ignore(this.handle.unref), Scope.close(this.scope, Exit.void)))
    )
  )

  /** Reads both streams to their ends, and notices the exit. */
  readonly begin: Effect.Effect<void> = Effect.gen({ self: this }, function*() {
    const leave = this.around.enter(this.handle.pid)
    const reading = yield* Effect.forkDetach(
      Effect.interruptible(Effect.all([this.read("stdout"), this.read("stderr")], { concurrency: 2, discard: true })),
      { startImmediately: true }
    )
    yield* Effect.forkDetach(this.settle(reading, leave), { startImmediately: true })
  })

  private settle(reading: Fiber.Fiber<void>, leave: () => void): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const exit = yield* Effect.exit(this.handle.exitCode)
      leave()
      yield* Effect.timeoutOption(Fiber.await(reading), outputGraceMillis)
      yield* Fiber.interrupt(reading)
      // What was being started while its group was killed may have come into it only then.
      killLeftIn(this.handle.pid)
      const lines = this.lastLines()
      const ended: Life.ProgramExit = Exit.isSuccess(exit)
        ? { _tag: "Exited", code: exit.value, lines }
        : { _tag: "Signalled", signal: signalOf(exit.cause), lines }
      this.state = Life.step(this.state, { _tag: "Exited", exit: ended })
      yield* PubSub.end(this.hub, undefined)
      Deferred.doneUnsafe(this.ended, Exit.succeed(ended))
    })
  }

  private read(stream: Line["stream"]): Effect.Effect<void> {
    const lines = new Lines()
    const told = (texts: ReadonlyArray<string>) =>
      Effect.forEach(texts, (text) => this.tell(stream, text), { discard: true })
    return this.handle[stream].pipe(
      Stream.runForEach((bytes) => {
        this.counts.bytes += bytes.length
        return told(lines.write(bytes))
      }),
      Effect.ignore,
      Effect.andThen(Effect.suspend(() => told(lines.end())))
    )
  }

  private tell(stream: Line["stream"], text: string): Effect.Effect<unknown> {
    const line: Line = { stream, text, number: ++this.counts.lines }
    this.kept.push({ stream, text: text.length <= keptLineChars ? text : `${text.slice(0, keptLineChars)}…` })
    if (this.kept.length > keptLines) this.kept.shift()
    for (const watch of Array.from(this.watchers)) watch(line)
    const published = PubSub.publish(this.hub, line)
    if (!this.options.log) return published
    const said = stream === "stdout" ? Effect.logInfo(text) : Effect.logWarning(text)
    return Effect.andThen(published, Effect.annotateLogs(said, { program: this.options.name }))
  }
}

export const makeHub = PubSub.sliding<Line | undefined>({ capacity: heldLines, replay: replayedLines })

/** Effect's handle tells a signal by the text of its error alone. */
const signalOf = (cause: unknown): string => {
  const text = withoutStack(() => describe(cause))
  return /signal: '(SIG\w+)'/.exec(text)?.[1] ?? "unknown"
}

const describe = (cause: unknown): string => {
  const [reason] =
    (cause as { readonly reasons: ReadonlyArray<{ readonly error?: { readonly cause?: unknown } }> }).reasons
  return String(reason?.error?.cause)
}
