/**
 * Measures the memory of idle connections to one actor: `npm run trees -- idle [count] [transport]`. The measurement of
 * idle connections prints the memory of one end of a connection for each transport, beside a bare socket of Node. The
 * two ends of the measured connections are two processes. The measurement of idle connections works only on Linux.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import type { Memory, Place, Settings, Told, Wish } from "./idleEnd.ts"

/** The largest memory of one end of an idle connection in KiB, which for TLS is the excess over bare `node:tls`. */
const gateKib = 16

/**
 * The number of idle connections that are made before the first measurement, so that code is compiled and shared
 * buffers exist.
 */
const warmUp = 256

/** The number of descriptors that a process needs in addition to the descriptors of its connections. */
const spareDescriptors = 200

const module = fileURLToPath(new URL("idleEnd.ts", import.meta.url))

class End {
  private readonly child: ChildProcess

  constructor(settings: Settings, count: number) {
    const node = [process.execPath, "--expose-gc", "--conditions=furrow-source", module, JSON.stringify(settings)]
    const descriptors = count + warmUp + spareDescriptors
    // The shell raises the limit of open descriptors for the Node process that it then becomes, up to the hard limit.
    const raised = `ulimit -n ${descriptors} 2> /dev/null || ulimit -n "$(ulimit -Hn)"; exec "$@"`
    this.child = spawn("/bin/sh", ["-c", raised, "sh", ...node], { stdio: ["ignore", "inherit", "inherit", "ipc"] })
  }

  heard(): Promise<Told> {
    return new Promise((resolve, reject) => {
      this.child.once("message", (told) => resolve(told as Told))
      this.child.once("exit", (code) => reject(new Error(`an end of the connections has exited with ${code}`)))
    })
  }

  ask(wish: Wish): Promise<Told> {
    const heard = this.heard()
    this.child.send(wish)
    return heard
  }

  end(): void {
    this.child.removeAllListeners("exit")
    this.child.kill("SIGKILL")
  }
}

interface Cost {
  readonly accepted: Memory
  readonly dialled: Memory
}

const measure = async (settings: Settings, count: number): Promise<Cost> => {
  const near = new End(settings, count)
  let far: End | undefined
  try {
    const { place } = await near.heard()
    far = new End({ ...settings, to: place as Place }, count)
    await far.heard()
    const look = async (wish: number) => {
      const [accepted, dialled] = await Promise.all([near.ask(wish), far!.ask(wish)])
      return { accepted: accepted.memory!, dialled: dialled.memory! }
    }
    const before = await look(warmUp)
    const after = await look(warmUp + count)
    const kib = (what: keyof Cost, of: keyof Memory) => (after[what][of] - before[what][of]) / count / 1024
    const both = (what: keyof Cost) => ({ used: kib(what, "used"), resident: kib(what, "resident") })
    return { accepted: both("accepted"), dialled: both("dialled") }
  } finally {
    near.end()
    far?.end()
  }
}

/** Makes a certificate of this host by openssl, which both ends of a TLS connection trust. */
const certificate = (folder: string): Settings["files"] => {
  const [key, cert] = [Path.join(folder, "host.key"), Path.join(folder, "host.crt")]
  const wish = ["-x509", "-newkey", "ed25519", "-nodes", "-days", "1", "-subj", "/CN=host"]
  const names = ["-addext", "subjectAltName=IP:127.0.0.1"]
  execFileSync("openssl", ["req", ...wish, ...names, "-keyout", key, "-out", cert], { stdio: "pipe" })
  return { ca: cert, cert, key }
}

const transports = ["unix", "tcp", "tls"] as const

export const run = async (count: number, only: string | undefined): Promise<void> => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-idle-"))
  try {
    const files = certificate(folder)
    for (const transport of transports.filter((one) => only === undefined || one === only)) {
      const bare = await measure({ kind: "bare", transport, folder, files }, count)
      const furrow = await measure({ kind: "furrow", transport, folder, files }, count)
      for (const what of ["accepted", "dialled"] as const) {
        const gate = gateKib + (transport === "tls" ? bare[what].used : 0)
        const isMet = furrow[what].used <= gate
        if (!isMet) process.exitCode = 1
        const show = ({ resident, used }: Memory) => `${used.toFixed(1)} (resident ${resident.toFixed(1)})`
        console.log(
          `${transport.padEnd(5)} ${what.padEnd(9)} KiB an end: ${show(furrow[what])}, bare ${show(bare[what])}; ` +
            `gate ${gate.toFixed(1)}: ${isMet ? "met" : "MISSED"}`
        )
      }
    }
  } finally {
    Fs.rmSync(folder, { recursive: true, force: true })
  }
}
