/**
 * Actors as Node processes: the runtime of a root, and the function that runs a main program in it.
 *
 * @since 0.1.0
 */
import { type Control, controlOf, optional } from "@furrow/actor/ActorProcess"
import * as ActorRuntimes from "@furrow/actor/ActorRuntime"
import type { ActorRuntime, OptionalLayer, RootOptions, RuntimeLayerError } from "@furrow/actor/ActorRuntime"
import { Discovery, layerTree } from "@furrow/actor/Discovery"
import { Spawner } from "@furrow/actor/Spawner"
import { Transport } from "@furrow/actor/Transport"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Child from "./internal/child.ts"
import { listen as listenForDumps } from "./internal/dumpSignals.ts"
import { tell, tellRejection } from "./internal/told.ts"
import * as NodeSpawner from "./NodeSpawner.ts"
import * as NodeTransport from "./NodeTransport.ts"

/**
 * The options of a root: its name, the endpoints for its children, the settings of every actor, its credentials, and
 * its spare processes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends RootOptions {
  /**
   * The spare processes that the root keeps ready for the next starts of actors, as in `NodeSpawner.layer`. The option
   * `spares` has no effect where the program provides a Spawner of its own. The default of `spares` is the value of the
   * variable `FURROW_SPARES`, or else `auto`.
   */
  readonly spares?: NodeSpawner.SparesMode | undefined
  /**
   * The folder for the records of living actors and the post-mortems of dead actors, or `off`, as in
   * `NodeSpawner.layer`. The option `graves` has no effect where the program provides a Spawner of its own. The default
   * of `graves` is the value of the variable `FURROW_GRAVES`, or else the folder `graves` in the runtime folder.
   */
  readonly graves?: string | undefined
  /**
   * Says when a large root has a starter, which is a small process that starts the root's actors, as in
   * `NodeSpawner.layer`. The option `starter` has no effect where the program provides a Spawner of its own. The
   * default of `starter` is the value of the variable `FURROW_STARTER`, or else `auto`.
   */
  readonly starter?: NodeSpawner.StarterMode | undefined
}

/**
 * Returns the Layer of a Transport, Discovery or Spawner for a root: the one in the context, or else the default. A
 * Transport, Discovery or Spawner in the program's context always replaces the default.
 */
const givenOr = <I, S>(
  context: Context.Context<never>,
  tag: Context.Key<I, S>,
  orElse: Layer.Layer<I>
): Layer.Layer<I> =>
  Option.match(Context.getOption(context, tag), {
    onNone: () => orElse,
    onSome: (given) => Layer.succeed(tag, given)
  })

const layerOf = ({ graves, spares, starter, ...options }: Options): Layer.Layer<ActorRuntime, RuntimeLayerError> =>
  Layer.unwrap(Effect.map(Effect.context<never>(), (context) =>
    ActorRuntimes.layer(options).pipe(
      Layer.provide([
        givenOr(context, Transport, NodeTransport.layerDefault),
        givenOr(context, Discovery, layerTree),
        givenOr(context, Spawner, NodeSpawner.layer({ graves, spares, starter }))
      ])
    )))

/**
 * Provides the runtime of a root whose actors are processes on this host: `NodeActor.layer`, or
 * `NodeActor.layer({ name: "shop" })`. `NodeActor.layer` is for programs with a main function of their own, and does
 * not handle signals.
 *
 * A Transport, a Discovery or a Spawner in the context of `NodeActor.layer` replaces the default Transport, Discovery
 * or Spawner. By default a root uses Unix sockets, the registrar of its own tree, and Node processes.
 *
 * `NodeActor.layer` is one Layer value, so a program that provides it in two places has one runtime. `NodeActor.layer`
 * fails with `RuntimeLayerError` where a Transport, a Discovery or a Spawner cannot be built.
 *
 * @example
 * ```ts check
 * yield* Effect.provide(program, NodeActor.layer({ name: "shop" })) // true
 * yield* program.pipe(Effect.provide(NodeActor.layer.pipe(Layer.provide(NodeTransport.layerTcp)))) // true
 * ```
 * @category layers
 * @since 0.1.0
 */
export const layer: OptionalLayer<Options, ActorRuntime, RuntimeLayerError> = optional(layerOf, {})

const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

/**
 * The exit code of a root whose output has lost its reader. A root whose output has lost its reader exits like a
 * process that SIGPIPE has ended, because Node ignores SIGPIPE.
 */
const brokenPipeCode = 141
/** The exit code of a root that an uncaught error has ended (`EX_SOFTWARE` of sysexits). */
const uncaughtCode = 70

/**
 * The platform of a main program: any Layer of an `ActorRuntime`, or the options of `NodeActor.layer`.
 *
 * @category models
 * @since 0.1.0
 */
export type MainOptions<E> =
  | { readonly layer: Layer.Layer<ActorRuntime, E> } & { readonly [K in keyof Options]?: never }
  | (Options & { readonly layer?: never })

/**
 * True in the process of a root, and false in the process of an actor, which imports the same file for its endpoints. A
 * main program that does not use `runMain` must call `isRoot` before it starts a tree. In a bundle `import.meta.main`
 * is true in actors too, so only `isRoot` keeps the main program from running in them.
 *
 * @example
 * ```ts
 * const main = async () => "once in the whole tree"
 * if (NodeActor.isRoot()) void main()
 * NodeActor.isRoot() // true
 * ```
 * @category main
 * @since 0.1.0
 */
export const isRoot: () => boolean = Child.isRoot

/**
 * Runs a main program as the root of a tree of actors. `runMain` provides the runtime of a root, interrupts the main
 * program at a signal, and waits for the program's finalizers. `runMain` does nothing in the process of an actor, which
 * imports the same file to find its endpoints.
 *
 * `runMain` interrupts the main program at the first SIGINT, SIGTERM or SIGHUP, at an uncaught error, and when its
 * output is closed. A further SIGINT to a root kills the tree, if it comes at least a second after the signal that
 * interrupted the main program.
 *
 * Ctrl-Z stops all processes of a tree with a terminal, and `fg` continues them. `runMain` also works in a process with
 * pid 1, as in a container.
 *
 * Ctrl-\\ (SIGQUIT) or SIGUSR2 makes a root print its tree and the waits of its fibers on stderr, and the program goes
 * on. A listener of the program for SIGQUIT or SIGUSR2 replaces the root's printing of its tree. A root prints its tree
 * at SIGQUIT or SIGUSR2 only on Linux, unless the option `observe` is `off`.
 *
 * Exit codes:
 *
 * - Exit code 0 means that the program succeeded and has set no other value of `process.exitCode`.
 * - Exit code 1 means that the main program failed.
 * - Exit codes 130, 143 and 129 mean that SIGINT, SIGTERM or SIGHUP ended the main program.
 * - Exit code 141 means that the reader of the program's output has closed it.
 * - Exit code 70 means that the program did not catch an error.
 *
 * @example
 * ```ts check
 * NodeActor.runMain(program, { expose: [audit] })
 * NodeActor.runMain(program, { layer: Platform })
 * ```
 * @category main
 * @since 0.1.0
 */
export const runMain = <A, E, E2 = never>(
  program: Effect.Effect<A, E, ActorRuntime>,
  options: MainOptions<E2> = {}
): void => {
  if (!isRoot()) return
  let control: Control | undefined
  // The main program as an Effect, which first stores the functions that stop the tree and kill it.
  const main = Effect.flatMap(Effect.context<ActorRuntime>(), (context) => {
    control = controlOf(Context.get(context, ActorRuntimes.ActorRuntime))
    return program
  })
  const run = Runtime.makeRunMain(({ fiber, teardown }) => {
    const root = watchRoot(() => control, () => fiber.interruptUnsafe())
    fiber.addObserver((exit) => {
      teardown(exit, (code) => {
        const ended = root.code()
        const wanted = ended ?? code
        // A main program that succeeds may have set `process.exitCode` itself.
        if (wanted !== 0) process.exitCode = wanted
        root.release()
        // A main program that succeeded is not ended by `process.exit`, because its last output may not be written yet.
        if (Exit.isFailure(exit) || ended !== undefined) process.exit()
      })
    })
  })
  const platform: Layer.Layer<ActorRuntime, E2 | RuntimeLayerError> = options.layer ?? layer(options)
  run(Effect.provide(main, platform), {
    teardown: (exit, onExit) =>
      onExit(
        Exit.isSuccess(exit)
          ? 0
          : Cause.hasInterruptsOnly(exit.cause)
          ? 130
          : Runtime.getErrorExitCode(Cause.squash(exit.cause))
      )
  })
}

interface RootWatch {
  /**
   * Returns the exit code for the signal or error that ended the root from outside its main program, or else undefined.
   */
  readonly code: () => number | undefined
  readonly release: () => void
}

/**
 * Milliseconds after the first signal to a root during which a SIGINT is ignored, because npm and similar programs send
 * a terminal's signal twice.
 */
const sameWishMillis = 1000

/**
 * Watches for every event that can end a root from outside its main program: signals, uncaught errors, and closed
 * output. The first signal, uncaught error or closed output interrupts the main program of a root, and a later SIGINT
 * kills the tree.
 */
const watchRoot = (control: () => Control | undefined, interrupt: () => void): RootWatch => {
  let code: number | undefined
  let endedAt = 0
  const end = (why: number) => {
    if (code !== undefined) return
    code = why
    endedAt = performance.now()
    control()?.beginEnd()
    interrupt()
  }
  const listeners: Array<readonly [string, (...args: Array<any>) => void]> = []
  const on = (event: string, listener: (...args: Array<any>) => void) => {
    process.on(event, listener)
    listeners.push([event, listener])
  }
  for (const [signal, exitCode] of Object.entries(signals)) {
    on(signal, () => {
      if (signal !== "SIGINT" || code === undefined) return end(exitCode)
      if (performance.now() - endedAt < sameWishMillis) return
      control()?.killAll()
      process.exit(code)
    })
  }
  const caught = (error: unknown, say = tell) => {
    say(error)
    end(uncaughtCode)
  }
  on("uncaughtException", (error) => caught(error))
  on("unhandledRejection", (error) => caught(error, tellRejection))
  on("SIGTSTP", () => {
    control()?.stopAll()
    process.kill(process.pid, "SIGSTOP")
  })
  on("SIGCONT", () => control()?.continueAll())
  const onPipe = (error: Error & { readonly code?: string }) => {
    if (error.code === "EPIPE") end(brokenPipeCode)
    else caught(error)
  }
  process.stdout.on("error", onPipe)
  process.stderr.on("error", onPipe)
  const stopDumps = listenForDumps()
  return {
    code: () => code,
    release: () => {
      stopDumps()
      for (const [event, listener] of listeners) process.off(event, listener)
    }
  }
}
