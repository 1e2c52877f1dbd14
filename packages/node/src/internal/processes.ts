/**
 * Starts actors as Node processes.
 *
 * The channel is a socketpair on the child's fd 3: nothing to connect to, nothing to clean up, and its end is seen at
 * once. Output is piped and copied through. Every actor leads a process group of its own, so that what it starts ends
 * with it, and so that a Ctrl-C at the terminal reaches the root alone.
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

/** Milliseconds after the end of a process for the rest of its output. */
const outputGraceMillis = 50

/** Milliseconds that a SIGKILL may take, which the kernel does not put off but for a call that it cannot break off. */
const killBoundMillis = 10_000

/** A process's requests of its surroundings. */
interface Surroundings {
  readonly guard: Guard
  /** The process has ended, and the kernel may use its number again. */
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
  /** We may not signal it: said once. */
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
      // Kills the processes that an ended one left behind, too.
      const left = begun.killLeft()
      around.reaped()
      if (left === "forbidden") this.refused("SIGKILL to what it has left in its group")
      for (const read of rest) read()
      const finish = () => {
        clearTimeout(timer)
        // Kills once more: a process that was being started may have joined the group only then.
        begun.killLeft()
        this.finish({ code, signal })
      }
      // Output that is already here is read first, also where we were too busy to read it in time.
      const timer = setTimeout(() => setImmediate(finish), outputGraceMillis)
      begun.onClose(finish)
    })
  }

  /** Reads one of its streams; the result is called when it has exited. */
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

  // Functions of the handle itself: a spawner of the program's may copy it, and replace some.
  readonly whenExited = (callback: (exit: ProcessExit) => void): void => {
    if (this.exit !== undefined) callback(this.exit)
    else this.exits.add(callback)
  }

  readonly lastLines = (): ReadonlyArray<string> => this.tail.last

  readonly signal = (signal: "SIGTERM" | "SIGKILL"): void => {
    if (this.reaped) return
    this.case.beforeSignal()
    // An exit that we were too busy, or stopped, to notice comes first.
    if (signal === "SIGKILL") this.unkillable ??= setTimeout(() => setImmediate(() => this.giveUp()), killBoundMillis)
    if (this.begun.signal(signal) !== "forbidden") return
    this.around.guard.signal(this.actor.pid, signal)
    this.refused(signal)
  }

  readonly bury = (story: PostMortem): void => this.case.bury(story)

  private get described(): string {
    return `actor "${this.actor.name}" (process ${this.actor.pid})`
  }

  /** The kernel refused us a signal; the warden has been asked where there is one. */
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

  /** No wait is endless: its owner goes on, and hears that the process is still there. */
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
    // A stopped or lost process cannot close its end: ours must not wait for it.
    this.connection.destroy()
    this.exits.wake(this.exit)
  }
}

const testFile = /\.(test|spec)\.[cm]?[jt]sx?$/

const moduleNeeded = "the actor imports that file, so it must be `import.meta.url` of the file in which this stands"

/** The remedy for a CommonJS file, in which a bundler has left `import.meta` empty. */
const cjsRemedy = "a bundle of esbuild in the format cjs has none unless it is built with " +
  "--define:import.meta.url=moduleUrl and " +
  "--banner:js=\"const moduleUrl = require('node:url').pathToFileURL(__filename).href\""

/** Modules that no child can import, found before there is one. */
const unusable = (request: SpawnRequest): string | undefined => {
  const service = request.module === undefined
    ? []
    : [{ endpoint: { name: request.actor.name }, module: request.module }]
  for (const { endpoint, module } of [...service, ...request.definitions]) {
    // Programs in JavaScript may leave it out.
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

/** Programs in JavaScript may ask for anything, and a sum may be NaN. */
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

/** The guard for programs that are no actors; a forced end of the tree kills them, too. */
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

/** Booting is work of the processor: twice as many as there are cores leave none of them idle. */
const atOnce = 2 * availableParallelism()

/** True where a start asks for nothing but an actor: its output is its parent's affair. */
const isPlain = ({ argv, cwd, env, execArgv, inspect, memoryLimit }: SpawnOptions): boolean =>
  [argv, cwd, env, execArgv, inspect, memoryLimit].every((option) => option === undefined)

/**
 * The spawner over the ways in which a process begins. `spares` gives processes that run already, and `autopsy` finds out why
 * actors die.
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
