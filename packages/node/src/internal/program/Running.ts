/** A running program, whose output is read to the end with or without readers, and whose exit is always noticed. */
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
  /**
   * The number of a line among all lines of the program, counted from 1. A gap in the numbers of a program's output
   * lines shows which lines a slow reader has missed.
   */
  readonly number: number
}

/** The number of lines by which a reader of a program's output may be behind. */
const heldLines = 256
/** The number of past lines of output that a late reader of a program still gets. */
const replayedLines = 64
/** The number of last output lines that a program's errors and exit contain. */
const keptLines = 20
/** The number of characters after which a kept line of a program's output is cut. */
const keptLineChars = 1024
/**
 * Milliseconds to wait for more output after the exit of a program. A process that has left the program's group may
 * hold the output pipes open for longer than this process waits for output.
 */
const outputGraceMillis = 100
/**
 * The number of turns of the event loop that a program's bytes need on their way from the kernel to a line of output.
 */
const readingTurns = 8
/**
 * The bytes of a program's output that may be unread when the program exits. Output beyond the bytes that may be unread
 * at a program's exit comes from another process, which holds the exited program's pipe.
 */
const maxRestBytes = 2 * 1024 * 1024
/** The most milliseconds after the exit of a program for which the rest of its output is read. */
const maxRestMillis = 10_000
/** Milliseconds between two checks whether a program's process has ended, where Effect does not report the exit. */
const goneLookMillis = 10
/**
 * Milliseconds to wait for the end of a program's process after a SIGKILL. The kernel delays a SIGKILL only during a
 * system call that cannot be interrupted.
 */
export const killBoundMillis = 10_000

export interface Options {
  readonly name: string
  readonly log: boolean
  readonly stopSignal: ChildProcess.Signal
  readonly stopMillis: number
}

/** The guard of the tree, or the value `unguarded` for a program that runs without a tree. */
export type Around = Pick<GroupGuard, "enter" | "signal">

/** Gives the event loop several turns, so that a program's bytes that came while this process was busy are read. */
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

  /**
   * Returns the exit of the program when the program has ended. The Effect that returns a program's exit completes when
   * the process and the rest of its process group have ended.
   */
  readonly exit: Effect.Effect<Life.ProgramExit> = Effect.suspend(() => Deferred.await(this.ended))

  get now(): Life.State {
    return this.state
  }

  /** Returns the last lines of one output stream of a program, or of both output streams. */
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

  /**
   * Waits for the first output line of the program that satisfies a predicate. The predicate of the function `find`
   * sees every further line of the program, however fast lines come. Without a matching line, the function `find` waits
   * until it is interrupted.
   */
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

  /**
   * Sends a signal to the process of the program alone, not to its process group. A program whose process has ended
   * gets no signal.
   */
  signal(signal: ChildProcess.Signal): Effect.Effect<void> {
    return Effect.sync(() => {
      if (Life.hasProcess(this.state)) send(this.handle.pid, signal)
    })
  }

  /**
   * Stops the program: sends its stop signal, waits at most the milliseconds of the option `stopMillis`, then sends
   * SIGKILL and waits for the bound of a SIGKILL.
   */
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

  /** Sends a signal to the program's process group, and waits for the program's end. */
  private end(signal: ChildProcess.Signal, boundMillis: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.state._tag === "Ended") return Effect.void
      const { pid } = this.handle
      // The kernel forbids a signal to a program that runs as another user, as a setuid program does.
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
   * Closes the Scope of Effect's process handle in the background, because the Scope's finalizer also waits for dead
   * processes that are not reaped. The finalizer of Effect's process handle signals the process group of the program.
   * The finalizer of Effect's process handle must run at the end of the program, because another process group may have
   * the same number later.
   */
  private readonly release: Effect.Effect<void> = Effect.suspend(() =>
    Effect.asVoid(
      Effect.forkDetach(Effect.andThen(Effect.ignore(this.handle.unref), Scope.close(this.scope, Exit.void)))
    )
  )

  /** Starts to read both output streams of the program to their ends, and to wait for the program's exit. */
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
      // A process that has left the program's process group may hold the other ends of the output pipes, so this
      // process destroys its own ends.
      for (const stream of this.child?.stdio ?? []) stream?.destroy()
      // Kills the program's process group once more, because a process that was being started may have joined the group
      // after the first kill.
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

  /**
   * Goes on reading the output of an exited program until no new bytes arrive for a while. Output of the program from
   * before its exit may still be in the kernel.
   */
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
   * Returns the signal that ended the program. Effect reports a failure to write the program's input by the same error
   * as a signal, while the program still runs. A program that has got only a part of its input is stopped.
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

/**
 * Reads the name of the signal that ended a program from the text of Effect's error, because Effect reports the signal
 * nowhere else.
 */
const signalOf = (cause: unknown): string => {
  const text = withoutStack(() => describe(cause))
  return /signal: '(SIG\w+)'/.exec(text)?.[1] ?? "unknown"
}

const describe = (cause: unknown): string => {
  const [reason] =
    (cause as { readonly reasons: ReadonlyArray<{ readonly error?: { readonly cause?: unknown } }> }).reasons
  return String(reason?.error?.cause)
}
