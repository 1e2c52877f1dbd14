/**
 * Runs a file as a separate process, for tests of signals, exit codes, output, and what the process leaves behind.
 *
 * Every process that the program starts gets a variable in its environment, by which the process is found even if its
 * parent has died. When the Scope closes, all remaining processes of the program are killed.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import * as Crypto from "node:crypto"
import * as Eventually from "./Eventually.ts"
import * as Processes from "./Processes.ts"

/**
 * Options for the start of a program as a separate process. The started process gets the same Node flags as this
 * process.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly args?: ReadonlyArray<string> | undefined
  readonly execArgv?: ReadonlyArray<string> | undefined
  readonly env?: { readonly [name: string]: string } | undefined
  readonly cwd?: string | undefined
  /**
   * A command that is started in the place of Node and itself starts Node with the file, such as `nice` or `unshare`.
   */
  readonly through?: ReadonlyArray<string> | undefined
}

/**
 * The end of a program; exactly one of the fields for exit code and signal is set.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/**
 * A program that runs as a separate process, with functions that observe and signal this process.
 *
 * @category models
 * @since 0.1.0
 */
export interface Program {
  readonly pid: number
  /** Returns the output that the program has written to its stdout until now. */
  readonly stdout: () => string
  readonly stderr: () => string
  /** Waits until the program's stdout matches a pattern; the failure shows the output that did not match. */
  readonly says: (text: RegExp, options?: Eventually.Options) => Effect.Effect<RegExpExecArray, Eventually.NotInTime>
  /** Sends a signal to the program alone, not to its process group. */
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Closes the reading end of the program's output, so that its next write fails with EPIPE. */
  readonly deafen: Effect.Effect<void>
  /** Waits until the program has ended and all its output has arrived. */
  readonly ended: (options?: Eventually.Options) => Effect.Effect<Ended, Eventually.NotInTime>
  /**
   * Returns the living processes that the program and its descendants have started, found by a variable in their
   * environment.
   */
  readonly left: () => ReadonlyArray<Processes.Process>
}

const mark = "FURROW_TESTING_PROGRAM"

const kill = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // The function `kill` throws for a process that has already ended.
  }
}

/**
 * Starts a file as a program, with this process's Node. When the Scope closes, the program is killed with everything
 * that it has started.
 *
 * @example
 * ```ts
 * const folder = yield* Folder.make({ "main.mjs": "console.log('ready'); setInterval(() => {}, 1000)" })
 * const main = yield* Program.start(`${folder}/main.mjs`)
 * yield* main.says(/ready/)
 * yield* main.signal("SIGTERM")
 * yield* main.ended() // { code: null, signal: "SIGTERM" }
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const start = (file: string, options: Options = {}): Effect.Effect<Program, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => launch(file, options)),
    ([program, child]) =>
      Effect.sync(() => {
        // A program that has ended gets no signal: by now another process may have its pid.
        child.kill("SIGKILL")
        for (const { pid } of program.left()) kill(pid)
      })
  ).pipe(Effect.map(([program]) => program))

const launch = (
  file: string,
  options: Options
): readonly [program: Program, child: ChildProcess.ChildProcess] => {
  const id = Crypto.randomUUID()
  const [command, ...args] = [
    ...(options.through ?? []),
    process.execPath,
    ...process.execArgv,
    ...(options.execArgv ?? []),
    file,
    ...(options.args ?? [])
  ]
  const child = ChildProcess.spawn(
    command!,
    args,
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...options.env, [mark]: id },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd })
    }
  )
  const text = { stdout: "", stderr: "" }
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      text[name] += chunk
    })
  }
  let end: Ended | undefined
  child.on("close", (code, signal) => {
    end = { code, signal }
  })
  const output = () => `\n--- stdout\n${text.stdout}\n--- stderr\n${text.stderr}`
  const wait = <A>(what: string, look: () => A | undefined, given: Eventually.Options = {}) =>
    Eventually.succeeds(
      Effect.suspend(() => {
        const found = look()
        return found === undefined ? Effect.fail(output()) : Effect.succeed(found)
      }),
      { what, ...given }
    )
  const program: Program = {
    pid: child.pid!,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    says: (pattern, given) => wait(`stdout matches ${pattern}`, () => pattern.exec(text.stdout) ?? undefined, given),
    signal: (signal) => Effect.sync(() => void child.kill(signal)),
    deafen: Effect.sync(() => {
      child.stdout.destroy()
      child.stderr.destroy()
    }),
    ended: (given) => wait("the program ends", () => end, given),
    left: () => Processes.withVariable(mark, id).filter(({ pid }) => pid !== child.pid)
  }
  return [program, child]
}
