/**
 * Measures how long the child process of other runtimes than Furrow outlives its parent. The parent of a measured child
 * is killed or asked to end, while the child waits or computes. The other runtimes do not promise to end the child of a
 * dead parent, and are measured only for comparison.
 */
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { play as playCell } from "../cell.ts"
import { isAlive, killMarked, marked, pause, signal, until, variable } from "../processes.ts"
import { table } from "../tables.ts"
import type { Job } from "./work.ts"

interface Peer {
  readonly name: string
  /** The npm package of the library that starts the child process; undefined for a function of Node itself. */
  readonly package: string | undefined
}

const peers: ReadonlyArray<Peer> = [
  { name: "fork", package: undefined },
  { name: "cluster", package: undefined },
  { name: "tinypool", package: "tinypool" },
  { name: "workerpool", package: "workerpool" },
  { name: "jest-worker", package: "jest-worker" },
  { name: "effect/workers", package: "@effect/platform-node" }
]

const parent = fileURLToPath(new URL("./parent.ts", import.meta.url))

/** Milliseconds to wait for a child's end, longer than the longest grace of the measured runtimes. */
const patience = 7_000

/** Returns the installed version of a measured runtime; undefined where the runtime is not installed. */
const versionOf = ({ package: name }: Peer): string | undefined => {
  if (name === undefined) return process.version
  // Some packages do not export their manifest, so the manifest is looked for in the folders where Node would look.
  for (let folder = import.meta.dirname; folder !== Path.dirname(folder); folder = Path.dirname(folder)) {
    const manifest = Path.join(folder, "node_modules", name, "package.json")
    if (Fs.existsSync(manifest)) return (JSON.parse(Fs.readFileSync(manifest, "utf8")) as { version: string }).version
  }
  return undefined
}

class Family {
  readonly mark = Crypto.randomUUID()
  readonly folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-orphans-"))
  readonly parent: ChildProcess.ChildProcess
  private stderr = ""

  constructor(peer: Peer, state: Job["state"]) {
    const job: Job = { state, file: this.file }
    this.parent = ChildProcess.spawn(process.execPath, [parent, peer.name, JSON.stringify(job)], {
      stdio: ["ignore", "ignore", "pipe"],
      // The parent of a measured child leads a process group, so that a child which drops its environment is still
      // found at the end.
      detached: true,
      env: { ...process.env, [variable]: this.mark }
    })
    this.parent.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text
    })
  }

  get file(): string {
    return Path.join(this.folder, "pid")
  }

  /** Ends the parent of a measured child, and returns how long the child outlived the parent. */
  async lose(how: NodeJS.Signals): Promise<string> {
    const { file, mark } = this
    const there = await until(() => Fs.existsSync(file) && Fs.readFileSync(file, "utf8").endsWith("\n"), 20_000)
    if (!there) return `did not start: ${this.stderr.trim().split("\n")[0]}`
    const pid = Number(Fs.readFileSync(file, "utf8"))
    // The pause in which the parent of a measured child installs its handlers of signals.
    await pause(200)
    const start = performance.now()
    this.parent.kill(how)
    const gone = await until(() => !isAlive(pid) && marked(mark).length === 0, patience, 5)
    return gone ? `${Math.ceil(performance.now() - start)} ms` : "left"
  }

  async end(): Promise<void> {
    await killMarked(this.mark)
    signal(-this.parent.pid!, "SIGKILL")
    Fs.rmSync(this.folder, { recursive: true, force: true })
  }
}

const play = (peer: Peer, how: NodeJS.Signals, state: Job["state"]): Effect.Effect<string> =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Family(peer, state)),
    (family) => Effect.promise(() => family.lose(how)),
    (family) => Effect.promise(() => family.end())
  )

const ours = (how: "SIGKILL" | "SIGTERM", state: Job["state"]): Effect.Effect<string> =>
  Effect.map(
    playCell({
      who: "root",
      how,
      state: state === "busy" ? "spinning" : "idle",
      where: "all",
      depth: 1,
      rights: "usual",
      guard: "warden"
    }),
    ({ millis }) => millis === undefined ? "left" : `${Math.ceil(millis)} ms`
  )

const deaths = [["SIGKILL", "idle"], ["SIGKILL", "busy"], ["SIGTERM", "idle"], ["SIGTERM", "busy"]] as const

const rowOf = (name: string, version: string, one: (how: typeof deaths[number]) => Effect.Effect<string>) =>
  Effect.map(
    // The children of all measured runtimes are waited for at once, because waiting for a child's end needs no
    // processor time.
    Effect.forEach(deaths, one, { concurrency: "unbounded" }),
    (cells): ReadonlyArray<string> => [name, version, ...cells]
  )

const rowOfPeer = (peer: Peer): Effect.Effect<ReadonlyArray<string>> => {
  const version = versionOf(peer)
  return version === undefined
    ? Effect.succeed([peer.name, "not installed", ...deaths.map(() => "")])
    : rowOf(peer.name, version, ([how, state]) => play(peer, how, state))
}

/** Returns a table of how long the child process of each runtime outlives its parent. */
export const run = Effect.gen(function*() {
  const own = yield* rowOf("Furrow", "this", ([how, state]) => ours(how, state))
  const others = yield* Effect.forEach(peers, rowOfPeer)
  const heads = deaths.map(([how, state]) => `parent ${how}, child ${state}`)
  return table([["child of", "version", ...heads], own, ...others])
})
