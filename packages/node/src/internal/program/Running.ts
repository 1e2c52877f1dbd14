/**
 * A program that runs: its output is read to the end with or without readers, and its end is always known.
 */
import { type GroupGuard, logError, logInfo, logWarning, withoutStack } from "@furrow/actor/ActorProcess"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as ChildProcess from "effect/process/ChildProcess"
import type { ChildProcessHandle } from "effect/process/ChildProcessSpawner"
import * as PubSub from "effect/PubSub"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as NodeChildProcess from "node:child_process"
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
/** Characters after which a kept line is cut. */
const keptLineChars = 1024
/** Milliseconds after the exit for more output to come: a process that has left the group may hold the pipes. */
const outputGraceMillis = 100
/** Turns of the event loop that bytes need from the kernel to a line. */
const readingTurns = 8
/** Bytes of its output that the kernel and the streams may still hold at its exit: more is another's. */
const maxRestBytes = 2 * 1024 * 1024
/** Milliseconds after the exit for the rest of the output in any case. */
const maxRestMillis = 10_000
/** Between two looks whether a process is gone whose exit is not told. */
const goneLookMillis = 10
/** The time that SIGKILL may take, which the kernel puts off only for a call that it cannot break off. */
export const killBoundMillis = 10_000

export interface Options {
  readonly name: string
  readonly log: boolean
  readonly stopSignal: ChildProcess.Signal
  readonly stopMillis: number
}

/** The guard of the tree, or what takes its place where there is none. */
export type Around = Pick<GroupGuard, "enter" | "signal">

/** Lets the event loop read: bytes that came while this process was busy are there only then. */
const turns: Effect.Effect<void> = Effect.promise(async () => {
  for (let turn = 0; turn < readingTurns; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
})

export const unguarded: Around = { enter: (group) => () => void killLeftIn(group), signal: () => {} }

export class Running {
  readonly options: Options
  readonly handle: ChildProcessHandle
  private state = Life.initial
  private readonly ended = Deferred.makeUnsafe<Life.ProgramExit>()
  private readonly hub: PubSub.PubSub<Line | undefined>
  private readonly kept: Array<Pick<Line, "stream" | "text">> = []
  private readonly watchers = new Set<(line: Line) => void>()
  private readonly counts = { lines: 0, bytes: 0 }
  private readonly scope: Scope.Closeable
  private readonly around: Around
  private readonly child: NodeChildProcess.ChildProcess | undefined

  constructor(
    options: Options,
    handle: ChildProcessHandle,
    scope: Scope.Closeable,
    hub: PubSub.PubSub<Line | undefined>,
    around: Around,
    child: NodeChildProcess.ChildProcess | undefined
  ) {
    this.around = around
    this.child = child
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
    const { _tag } = this.state
    return { state: _tag === "Gone" ? "Ended" as const : _tag, pid: this.handle.pid as number, ...this.counts }
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

  /** Sends a signal to the program alone, not to its group, and none where its process is gone. */
  signal(signal: ChildProcess.Signal): Effect.Effect<void> {
    return Effect.sync(() => {
      if (Life.hasProcess(this.state)) send(this.handle.pid, signal)
    })
  }

  /** Ends the program and waits until it is gone, no longer than its bounds. */
  readonly stop: Effect.Effect<void> = Effect.suspend(() => {
    const { name, stopMillis, stopSignal } = this.options
    this.state = Life.step(this.state, { _tag: "Stop" })
    return this.end(stopSignal, stopMillis).pipe(
      Effect.andThen(this.end("SIGKILL", killBoundMillis)),
      Effect.andThen(Effect.suspend(() =>
        this.state._tag === "Ended" ? Effect.void : Effect.andThen(
          logError(
            `the program "${name}" (process ${this.handle.pid}) is still there ${
              killBoundMillis / 1000
            } s after SIGKILL: ` +
              `end it by hand, by kill -9 -${this.handle.pid}`
          ),
          this.release
        )
      ))
    )
  })

  /** Sends a signal to its group, and waits for its end. */
  private end(signal: ChildProcess.Signal, boundMillis: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.state._tag === "Ended") return Effect.void
      const { pid } = this.handle
      // The program runs as another user, as programs that are setuid do.
      if (Life.hasProcess(this.state) && send(-pid, signal) === "forbidden") {
        this.around.signal(pid, signal === "SIGKILL" ? signal : "SIGTERM")
      }
      return Effect.raceFirst(
        Effect.interruptible(Effect.asVoid(this.exit)),
        Effect.interruptible(Effect.sleep(boundMillis))
      )
    })
  }

  /**
   * Lets go of Effect's part, which waits for processes of its group that are dead and not reaped: nothing waits for it. It
   * signals the group, so that it is let go at the end of the program and not later, where the number may be another's.
   */
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
      const signal = Exit.isFailure(exit) ? yield* this.signalBehind(exit.cause) : undefined
      this.state = Life.step(this.state, { _tag: "Gone" })
      leave()
      yield* Effect.timeoutOption(this.rest(reading), maxRestMillis)
      yield* Fiber.interrupt(reading)
      // A process that has left the group holds the other ends: ours would never be closed.
      for (const stream of this.child?.stdio ?? []) stream?.destroy()
      // A process that was starting while its group was killed may have come into it only then.
      killLeftIn(this.handle.pid)
      const lines = this.lastLines()
      const ended: Life.ProgramExit = Exit.isSuccess(exit)
        ? { _tag: "Exited", code: exit.value, lines }
        : { _tag: "Signalled", signal: signal!, lines }
      this.state = Life.step(this.state, { _tag: "Read", exit: ended })
      yield* PubSub.end(this.hub, undefined)
      Deferred.doneUnsafe(this.ended, Exit.succeed(ended))
      yield* this.release
    })
  }

  /** Reads on while something comes: what it had written before its exit is here, or in the kernel. */
  private rest(reading: Fiber.Fiber<void>): Effect.Effect<void> {
    const until = this.counts.bytes + maxRestBytes
    const look: Effect.Effect<void> = Effect.suspend(() => {
      const { bytes, lines } = this.counts
      return Effect.flatMap(
        Effect.timeoutOption(Fiber.await(reading), outputGraceMillis),
        (ended) =>
          Option.isSome(ended)
            ? Effect.void
            : Effect.andThen(
              turns,
              Effect.suspend(() => {
                const isQuiet = this.counts.bytes === bytes && this.counts.lines === lines
                return isQuiet || this.counts.bytes > until ? Effect.void : look
              })
            )
      )
    })
    return look
  }

  /**
   * The signal that ended it. Effect tells a failure of the input that it was given by the same error, while its process
   * is there: a program with half of its input is ended.
   */
  private signalBehind(cause: Cause.Cause<unknown>): Effect.Effect<string> {
    return Effect.gen({ self: this }, function*() {
      if (yield* this.isGone) return signalOf(cause)
      const { name, stopMillis, stopSignal } = this.options
      const { pid } = this.handle
      const said = `the input of the program "${name}" (process ${pid}) failed: it is ended`
      this.keep("stderr", `${said}: ${withoutStack(() => Cause.pretty(cause)).split("\n", 1)[0]}`)
      yield* logError(said, cause)
      for (const [signal, bound] of [[stopSignal, stopMillis], ["SIGKILL", killBoundMillis]] as const) {
        if (send(-pid, signal) === "forbidden") {
          this.around.signal(pid, signal === "SIGKILL" ? signal : "SIGTERM")
        }
        const gone = Effect.repeat(this.isGone, {
          until: (isGone) => isGone,
          schedule: Schedule.spaced(goneLookMillis)
        })
        yield* Effect.timeoutOption(gone, bound)
        if (yield* this.isGone) return signal
      }
      return "unknown"
    })
  }

  private readonly isGone: Effect.Effect<boolean> = Effect.suspend(() =>
    Effect.orElseSucceed(Effect.map(this.handle.isRunning, (isRunning) => !isRunning), () => true)
  )

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

  private keep(stream: Line["stream"], text: string): void {
    this.kept.push({ stream, text: text.length <= keptLineChars ? text : `${text.slice(0, keptLineChars)}…` })
    if (this.kept.length > keptLines) this.kept.shift()
  }

  private tell(stream: Line["stream"], text: string): Effect.Effect<unknown> {
    const line: Line = { stream, text, number: ++this.counts.lines }
    this.keep(stream, text)
    for (const watch of Array.from(this.watchers)) watch(line)
    const published = PubSub.publish(this.hub, line)
    if (!this.options.log) return published
    const said = stream === "stdout" ? logInfo(text) : logWarning(text)
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
