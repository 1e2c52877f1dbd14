/**
 * The place of one case of `npm run hosts`: two hosts with trees, an engine on a third host, certificates, and the
 * trees' output.
 */
import * as Server from "@furrow/engines/Server"
import * as Certificates from "@furrow/testing/Certificates"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { monitorEventLoopDelay } from "node:perf_hooks"
import * as Network from "./network.ts"
import type { Settings } from "./programs/tree.ts"

/** One line of the output of a tree's program, with its time in milliseconds and its text. */
export interface Line {
  readonly at: number
  readonly text: string
}

/** The tree that runs on one host of a case of `npm run hosts`. */
export interface Tree {
  readonly program: Program.Program
  readonly lines: () => ReadonlyArray<Line>
  /** Waits for a line of the tree's output that matches the expression and is later than the given time. */
  readonly says: (text: RegExp, after?: number) => Effect.Effect<Line, Eventually.NotInTime>
  /** Kills all processes of one host's tree at once. */
  readonly kill: Effect.Effect<void>
}

export interface Place {
  readonly network: Network.Network<"east" | "west" | "engine">
  readonly tree: (
    host: "east" | "west",
    settings?: Pick<Settings, "calls" | "elects" | "lists" | "starts">
  ) => Effect.Effect<Tree, never, Scope.Scope>
  /** Returns the milliseconds by which timers of this computer were late at most since the case began. */
  readonly delay: () => number
}

/**
 * The bound of one wait in a case with several hosts. A wait in a case with several hosts takes seconds, and may take
 * much longer on a loaded computer.
 */
const patience = { within: "90 seconds", every: "50 millis" } as const

const port = 4222

const server = Server.installed(["nats-server"])

/** Returns the reason why this computer cannot run the cases with several hosts, or undefined where it can. */
export const cannot = (): string | undefined =>
  Network.cannot() ??
    (server === undefined ? "there is no nats-server (Debian has a package of this name)" : undefined)

const engine = (host: Network.Host, folder: string) =>
  Effect.gen(function*() {
    const listen = ["-a", host.address, "-p", String(port), "-js", "-sd", Path.join(folder, "engine")]
    const [command = "", ...args] = [...host.through, server!, ...listen]
    let output = ""
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const child = ChildProcess.spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] })
        child.stderr.on("data", (bytes) => output += String(bytes))
        return child
      }),
      (child) => Effect.sync(() => void child.kill("SIGKILL"))
    )
    yield* Eventually.holds("the engine is ready", () => output.includes("Server is ready"), patience)
  })

const linesOf = (text: string): ReadonlyArray<Line> =>
  text.split("\n").slice(0, -1).flatMap((line) => {
    const [, at, text] = /^(\d{13}) (.*)$/.exec(line) ?? []
    return at === undefined ? [{ at: Number.NaN, text: line }] : [{ at: Number(at), text: text! }]
  })

const treeOf = (program: Program.Program): Tree => {
  const lines = () => linesOf(program.stdout())
  return {
    program,
    lines,
    says: (pattern, after = 0) =>
      Eventually.succeeds(
        Effect.suspend(() => {
          const line = lines().find(({ at, text }) => (Number.isNaN(at) || at >= after) && pattern.test(text))
          const shown = `\n${program.stdout()}\n--- stderr\n${program.stderr()}`
          return line === undefined ? Effect.fail(shown) : Effect.succeed(line)
        }),
        { ...patience, what: `a line matches ${pattern}` }
      ),
    kill: Effect.sync(() => {
      for (const pid of [program.pid, ...program.left().map(({ pid }) => pid)]) {
        try {
          process.kill(pid, "SIGKILL")
        } catch {
          // The kill of a process of a host's tree has no effect where the process has already ended.
        }
      }
    })
  }
}

/**
 * Makes three hosts of a test network, of which the third host runs the engine. The hosts of a case and their processes
 * are removed when the Scope closes.
 */
export const make: Effect.Effect<Place, Network.NetworkError | Eventually.NotInTime, Scope.Scope> = Effect.gen(
  function*() {
    const folder = yield* Folder.make()
    const network = yield* Network.make(["east", "west", "engine"])
    const { hosts } = network
    yield* engine(hosts.engine, folder)
    const authority = Certificates.sign({ name: "authority" })
    const histogram = monitorEventLoopDelay({ resolution: 10 })
    histogram.enable()
    yield* Effect.addFinalizer(() => Effect.sync(() => histogram.disable()))
    return {
      network,
      delay: () => histogram.max / 1e6,
      tree: (host, settings = {}) => {
        const { address, through } = hosts[host]
        const signed = Certificates.sign({ name: host, hosts: [address], by: authority })
        const all: Settings = {
          ...settings,
          name: host,
          host: address,
          engine: `${hosts.engine.address}:${port}`,
          secret: Path.join(folder, "secret"),
          files: Certificates.write(folder, authority, signed)
        }
        const temporary = Path.join(folder, host)
        Fs.mkdirSync(temporary, { recursive: true })
        return Effect.map(
          Program.start(Path.join(import.meta.dirname, "programs", "tree.ts"), {
            args: [JSON.stringify(all)],
            env: { TMPDIR: temporary, XDG_RUNTIME_DIR: "" },
            through
          }),
          treeOf
        )
      }
    }
  }
)
