/** A live tree as an attacker sees it: its processes, its sockets, and its reports. */
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Readline from "node:readline"
import { fileURLToPath } from "node:url"
import * as Certificates from "./certificates.ts"
import * as Processes from "./processes.ts"
import type { Line, Load, Member, Seen } from "./tree/lines.ts"
import type { Target } from "./wire.ts"

const program = fileURLToPath(new URL("./tree/root.ts", import.meta.url))

/** The number of connections that the actors of the attacked tree have in total before an attack begins. */
const connections = 5

export const transports = ["unix", "tcp", "tls"] as const

export type Transport = typeof transports[number]

/** The folder in the runtime folder that holds the certificates of a run of attacks over TLS. */
const certificatesFolder = "certificates"

/** Files of /proc that show anything about a process except the contents of the process's memory. */
const proc = ["cmdline", "environ", "comm", "status", "stat", "maps", "mountinfo"]

/** Returns every form in which the secret of the attacked tree could be written down. */
const spellings = (secret: Uint8Array): ReadonlyArray<string> => {
  const bytes = Buffer.from(secret)
  // Each half of the tree's secret is searched for in addition to the whole secret.
  return [bytes.subarray(0, 12), bytes.subarray(12, 24), bytes.subarray(20)].flatMap((part) => [
    part.toString("hex"),
    part.toString("hex").toUpperCase(),
    part.toString("base64").slice(0, 15),
    part.toString("base64url").slice(0, 15),
    part.toString("latin1"),
    [...part].join(","),
    [...part].join(", ")
  ])
}

export class Victim {
  readonly transport: Transport
  readonly members: ReadonlyArray<Member>
  readonly folder: string
  readonly secret: Uint8Array
  /** The certificates of the attacked tree, where its transport is TLS. */
  readonly certificates: Certificates.Run
  readonly loads: Array<Load & { readonly pair: string }> = []
  readonly sights: Array<Seen & { readonly who: string }> = []
  private readonly arrivals = new Map<number, Extract<Line, { _tag: "Newcomer" }>>()
  private readonly process: ChildProcess.ChildProcess
  private readonly runtime: string
  /** The output of the attacked tree apart from its reports. */
  private text = ""
  private next = 0

  private constructor(
    process: ChildProcess.ChildProcess,
    runtime: string,
    transport: Transport,
    certificates: Certificates.Run,
    up: Extract<Line, { _tag: "Up" }>
  ) {
    this.process = process
    this.runtime = runtime
    this.transport = transport
    this.certificates = certificates
    this.members = up.members
    this.folder = up.folder
    this.secret = new Uint8Array(Buffer.from(up.secret, "hex"))
    process.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.text += text
    })
  }

  static async start(transport: Transport): Promise<Victim> {
    const runtime = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-attack-"))
    const certificates = Certificates.make(Path.join(runtime, certificatesFolder))
    const args = [program, transport, runtime, JSON.stringify(certificates.files)]
    const child = ChildProcess.spawn(process.execPath, [...process.execArgv, ...args], {
      stdio: ["pipe", "pipe", "pipe"]
    })
    const victim = await new Promise<Victim>((resolve, reject) => {
      let victim: Victim | undefined
      child.once("exit", (code) => reject(new Error(`the tree did not start, or ended early: exit code ${code}`)))
      child.stdin.on("error", () => {})
      Readline.createInterface({ input: child.stdout }).on("line", (text) => {
        const line = text.startsWith("{") ? JSON.parse(text) as Line : undefined
        if (line?._tag === "Up") resolve(victim = new Victim(child, runtime, transport, certificates, line))
        else victim?.hear(line, text)
      })
    })
    const working = () => new Set(victim.loads.map(({ pair }) => pair)).size === 4 && victim.peers === connections
    if (!await Processes.until(working, 20_000)) throw new Error("the tree does not get to work")
    return victim
  }

  private hear(line: Line | undefined, text: string): void {
    switch (line?._tag) {
      case "Load":
        return void this.loads.push({ ...line.load, pair: line.pair })
      case "Seen":
        return void this.sights.push({ ...line.seen, who: line.who })
      case "Newcomer":
        this.arrivals.set(line.n, line)
        this.text += `${line.error ?? ""}\n`
        return
      default:
        this.text += `${text}\n`
    }
  }

  get isAlive(): boolean {
    return this.members.every(({ pid }) => Processes.isAlive(pid))
  }

  member(name: string): Member {
    return this.members.find((member) => member.name === name)!
  }

  /** Returns the path of an actor's socket; undefined for an actor that does not listen. */
  socket(name: string): string {
    return Path.join(this.folder, `${name}@${this.member(name).pid}.sock`)
  }

  /** Returns the address of an actor of the tree, as an attacker finds it. */
  target(name: string): Target {
    if (this.transport === "unix") return { path: this.socket(name) }
    const [port] = Processes.ports(this.member(name).pid)
    if (port === undefined) throw new Error(`${name} does not listen`)
    return { host: "127.0.0.1", port, tls: this.transport === "tls" ? this.certificates.right : undefined }
  }

  /**
   * Makes a new actor of the attacked tree dial the actor with the given name. The report of a new actor says how long
   * its dial took, or why the dial failed.
   */
  newcomer(to: string): Promise<Extract<Line, { _tag: "Newcomer" }>> {
    return this.asked(to)
  }

  /**
   * Tells the actor `left` of the attacked tree to ask the registry at the address `address` a question. The report of
   * the actor `left` holds the error of its question, if the registry refused the question.
   */
  asker(address: string): Promise<Extract<Line, { _tag: "Newcomer" }>> {
    return this.asked(`at ${address}`)
  }

  private async asked(what: string): Promise<Extract<Line, { _tag: "Newcomer" }>> {
    const n = ++this.next
    this.process.stdin!.write(`${n} ${what}\n`)
    await Processes.until(() => this.arrivals.has(n), 30_000)
    return this.arrivals.get(n) ?? { _tag: "Newcomer", n, error: "it was never heard of again", millis: NaN }
  }

  /** The number of runs of a handler that no actor of the attacked tree calls. */
  get opened(): number {
    const latest = new Map(this.sights.map(({ opened, who }) => [who, opened]))
    return Array.from(latest.values()).reduce((sum, opened) => sum + opened, 0)
  }

  /** The number of connections between actors of the attacked tree, as the actors count their connections. */
  get peers(): number {
    const latest = new Map(this.sights.map(({ peers, who }) => [who, peers]))
    return Array.from(latest.values()).reduce((sum, peers) => sum + peers, 0)
  }

  /**
   * The places where the tree's secret or a private key stands: the tree's output, its events, and the files of its
   * processes in /proc.
   */
  get leaks(): ReadonlyArray<string> {
    const places: Array<readonly [string, string]> = [
      ["what it writes", this.text],
      ["its events", this.sights.flatMap(({ reasons }) => reasons).join("\n")],
      // Guards and newly started actors are searched for the secret in addition to the actors that the attacker knows.
      ...Processes.withChildren(this.member("root").pid).flatMap((pid) => {
        const of = this.members.find((member) => member.pid === pid)?.name ?? `process ${pid}`
        return [
          ...proc.map((file) => [`the ${file} of ${of}`, Processes.text(pid, file)] as const),
          [`the descriptors of ${of}`, Processes.names(pid).join("\n")] as const
        ]
      })
    ]
    const spelled = [this.secret, this.certificates.secret].flatMap(spellings)
    return places.filter(([, text]) => spelled.some((spelling) => text.includes(spelling))).map(([place]) => place)
  }

  get said(): string {
    return this.text
  }

  async stop(): Promise<ReadonlyArray<string>> {
    this.process.removeAllListeners("exit")
    const exit = new Promise<number | null>((resolve) => this.process.once("exit", resolve))
    this.process.kill("SIGTERM")
    // The timer that kills the attacked tree is cleared, because a running timer would keep the attacker's process from
    // ending.
    const timer = setTimeout(() => this.process.kill("SIGKILL"), 15_000)
    const code = await exit
    clearTimeout(timer)
    await Processes.until(() => !this.members.some(({ pid }) => Processes.isAlive(pid)), 5_000)
    const left = Fs.readdirSync(this.runtime).filter((name) => name !== certificatesFolder)
    Fs.rmSync(this.runtime, { recursive: true, force: true })
    return [
      ...code === 143 ? [] : [`the root ended with ${code} instead of 143`],
      ...this.members.filter(({ pid }) => Processes.isAlive(pid)).map(({ name }) => `${name} outlived its tree`),
      ...left.map((name) => `${name} is left in the runtime folder`)
    ]
  }
}
