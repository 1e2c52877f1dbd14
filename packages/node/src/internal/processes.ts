/**
 * The spawner that starts actors as Node processes.
 *
 * A child talks to its parent over a socketpair on file descriptor 3. A socketpair has no address and leaves no file,
 * and each end of a socketpair notices at once when the other end closes. The stdout and stderr of a child are pipes,
 * whose bytes the parent passes on. Every actor leads a process group of its own. Because each actor leads a process
 * group, the programs of an actor end with the actor, and Ctrl-C reaches only the root.
 *
 * @since 0.1.0
 */
import { formatActor, SpawnFailed } from "@furrow/actor/ActorError"
import {
  actorAnnotation,
  fileOf,
  type GroupGuard,
  logError,
  logInfo,
  logWarning,
  Waiters,
  withoutStack
} from "@furrow/actor/ActorProcess"
import type {
  Evidence,
  PostMortem,
  ProcessExit,
  ProcessHandle,
  SpawnerDriver,
  SpawnOptions,
  SpawnRequest
} from "@furrow/actor/Spawner"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { availableParallelism } from "node:os"
import { adopt } from "./adopt.ts"
import { Autopsy, type Case } from "./autopsy.ts"
import type { Begun } from "./begun.ts"
import type { Living } from "./entered.ts"
import type { Guard } from "./guard.ts"
import { reachable } from "./inspectorLines.ts"
import { launchOf, type Settings } from "./launch.ts"
import { open, type Outputs, outputsOf, unknownOutput } from "./outlet.ts"
import { Tail } from "./output.ts"
import { killLeftIn } from "./signals.ts"
import type { SpareProcesses, Taken } from "./spareProcesses.ts"
import type { Starts } from "./starts.ts"

/** Milliseconds to wait, after the exit of an actor's process, for the rest of the process's output. */
const outputGraceMillis = 50

/**
 * Milliseconds to wait for the end of an actor's process after a SIGKILL. The kernel delays a SIGKILL only during a
 * system call that cannot be interrupted.
 */
const killBoundMillis = 10_000

/** The functions and options that the handle of an actor's process needs from its spawner. */
interface Surroundings {
  readonly guard: Guard
  /**
   * A callback for the end of the actor's process. The kernel may give the pid of an ended process to another process.
   */
  readonly reaped: () => void
  readonly log: (line: Effect.Effect<void>) => void
  readonly outputs: Outputs
  readonly autopsy: Autopsy
}

class NodeProcess implements ProcessHandle {
  readonly actor: ProcessHandle["actor"]
  readonly connection: ProcessHandle["connection"]
  private readonly begun: Begun
  private readonly around: Surroundings
  private readonly tail = new Tail()
  private readonly case: Case
  private evidence: Evidence | undefined
  private exit: ProcessExit | undefined
  private readonly exits = new Waiters<ProcessExit>()
  private reaped = false
  /** True after the kernel has refused a signal from this process, so that the refusal is logged only once. */
  private isForbidden = false
  private unkillable: NodeJS.Timeout | undefined

  constructor(
    actor: SpawnRequest["actor"],
    begun: Begun,
    connection: ProcessHandle["connection"],
    around: Surroundings
  ) {
    this.actor = { ...actor, pid: begun.pid }
    this.begun = begun
    this.around = around
    this.connection = connection
    this.case = around.autopsy.watch(this.actor.pid)
    const rest = (["stdout", "stderr"] as const).map((stream) => this.read(stream))
    const unreachable = begun.stderr === null ? undefined : reachable(begun.pid, begun.stderr)
    begun.onExit((code, signal) => {
      this.reaped = true
      unreachable?.()
      const reason = begun.reason()
      if (reason !== undefined) this.tail.push(reason)
      this.evidence = this.case.ended(this.actor.uuid, signal)
      // Kills the processes that an actor's process has left in its process group.
      const left = begun.killLeft()
      around.reaped()
      if (left === "forbidden") this.refused("SIGKILL to what it has left in its group")
      for (const read of rest) read()
      const finish = () => {
        clearTimeout(timer)
        // Kills the actor's process group once more, because a process that was being started may have joined the group
        // after the first kill.
        begun.killLeft()
        this.finish({ code, signal })
      }
      // Output of an actor that has already arrived is read before the actor's exit is reported, even when this process
      // was busy.
      const timer = setTimeout(() => setImmediate(finish), outputGraceMillis)
      begun.onClose(finish)
    })
  }

  /**
   * Reads stdout or stderr of an actor's process. The function that `read` returns must be called when the actor's
   * process has exited.
   */
  private read(stream: "stdout" | "stderr"): () => void {
    const source = this.begun[stream]
    if (source === null) return () => {}
    const { log, outputs } = this.around
    const write = stream === "stdout" ? logInfo : logWarning
    return open(source, outputs[stream], {
      tail: stream === "stderr" ? this.tail : undefined,
      line: (text) => log(Effect.annotateLogs(write(text), { [actorAnnotation]: formatActor(this.actor) })),
      failed: (error) =>
        log(logWarning(
          `The option ${stream} of ${this.described} is a function that has failed: what else it writes is dropped`,
          Cause.die(error)
        ))
    })
  }

  // Methods of a process handle are its own properties, because a spawner of a user may copy the handle and replace
  // some methods.
  readonly whenExited = (callback: (exit: ProcessExit) => void): void => {
    if (this.exit !== undefined) callback(this.exit)
    else this.exits.add(callback)
  }

  readonly lastLines = (): ReadonlyArray<string> => this.tail.last

  readonly signal = (signal: "SIGTERM" | "SIGKILL"): void => {
    if (this.reaped) return
    this.case.beforeSignal()
    // An exit of the child that came while this process was busy or stopped is handled before this process gives up
    // waiting for the exit.
    if (signal === "SIGKILL") this.unkillable ??= setTimeout(() => setImmediate(() => this.giveUp()), killBoundMillis)
    if (this.begun.signal(signal) !== "forbidden") return
    this.around.guard.signal(this.actor.pid, signal)
    this.refused(signal)
  }

  readonly bury = (story: PostMortem): void => this.case.bury(story)

  private get described(): string {
    return `actor "${this.actor.name}" (process ${this.actor.pid})`
  }

  /**
   * Reports that the kernel refused a signal of this process to an actor's process. In a tree with a warden, the warden
   * has been asked to send the refused signal.
   */
  private refused(signal: string): void {
    if (this.isForbidden) return
    this.isForbidden = true
    const why =
      `${this.described} was refused ${signal} (EPERM): this process is user ${process.geteuid?.()} now, and ` +
      "may not signal it"
    this.around.log(
      this.around.guard.hasWarden
        ? logWarning(`${why}. The warden is asked to send it. Start actors after process.setuid, not before`)
        : logError(`${why}, and there is no warden to ask. End it as its user: kill -9 -${this.actor.pid}`)
    )
  }

  /**
   * Stops waiting for an actor's process that a SIGKILL has not ended in time, so that the actor's owner goes on. The
   * log says that the actor's process, which could not be killed, still exists.
   */
  private giveUp(): void {
    if (this.reaped) return
    const why = this.isForbidden
      ? "this process may not signal it (EPERM), and no warden has"
      : "it is in a call of the kernel that cannot be broken off, or was stopped by a tracer"
    const line =
      `${this.described} is still there ${killBoundMillis / 1000} s after SIGKILL: ${why}. Its owner goes on; ` +
      `end it by hand: kill -9 -${this.actor.pid}`
    this.tail.push(line)
    this.around.log(logError(line))
    this.begun.hold("unref")
    this.begun.stdout?.destroy()
    this.begun.stderr?.destroy()
    this.finish({ code: null, signal: null })
  }

  private finish(exit: ProcessExit): void {
    if (this.exit !== undefined) return
    this.exit = { ...exit, evidence: this.evidence }
    clearTimeout(this.unkillable)
    // A stopped process cannot close its end of the connection to its parent, so the parent destroys its own end.
    this.connection.destroy()
    this.exits.wake(this.exit)
  }
}

const testFile = /\.(test|spec)\.[cm]?[jt]sx?$/

const moduleNeeded = "the actor imports that file, so it must be `import.meta.url` of the file in which this stands"

/** The advice in the error about a CommonJS file in which a bundler has left `import.meta` empty. */
const cjsRemedy = "a bundle of esbuild in the format cjs has none unless it is built with " +
  "--define:import.meta.url=moduleUrl and " +
  "--banner:js=\"const moduleUrl = require('node:url').pathToFileURL(__filename).href\""

/**
 * Returns the reason why a child could not import the module of a definition. The spawner checks the module of an actor
 * before it starts a process.
 */
const unusable = (request: SpawnRequest): string | undefined => {
  const service = request.module === undefined
    ? []
    : [{ endpoint: { name: request.actor.name }, module: request.module }]
  for (const { endpoint, module } of [...service, ...request.definitions]) {
    // The property `module` of an endpoint can be missing in a program in JavaScript, which no compiler has checked.
    if (String(module) === "undefined") {
      return `"${endpoint.name}" has \`module: undefined\`: ${moduleNeeded}; ${cjsRemedy}`
    }
    if (typeof module as unknown !== "string" || !module.startsWith("file:")) {
      return `"${endpoint.name}" has \`module: "${module}"\`: ${moduleNeeded}`
    }
    if (testFile.test(fileOf(module))) {
      return `"${endpoint.name}" is defined in the test file ${module}: the actor would import the tests. ` +
        "Move it to a module of its own"
    }
  }
  return undefined
}

/**
 * Returns the reason why a memory limit for an actor cannot be used. A program in JavaScript may pass a string as its
 * memory limit, and a computed limit may be NaN.
 */
const wrongLimit = ({ memoryLimit }: SpawnOptions): string | undefined =>
  memoryLimit === undefined || Number.isFinite(memoryLimit) && memoryLimit > 0
    ? undefined
    : `its parent gave it the memoryLimit ${memoryLimit}: use a positive, finite number of MiB, or leave it out for the ` +
      "runtime's own limit"

const failed = (request: SpawnRequest, step: "process" | "import", reason: string) =>
  withoutStack(() => new SpawnFailed({ actor: { ...request.actor, pid: 0 }, step, reason, stderr: [], failure: null }))

const reasonOf = (error: Error & { readonly code?: string }, options: SpawnOptions): string => {
  switch (error.code) {
    case "ENOENT":
      return options.cwd === undefined
        ? `${error.message}: the JavaScript runtime itself was not found`
        : `${error.message}: does the working directory ${options.cwd} exist?`
    case "EMFILE":
    case "ENFILE":
      return `${error.message}: too many open files; every actor needs a handful (see \`ulimit -n\`)`
    case "EAGAIN":
      return `${error.message}: the limit of processes is reached (see \`ulimit -u\`)`
    default:
      return error.message
  }
}

/** Returns the guard for external programs. A forced end of the tree kills external programs as well. */
export const groupGuard = (guard: Guard, living: Living): GroupGuard => ({
  prefix: () => guard.prefix(),
  signal: (group, signal) => guard.signal(group, signal),
  enter: (group) => {
    const forget = living.add(group, guard)
    guard.started(group)
    return () => {
      forget()
      killLeftIn(group)
      guard.ended(group)
    }
  }
})

/**
 * The largest number of actors whose starts run at the same time. A start of an actor needs a processor core, and twice
 * as many starts as cores keep every core busy.
 */
const atOnce = 2 * availableParallelism()

/**
 * True for a start of an actor that sets no option of the actor's process, so that a spare process can become the
 * actor. The options `stdout` and `stderr` of a start do not prevent the use of a spare, because the parent reads the
 * output.
 */
const isPlain = ({ argv, cwd, env, execArgv, inspect, memoryLimit }: SpawnOptions): boolean =>
  [argv, cwd, env, execArgv, inspect, memoryLimit].every((option) => option === undefined)

/**
 * Makes the spawner of Node processes. The parameter `starts` begins processes, the parameter `spares` gives out
 * processes that already run, and the parameter `autopsy` finds out why actors die.
 */
export const make = (
  starts: Starts,
  settings: Settings,
  spares?: SpareProcesses,
  autopsy = new Autopsy(undefined)
): SpawnerDriver["Service"] => ({
  atOnce,
  spawn: (request) =>
    Effect.contextWith((context: Context.Context<never>) =>
      Effect.callback<ProcessHandle, SpawnFailed>((resume) => {
        const { actor, options } = request
        const { guard } = starts
        const problem = unusable(request)
        if (problem !== undefined) return resume(Effect.fail(failed(request, "import", problem)))
        const outputs = outputsOf(options, settings)
        const wrong = unknownOutput(outputs) ?? wrongLimit(options)
        if (wrong !== undefined) return resume(Effect.fail(failed(request, "process", wrong)))
        const log = (line: Effect.Effect<void>) => void Effect.runForkWith(context)(line)
        const succeed = ({ begun, connection, reaped }: Taken) =>
          resume(
            Effect.succeed(
              new NodeProcess(actor, begun, connection, { guard, reaped, log, outputs, autopsy })
            )
          )
        const fail = (error: Error) => resume(Effect.fail(failed(request, "process", reasonOf(error, options))))
        try {
          const launch = launchOf(options, settings, outputs)
          const taken = isPlain(options) ? spares?.take(launch, actor) : undefined
          if (taken !== undefined) return succeed(taken)
          const giveUp = starts.begin(launch, actor, {
            begun: (entered) => succeed({ ...entered, connection: adopt(entered.begun.channel) }),
            failed: fail
          })
          return Effect.sync(giveUp)
        } catch (error) {
          fail(error as Error)
        }
      })
    )
})
