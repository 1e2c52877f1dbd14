/**
 * Reads the stack of a root that computes. A root has no parent that could read the inspector's address from its
 * stderr. A tool asks the root's inspector for its address by HTTP, as any other user of the host may while the port is
 * open. Tools open the inspector of a root only on the explicit request of their user.
 */
import type { StackInspection } from "@furrow/actor/Inspect"
import * as Fs from "node:fs"
import * as Http from "node:http"
import { open } from "./inspectorSession.ts"
import { computes, deafness, framesOf, pause, shut, stepMillis, within } from "./stacks.ts"

/** The state of a TCP socket that listens, in the kernel's tables. */
const listens = "0A"

/** Returns the inodes of the sockets that a process has open. */
const socketsOf = (pid: number): ReadonlySet<string> =>
  new Set(
    Fs.readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(Fs.readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
      } catch {
        // A descriptor that the process has closed since its descriptors were listed is left out.
        return []
      }
    })
  )

/** Returns the IPv4 ports at which a process listens for connections. */
const portsOf = (pid: number): ReadonlyArray<number> => {
  const held = socketsOf(pid)
  return Fs.readFileSync(`/proc/${pid}/net/tcp`, "latin1").split("\n").slice(1).map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === listens && held.has(inode!))
    .map(([, address]) => parseInt(address!.split(":")[1]!, 16))
}

/** Milliseconds between two checks whether the port of a root's inspector is open. */
const lookMillis = 20

const newPort = async (pid: number, before: ReadonlyArray<number>): Promise<number> => {
  const until = performance.now() + stepMillis
  while (performance.now() < until) {
    const port = portsOf(pid).find((port) => !before.includes(port))
    if (port !== undefined) return port
    await pause(lookMillis)
  }
  throw new Error("its inspector did not open: it is open already, its port is taken, or the program catches SIGUSR1")
}

const textFrom = (port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const request = Http.get({ host: "127.0.0.1", port, path: "/json/list", timeout: stepMillis }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (piece: string) => void (text += piece)).on("end", () => resolve(text))
    })
    request.on("error", reject)
    request.on("timeout", () => request.destroy(new Error("its inspector did not answer")))
  })

/**
 * Returns the stack of a root, or null where the root waits in a call of the kernel. The inspector of the root is
 * closed when the stack has been read.
 */
export const stackOfRoot = async (pid: number): Promise<StackInspection> => {
  if (!await computes(pid)) return null
  const deaf = deafness(pid)
  if (deaf !== undefined) throw new Error(deaf)
  const before = portsOf(pid)
  process.kill(pid, "SIGUSR1")
  const [target] = JSON.parse(await textFrom(await newPort(pid, before))) as ReadonlyArray<
    { readonly webSocketDebuggerUrl: string }
  >
  const address = target!.webSocketDebuggerUrl
  const session = await within(open(address), stepMillis, "its inspector did not answer")
  try {
    return await framesOf(session)
  } finally {
    await shut(session, address)
  }
}
