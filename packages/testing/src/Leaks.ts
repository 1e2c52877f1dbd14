/**
 * Checks that an effect leaves nothing behind: records this process's resources before the effect, and compares them
 * afterwards.
 *
 *   picture: descendants · file descriptors (sockets, pipes, files) · temporary files
 *
 * The comparison of resources is repeated until a deadline, because resources that are just ending may take a moment.
 * A check for leaks fails if a process, descriptor or file exists that did not exist before the effect; its error
 * lists all of them. Two effects that run at the same time see each other's resources, so put one check for leaks
 * around both effects.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Eventually from "./Eventually.ts"
import * as Processes from "./Processes.ts"

/**
 * The child processes, the open descriptors and the temporary files of this process at one moment.
 *
 * @category models
 * @since 0.1.0
 */
export interface Picture {
  readonly processes: ReadonlyMap<number, Processes.Process>
  /**
   * The target of each open descriptor, by the descriptor's number. The map of open descriptors is empty on systems
   * other than Linux.
   */
  readonly descriptors: ReadonlyMap<number, string>
  readonly files: ReadonlySet<string>
}

/**
 * Options of a check for leaks: the folder of temporary files, the resources that do not count, and the time to wait,
 * which is 10 seconds by default. Give each worker of a test runner its own TMPDIR if other programs use the same
 * folder for temporary files.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly within?: Eventually.Options["within"]
  /**
   * The temporary files that a check compares are the entries of `folder` whose names begin with `prefix`. By default
   * `folder` is the system's folder of temporary files, and `prefix` is `furrow`. Files about dead actors, which the
   * runtime keeps for a post-mortem, do not count as leaks.
   */
  readonly temporary?: { readonly folder?: string; readonly prefix?: string } | undefined
  /** True for a process or a descriptor that a check for leaks ignores, given by its command line or its target. */
  readonly ignore?: ((description: string) => boolean) | undefined
}

/**
 * The error of an effect that has left a process, a descriptor or a file behind.
 *
 * @example
 * ```ts
 * const folder = yield* Folder.make()
 * const options = { temporary: { folder, prefix: "shop" }, within: "100 millis" } as const
 * const before = yield* Leaks.picture(options)
 * Folder.append(`${folder}/shop.sock`, "left")
 * const leaked = yield* Effect.flip(Leaks.check(before, options))
 * leaked.files.length // 1
 * ```
 * @category errors
 * @since 0.1.0
 */
export class Leaked extends Data.TaggedError("Leaked")<{
  readonly processes: ReadonlyArray<Processes.Process>
  readonly descriptors: ReadonlyArray<{ readonly fd: number; readonly target: string }>
  readonly files: ReadonlyArray<string>
}> {
  override get message(): string {
    const lines = [
      ...this.processes.map(Processes.describe),
      ...this.descriptors.map(({ fd, target }) => `descriptor ${fd}: ${target}`),
      ...this.files.map((file) => `file ${file}`)
    ]
    return `left behind:\n${lines.map((line) => `  ${line}`).join("\n")}`
  }
}

const descriptors = (): ReadonlyMap<number, string> => {
  if (process.platform !== "linux") return new Map()
  const found = new Map<number, string>()
  for (const name of Fs.readdirSync("/proc/self/fd")) {
    try {
      found.set(Number(name), Fs.readlinkSync(`/proc/self/fd/${name}`))
    } catch {
      // The descriptor by which this function has read the folder /proc/self/fd is closed by now, and does not count.
    }
  }
  return found
}

/**
 * True for the files that a dead actor leaves on purpose: the record of its calls, or the post-mortem that is made from
 * such a record.
 */
const isOfTheDead = (name: string): boolean =>
  name.endsWith(".json") || name.endsWith(".record") && !Processes.isAlive(Number(name.slice(0, -".record".length)))

/** True for a folder that contains only records and post-mortems of dead actors. */
const isStories = (path: string): boolean => {
  try {
    const stories = Fs.readdirSync(Path.join(path, "graves"))
    return Fs.readdirSync(path).length === 1 && stories.length > 0 && stories.every(isOfTheDead)
  } catch {
    return false
  }
}

/**
 * Paths of the files and folders in a folder whose names begin with a prefix. The default prefix and folder are those
 * of Furrow's own temporary files. A folder that contains only records and post-mortems of dead actors is left out,
 * because the runtime keeps such a folder on purpose.
 *
 * @example
 * ```ts
 * const folder = yield* Folder.make({ "furrow-1/a.sock": "", "other.txt": "" })
 * Array.from(Leaks.files({ folder })) // [`${folder}/furrow-1`]
 * ```
 * @category utils
 * @since 0.2.0
 */
export const files = ({ folder = Os.tmpdir(), prefix = "furrow" } = {}): ReadonlySet<string> =>
  new Set(
    Fs.readdirSync(folder).filter((name) => name.startsWith(prefix)).map((name) => Path.join(folder, name)).filter((
      path
    ) => !isStories(path))
  )

/**
 * Node opens a pipe when a process first listens to a signal, and keeps it open. A pipe that Node opens for signals
 * does not count as a leak.
 */
const openNodesOwn = (): void => {
  const listener = () => {}
  process.on("SIGWINCH", listener)
  process.off("SIGWINCH", listener)
}

/**
 * Returns the processes, descriptors and temporary files that this process holds now.
 *
 * @example
 * ```ts
 * const before = yield* Leaks.picture()
 * before.processes.has(process.pid) // false
 * ```
 * @category utils
 * @since 0.1.0
 */
export const picture = (options: Options = {}): Effect.Effect<Picture> =>
  Effect.sync(() => {
    openNodesOwn()
    return {
      processes: new Map(Processes.descendants().map((found) => [found.pid, found])),
      descriptors: descriptors(),
      files: files(options.temporary)
    }
  })

const difference = (before: Picture, after: Picture, ignore: (description: string) => boolean): Leaked | undefined => {
  const left = new Leaked({
    processes: [...after.processes.values()].filter(({ command, pid }) =>
      !before.processes.has(pid) && !ignore(command)
    ),
    descriptors: [...after.descriptors].map(([fd, target]) => ({ fd, target })).filter(({ fd, target }) =>
      before.descriptors.get(fd) !== target && !ignore(target)
    ),
    files: [...after.files].filter((file) => !before.files.has(file))
  })
  return left.processes.length + left.descriptors.length + left.files.length === 0 ? undefined : left
}

/**
 * Waits until this process has no resource beyond those in the parameter `before`; at the deadline the failure lists
 * the resources that remain.
 *
 * @example
 * ```ts
 * const before = yield* Leaks.picture()
 * yield* Actor.runInActor(isPrime({ n: 7 })) // true
 * yield* Leaks.check(before)
 * ```
 * @category utils
 * @since 0.1.0
 */
export const check = (before: Picture, options: Options = {}): Effect.Effect<void, Leaked> =>
  Effect.catchTag(
    Eventually.succeeds(
      Effect.flatMap(picture(options), (after) => {
        const leaked = difference(before, after, options.ignore ?? (() => false))
        return leaked === undefined ? Effect.void : Effect.fail(leaked)
      }),
      { within: options.within }
    ),
    "NotInTime",
    ({ last }) => last instanceof Leaked ? Effect.fail(last) : Effect.die(last)
  )

/**
 * Runs an effect, and fails if the effect leaves a process, a descriptor or a file behind, however the effect ends.
 * The failure of the effect comes first in the cause, before the failure of the check for leaks.
 *
 * @example
 * ```ts
 * yield* Leaks.withoutLeaks(Actor.runInActor(isPrime({ n: 7 }))) // true
 * ```
 * @category utils
 * @since 0.1.0
 */
export const withoutLeaks = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  options: Options = {}
): Effect.Effect<A, E | Leaked, R> =>
  Effect.flatMap(picture(options), (before) => Effect.onExit(effect, () => check(before, options)))
