/**
 * Runs a server of its own for a test, on a free port of the loopback, with the server's data in a temporary folder.
 * The server of a test ends when the test's Scope closes. A test may kill its server, freeze the server, and delete the
 * server's data.
 */
import { isOpen } from "@furrow/orphans/privileged"
import * as Eventually from "@furrow/testing/Eventually"
import * as Processes from "@furrow/testing/Processes"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"

export interface Server {
  readonly port: number
  /** Starts the test's server again, with its former data and port. */
  readonly start: Effect.Effect<void, unknown>
  /** Kills a test's server and all its processes at once, as a loss of power would. */
  readonly kill: Effect.Effect<void, unknown>
  /**
   * Stops all processes of a test's server by a signal, without ending them. Connections to a frozen server of a test
   * stay open, and requests on them get no answer.
   */
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
  /** Deletes the data of a test's server that was killed before. */
  readonly wipe: Effect.Effect<void, unknown>
  /** Makes a test's server run again after it was killed, frozen or wiped. */
  readonly restore: Effect.Effect<void, unknown>
}

/** The commands that prepare, run and check one kind of server for tests. */
export interface Kind {
  /** Makes the files that a test's server needs, in an empty folder. By default a test's server needs no files. */
  readonly prepare?: (folder: string, run: (command: string, args: ReadonlyArray<string>) => void) => void
  readonly command: string
  readonly args: (folder: string, port: number) => ReadonlyArray<string>
  /** The check of a test's server fails until the server answers at its port. */
  readonly ready: (port: number) => Effect.Effect<unknown, unknown>
}

/** The bound of the start of a test's server is longer than a start on a loaded host. */
const patience = { within: "60 seconds" } as const

/** Returns the path of the first of the given programs that is installed, or undefined where none is installed. */
export const installed = (candidates: ReadonlyArray<string>): string | undefined =>
  candidates.flatMap((candidate) =>
    candidate.includes("/")
      ? Fs.globSync(candidate).toSorted().toReversed()
      : [...(process.env["PATH"] ?? "").split(Path.delimiter), "/usr/sbin"].map((folder) =>
        Path.join(folder, candidate)
      )
  ).find((file) => Fs.existsSync(file))

export const freePort: Effect.Effect<number> = Effect.callback<number>((resume) => {
  const server = Net.createServer()
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address() as Net.AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

interface User {
  readonly uid: number
  readonly gid: number
}

/** Returns a user without rights where this process runs as root, because servers refuse to run as root. */
const otherUser = (): User | undefined => {
  if (process.getuid?.() !== 0) return undefined
  for (const name of ["postgres", "nobody"]) {
    const line = Fs.readFileSync("/etc/passwd", "utf8").split("\n").find((one) => one.startsWith(`${name}:`))
    if (line !== undefined) return { uid: Number(line.split(":")[2]), gid: Number(line.split(":")[3]) }
  }
  throw new Error("a server that must not run as root needs the user postgres or the user without rights")
}

/** Makes a folder for the data of a test's server, owned by the user that the server runs as. */
const folderFor = (user: User | undefined): Effect.Effect<string, Error, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        const base = [Os.tmpdir(), "/var/tmp"].find((base) => user === undefined || isOpen(Fs.realpathSync(base)))
        if (base === undefined) {
          throw new Error("a server that must not run as root finds no open folder of temporary files")
        }
        const folder = Fs.realpathSync(Fs.mkdtempSync(Path.join(base, "furrow-engine-")))
        if (user !== undefined) Fs.chownSync(folder, user.uid, user.gid)
        return folder
      },
      catch: (error) => error as Error
    }),
    (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true, force: true }))
  )

/** Returns a command whose process dies together with this process, where the kernel supports that. */
const tied = (user: User | undefined, command: string, args: ReadonlyArray<string>) => {
  const setpriv = process.platform === "linux" ? installed(["setpriv"]) : undefined
  if (setpriv === undefined) return { command, args, options: user ?? {} }
  const as = user === undefined ? [] : ["--reuid", String(user.uid), "--regid", String(user.gid), "--clear-groups"]
  return { command: setpriv, args: ["--pdeathsig", "KILL", ...as, command, ...args], options: {} }
}

const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch {
    // A signal to a test's server has no effect where the server's process has already ended.
  }
}

export const make = (kind: Kind): Effect.Effect<Server, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const user = otherUser()
    const folder = yield* folderFor(user)
    const port = yield* freePort
    const prepare = Effect.sync(() => {
      kind.prepare?.(folder, (command, args) => {
        const run = tied(user, command, args)
        const { status, stderr, stdout } = ChildProcess.spawnSync(run.command, run.args, {
          ...run.options,
          cwd: folder,
          encoding: "utf8"
        })
        if (status !== 0) throw new Error(`${command}: exit ${status}\n${stdout}${stderr}`)
      })
    })
    let process: ChildProcess.ChildProcess | undefined
    const all = () =>
      process?.pid === undefined ? [] : [process.pid, ...Processes.descendants(process.pid).map(({ pid }) => pid)]
    const each = (name: NodeJS.Signals) => Effect.sync(() => all().forEach((pid) => signal(pid, name)))
    const kill = Effect.gen(function*() {
      const pids = all()
      for (const pid of pids) signal(pid, "SIGKILL")
      yield* Eventually.holds(
        "the killed server is gone",
        () => pids.every((pid) => ["Z", undefined].includes(Processes.find(pid)?.state)),
        patience
      )
      process = undefined
    })
    const start = Effect.gen(function*() {
      const run = tied(user, kind.command, kind.args(folder, port))
      let output = ""
      const child = ChildProcess.spawn(run.command, run.args, {
        ...run.options,
        cwd: folder,
        stdio: ["ignore", "pipe", "pipe"]
      })
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes) => output += String(bytes))
      process = child
      const died = Effect.callback<never, Error>((resume) =>
        void child.on("close", (code) => resume(Effect.fail(new Error(`the server has ended with exit code ${code}`))))
      )
      yield* Effect.raceFirst(
        Eventually.succeeds(kind.ready(port), { ...patience, what: "the server answers" }),
        died
      ).pipe(Effect.mapError((error) => new Error(`${error.message}\n${output}`)))
    })
    yield* prepare
    yield* Effect.addFinalizer(() => Effect.orDie(kill))
    yield* start
    const wipe = Effect.suspend(() => {
      for (const name of Fs.readdirSync(folder)) Fs.rmSync(Path.join(folder, name), { recursive: true })
      return prepare
    })
    const thaw = each("SIGCONT")
    const restore = Effect.suspend(() => process === undefined ? start : thaw)
    return { port, start, kill, freeze: each("SIGSTOP"), thaw, wipe, restore }
  })

/** Succeeds when a test's server accepts a connection and answers `greeting`, after the server has read `first`. */
export const greets = (port: number, greeting: RegExp, first?: Uint8Array): Effect.Effect<void, string> =>
  Effect.callback<void, string>((resume) => {
    const socket = Net.connect(port, "127.0.0.1", () => void (first !== undefined && socket.write(first)))
    const end = (answer: Effect.Effect<void, string>) => {
      socket.destroy()
      resume(answer)
    }
    socket.setTimeout(1_000, () => end(Effect.fail("it says nothing")))
    socket.on("error", (error) => end(Effect.fail(error.message)))
    socket.on("data", (bytes) => end(greeting.test(String(bytes)) ? Effect.void : Effect.fail(`it says ${bytes}`)))
    return Effect.sync(() => socket.destroy())
  })
