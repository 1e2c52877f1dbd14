/**
 * Finds the tools for trees with privileged processes: a Node with file capabilities, and a user without rights. Some
 * hosts have neither a Node with file capabilities nor a user without rights.
 */
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"

/** The number of the user `nobody`, which has no rights, and whose processes the superuser may end. */
export const nobody = 65_534

/** The command that runs another command as the user `nobody`. */
export const asNobody = ["setpriv", "--reuid", String(nobody), "--regid", String(nobody), "--clear-groups"] as const

/** Returns why no root of a tree can change its user on this host. */
export const rootless = (): string | undefined => process.geteuid?.() === 0 ? undefined : "it needs root"

export interface Tools {
  readonly setcap: string
  /** The folder for the copy of Node with file capabilities. */
  readonly everybodys: string
}

const found = (name: string): string | undefined =>
  [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/sbin"].map((folder) => Path.join(folder, name)).find((
    file
  ) => Fs.existsSync(file))

/**
 * True where every user may enter a folder and all folders above it, because the folder of temporary files may be
 * private.
 */
export const isOpen = (folder: string): boolean =>
  (Fs.statSync(folder).mode & 0o001) !== 0 && (Path.dirname(folder) === folder || isOpen(Path.dirname(folder)))

/** A folder for temporary files that every user may enter; undefined if this host has none. */
export const everybodys = ["/tmp", "/var/tmp", "/dev/shm"].find((folder) => Fs.existsSync(folder) && isOpen(folder))

/** Tries with a copy of a small program whether a file system keeps capabilities and the kernel respects them. */
const heeded = (setcap: string, everybodys: string): string | undefined => {
  const folder = Fs.mkdtempSync(Path.join(everybodys, "furrow-capable-"))
  try {
    Fs.chmodSync(folder, 0o755)
    const file = Path.join(folder, "cat")
    Fs.copyFileSync("/bin/cat", file)
    const set = ChildProcess.spawnSync(setcap, ["cap_net_bind_service+ep", file], { encoding: "utf8" })
    if (set.status !== 0) return `setcap failed: ${set.stderr?.trim()}`
    const [as, ...args] = asNobody
    const { stdout } = ChildProcess.spawnSync(as, [...args, file, "/proc/self/status"], { encoding: "utf8" })
    return /^CapPrm:\s*0*400$/m.test(stdout ?? "") ? undefined : "file capabilities are not heeded here"
  } finally {
    Fs.rmSync(folder, { recursive: true, force: true })
  }
}

/** Returns the tools that make a copy of Node with file capabilities, or the reason why this host lacks the tools. */
export const capableNode = (): Tools | { readonly problem: string } => known ??= lookForTools()

let known: Tools | { readonly problem: string } | undefined

const lookForTools = (): Tools | { readonly problem: string } => {
  if (process.platform !== "linux") return { problem: "file capabilities are Linux's" }
  const problem = rootless()
  if (problem !== undefined) return { problem }
  const setcap = found("setcap")
  if (setcap === undefined) return { problem: "there is no setcap (Debian has it in libcap2-bin)" }
  if (!Fs.existsSync(process.execPath)) return { problem: "this Node has no file" }
  if (everybodys === undefined) return { problem: "no folder of temporary files is open to every user" }
  if (!isOpen(import.meta.dirname)) return { problem: "another user cannot read this checkout" }
  const unheeded = heeded(setcap, everybodys)
  return unheeded === undefined ? { setcap, everybodys } : { problem: unheeded }
}

/** Makes a copy of this process's Node that has a capability, in a folder of its own. */
export const install = (
  tools: Tools | { readonly problem: string }
): { readonly file: string; readonly folder: string } => {
  if ("problem" in tools) throw new Error(tools.problem)
  const folder = Fs.mkdtempSync(Path.join(tools.everybodys, "furrow-capable-"))
  Fs.chmodSync(folder, 0o755)
  Fs.chownSync(folder, nobody, nobody)
  const file = Path.join(folder, "node")
  Fs.copyFileSync(process.execPath, file)
  Fs.chmodSync(file, 0o755)
  ChildProcess.execFileSync(tools.setcap, ["cap_net_bind_service+ep", file])
  return { file, folder }
}

/** Returns the copy of Node with file capabilities, which is made once for all test cases of a run. */
export const shared = (() => {
  let installed: { readonly file: string; readonly folder: string } | undefined
  return () => {
    if (installed !== undefined) return installed
    const { folder } = installed = install(capableNode())
    process.on("exit", () => Fs.rmSync(folder, { recursive: true, force: true }))
    return installed
  }
})()
