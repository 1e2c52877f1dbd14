/**
 * Lets tools look into the actors of this host from outside: finds the processes of actors, and opens a connection to
 * each of them.
 *
 * A tool knocks at an actor with the signal SIGURG, and the actor opens its door in the folder of its tree. The door of
 * an actor is a socket with a key beside it, and only the user of the tree can open both files. Before the first knock
 * an actor has neither the socket nor the key of a door. The module NodeInspect works only on Linux.
 *
 * @since 0.2.0
 */
import { ActorUnreachable } from "@furrow/actor/ActorError"
import { observe as greet, type Observer } from "@furrow/actor/Inspect"
import * as Address from "@furrow/protocol/Address"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { authenticator } from "./internal/authenticate.ts"
import * as Builtins from "./internal/builtins.ts"
import { knock } from "./internal/hatch.ts"
import * as RuntimeFolder from "./internal/runtimeFolder.ts"
import { connect } from "./internal/socket.ts"

/**
 * A process that is probably an actor, because it runs Node, belongs to this user, and listens for knocks.
 *
 * @category models
 * @since 0.2.0
 */
export interface Candidate {
  readonly pid: number
  readonly parent: number
  /** The name of an observable actor in the title of its process; undefined for a root, whose title has no name. */
  readonly name: string | undefined
  /**
   * The state of an observable process, as a letter that the kernel uses for this state. The state of a process is `R`
   * for running, `S` for sleeping, `D` for a system call, `T` for stopped, and `Z` for dead.
   */
  readonly state: string
}

const textOf = (path: string): string | undefined => {
  try {
    return Fs.readFileSync(path, "latin1")
  } catch {
    return undefined
  }
}

/**
 * The bit of the signal SIGURG (23 on Linux) in the mask `SigCgt` of a process; the bit is set where the process
 * listens for knocks.
 */
const knockBit = 1n << 22n

const lineOf = (status: string, name: string): string => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1] ?? ""

const runsNode = (pid: number): boolean => {
  try {
    return /^(node|nodejs)\b/.test(Path.basename(Fs.readlinkSync(`/proc/${pid}/exe`)))
  } catch {
    return false
  }
}

const candidateOf = (pid: number): Candidate | undefined => {
  const status = textOf(`/proc/${pid}/status`)
  if (status === undefined) return undefined
  const [uid] = lineOf(status, "Uid").split(/\s+/)
  if (Number(uid) !== process.geteuid?.()) return undefined
  const caught = BigInt(`0x${lineOf(status, "SigCgt") || "0"}`)
  if ((caught & knockBit) === 0n || !runsNode(pid)) return undefined
  const title = /^furrow\[(.*)@\d+\]/.exec(textOf(`/proc/${pid}/cmdline`) ?? "")
  return {
    pid,
    parent: Number(lineOf(status, "PPid")),
    name: title?.[1],
    state: lineOf(status, "State").slice(0, 1)
  }
}

/**
 * Lists the other processes of this user that may be actors. Each run of the Effect `NodeInspect.candidates` reads
 * `/proc` anew.
 *
 * @example
 * ```ts
 * const found = yield* NodeInspect.candidates
 * found.some(({ pid }) => pid === process.pid) // false
 * ```
 * @category observing
 * @since 0.2.0
 */
export const candidates: Effect.Effect<ReadonlyArray<Candidate>> = Effect.sync(() => {
  try {
    const pids = Fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number)
    return pids.filter((pid) => pid !== process.pid).flatMap((pid) => candidateOf(pid) ?? [])
  } catch {
    return []
  }
})

/**
 * Lists the process of this program itself, where the process is an actor that may be observed. The Effect
 * `NodeInspect.self` lets a program look into its own tree.
 *
 * @example
 * ```ts
 * const [own] = yield* NodeInspect.self
 * own === undefined || own.pid === process.pid // true
 * ```
 * @category observing
 * @since 0.2.0
 */
export const self: Effect.Effect<ReadonlyArray<Candidate>> = Effect.sync(() => {
  const found = candidateOf(process.pid)
  return found === undefined ? [] : [found]
})

const unreachable = (pid: number, why: ActorUnreachable["why"], reason: string) =>
  new ActorUnreachable({ actor: null, target: `process ${pid}`, why, reason })

/**
 * Returns the path of a process's door among the sockets that the kernel lists, or undefined while the door is shut.
 */
const doorOf = (pid: number): string | undefined => {
  const listed = new RegExp(` (/.*/\\+[^/]*@${pid}\\.sock)$`, "m").exec(textOf("/proc/net/unix") ?? "")
  return listed?.[1]
}

/** Milliseconds between two searches for an actor's door. */
const lookMillis = 5

const knocked = (pid: number): Effect.Effect<string, ActorUnreachable> =>
  Effect.gen(function*() {
    if (candidateOf(pid) === undefined) {
      return yield* unreachable(pid, "none", "it is no actor of this user, or its tree has the option observe \"off\"")
    }
    try {
      process.kill(pid, knock)
    } catch (error) {
      return yield* unreachable(pid, "gone", (error as Error).message)
    }
    for (;;) {
      const door = doorOf(pid)
      if (door !== undefined) return door
      yield* Effect.sleep(lookMillis)
    }
  })

const keyOf = (door: string): Effect.Effect<Uint8Array, ActorUnreachable> =>
  Effect.try({
    try: () => new Uint8Array(Fs.readFileSync(RuntimeFolder.keyOf(door))),
    catch: (error) =>
      new ActorUnreachable({ actor: null, target: door, why: "refused", reason: (error as Error).message })
  })

/**
 * The option of an observer: the time that an actor has to answer.
 *
 * @category models
 * @since 0.2.0
 */
export interface ObserveOptions {
  /**
   * The time that an actor has to open its door and to greet an observer. By default an actor has 1 second to open its
   * door and to greet the observer.
   */
  readonly within?: Duration.Input | undefined
}

const defaultWithin: Duration.Input = "1 second"

/**
 * Observes one actor until the Scope closes: knocks, waits for the actor's door, and proves that the observer has read
 * the door's key. The observer fails with `ActorUnreachable` when the process is no actor, may not be observed, or does
 * not answer in time.
 *
 * @example
 * ```ts
 * const error = yield* Effect.flip(Effect.scoped(NodeInspect.observe(1)))
 * error._tag // "ActorUnreachable"
 * ```
 * @category observing
 * @since 0.2.0
 */
export const observe = (
  pid: number,
  { within = defaultWithin }: ObserveOptions = {}
): Effect.Effect<Observer, ActorUnreachable, Scope.Scope> =>
  Effect.gen(function*() {
    const path = yield* knocked(pid)
    const key = yield* keyOf(path)
    const connection = yield* connect(Address.format({ _tag: "Unix", path }), { path }).pipe(
      Effect.mapError(({ reason }) => unreachable(pid, "transport", reason))
    )
    const self = { name: "observer", uuid: Builtins.crypto().randomUUID(), pid: process.pid }
    return yield* greet(connection, authenticator(key), self)
  }).pipe(
    Effect.timeoutOrElse({
      duration: within,
      orElse: () =>
        Effect.fail(
          unreachable(
            pid,
            "timeout",
            `it did not answer a knock within ${Duration.format(Duration.fromInputUnsafe(within))}`
          )
        )
    })
  )
