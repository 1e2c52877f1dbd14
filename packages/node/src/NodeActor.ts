/**
 * Actors as Node processes: the runtime of a root, and the main program around it.
 *
 * @since 0.1.0
 */
import { isBundledActor } from "@furrow/actor/ActorProcess"
import * as RootRuntime from "@furrow/actor/ActorRuntime"
import type { ActorRuntime } from "@furrow/actor/ActorRuntime"
import { type Network, Transport } from "@furrow/actor/Transport"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import { format } from "node:util"
import type { GuardMode } from "./Guard.ts"
import { childOf } from "./internal/child.ts"
import { bundle, runChild } from "./internal/runChild.ts"
import * as NodeSpawner from "./NodeSpawner.ts"
import * as NodeTransport from "./NodeTransport.ts"

/**
 * The root: how it is called (default `root`), what it serves to its children, and how its actors are guarded
 * (default: the best this platform has).
 *
 * @since 0.1.0
 */
export interface Options extends RootRuntime.RootOptions, NodeTransport.Options {
  readonly guard?: GuardMode | undefined
}

const importing =
  "an actor was started while a child was importing this file. The child imports the file to find its " +
  "endpoints, so the main program must not run there: start it with NodeActor.runMain, or guard it with " +
  "`if (import.meta.main)`"

const unguarded =
  "this process is an actor of a single-file bundle, started from it again: the main program must not run " +
  "here. Start it with NodeActor.runMain, which serves the actor instead"

/** What the tree leaves is removed when its last actor has ended. */
const transportLayer = (network: Network): Layer.Layer<Transport> =>
  Layer.effect(
    Transport,
    Effect.acquireRelease(
      Effect.sync(() => {
        // A root that is not waited for (a second Ctrl-C) leaves nothing either.
        const close = () => NodeTransport.close(network)
        process.on("exit", close)
        return { transport: NodeTransport.make(network), close }
      }),
      ({ close }) =>
        Effect.sync(() => {
          process.off("exit", close)
          close()
        })
    ).pipe(Effect.map(({ transport }) => transport))
  )

const layerOver = (options: Options, living: NodeSpawner.Living): Layer.Layer<ActorRuntime> =>
  Layer.suspend(() => {
    const child = childOf()
    const refusal = child?.importing === true
      ? importing
      : child === undefined && isBundledActor
      ? unguarded
      : undefined
    if (child !== undefined) child.refused ??= refusal
    const network = NodeTransport.network(options)
    return RootRuntime.layer({ ...options, pid: process.pid, network, refusal }).pipe(
      Layer.provide(NodeSpawner.layerWith({ guard: options.guard, living, folder: network.folder })),
      Layer.provide(transportLayer(network))
    )
  })

/**
 * The runtime of a root whose actors are processes of this machine. For programs that bring their own main; it does
 * not handle signals.
 *
 * @since 0.1.0
 */
export const layer: Layer.Layer<ActorRuntime> = layerOver({}, new NodeSpawner.Living())

/**
 * The same, for a root that is called something or serves something itself.
 *
 * @since 0.1.0
 */
export const layerWith = (options: Options): Layer.Layer<ActorRuntime> => layerOver(options, new NodeSpawner.Living())

const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

/** As if SIGPIPE had ended us, which Node ignores: nobody reads what we write any more. */
const brokenPipe = 141
/** An error that nobody caught (sysexits' EX_SOFTWARE). */
const uncaught = 70

/**
 * Runs a program as the root of a tree of actors: provides the runtime, interrupts the program at the first SIGINT,
 * SIGTERM or SIGHUP, at an error nobody caught, or when nobody reads its output any more, and waits for its finalizers;
 * kills the tree at a second SIGINT, which counts from a second after the first. Ctrl-Z stops the whole tree, and `fg`
 * continues it. Works as PID 1.
 *
 * Exit codes: 0, or what a program that succeeds has set `process.exitCode` to; 1 for a failure; 130, 143, 129 for the
 * signals; 141 for a closed pipe; 70 for an error nobody caught.
 *
 * Does nothing in a child that imports this file again to find its endpoints.
 *
 * @example
 * ```ts
 * NodeActor.runMain(program, { expose: [audit] })
 * ```
 * @since 0.1.0
 */
export const runMain = <A, E>(program: Effect.Effect<A, E, ActorRuntime>, options: Options = {}): void => {
  if (childOf() !== undefined) return
  if (isBundledActor) {
    // What is defined below this line is still to come.
    setImmediate(() => void runChild(bundle))
    return
  }
  const living = new NodeSpawner.Living()
  const run = Runtime.makeRunMain(({ fiber, teardown }) => {
    const root = watchRoot(living, () => fiber.interruptUnsafe())
    fiber.addObserver((exit) => {
      teardown(exit, (code) => {
        const ended = root.code()
        const wanted = ended ?? code
        // A program that succeeds may have said itself how it went.
        if (wanted !== 0) process.exitCode = wanted
        root.release()
        // Only where it must be said: a success may still have output on its way, and nothing of ours keeps it alive.
        if (Exit.isFailure(exit) || ended !== undefined) process.exit()
      })
    })
  })
  run(Effect.provide(program, layerOver(options, living)), {
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
  /** The exit code of what ended the root from outside its program, if anything did. */
  readonly code: () => number | undefined
  readonly release: () => void
}

/** Milliseconds in which a second SIGINT is the same Ctrl-C: npm and tsx pass on what the terminal sends as well. */
const sameKeypress = 1000

/** Everything that can end a root from outside its program: the first interrupts it, a second SIGINT kills the tree. */
const watchRoot = (living: NodeSpawner.Living, interrupt: () => void): RootWatch => {
  let code: number | undefined
  let pressedAt: number | undefined
  const end = (why: number) => {
    if (code !== undefined) return
    code = why
    interrupt()
  }
  const listeners: Array<readonly [string, (...args: Array<any>) => void]> = []
  const on = (event: string, listener: (...args: Array<any>) => void) => {
    process.on(event, listener)
    listeners.push([event, listener])
  }
  for (const [signal, exitCode] of Object.entries(signals)) {
    on(signal, () => {
      if (signal !== "SIGINT") return end(exitCode)
      const before = pressedAt
      pressedAt ??= performance.now()
      if (code === undefined) return end(exitCode)
      if (before !== undefined && performance.now() - before < sameKeypress) return
      living.killAll()
      process.exit(code)
    })
  }
  const caught = (error: unknown) => {
    try {
      process.stderr.write(`${format(error)}\n`)
    } catch {
      // Nobody reads it.
    }
    end(uncaught)
  }
  on("uncaughtException", caught)
  on("unhandledRejection", caught)
  on("SIGTSTP", () => {
    living.guard?.stopAll()
    process.kill(process.pid, "SIGSTOP")
  })
  on("SIGCONT", () => living.guard?.continueAll())
  const onPipe = (error: Error & { readonly code?: string }) => {
    if (error.code === "EPIPE") end(brokenPipe)
    else caught(error)
  }
  process.stdout.on("error", onPipe)
  process.stderr.on("error", onPipe)
  return {
    code: () => code,
    release: () => {
      for (const [event, listener] of listeners) process.off(event, listener)
    }
  }
}
