/**
 * Attacks a tree with a runtime folder that is not safe for sockets. A tree either refuses an unsafe runtime folder,
 * with a message that says what to do, or makes the folder safe. Each attack that uses an unsafe runtime folder starts
 * a small tree for itself.
 */
import { isOpen, nobody } from "@furrow/orphans/privileged"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import type { Case, Field, Outcome } from "../verdict.ts"

const program = fileURLToPath(new URL("../tree/brief.ts", import.meta.url))

/** The uid of a user that is neither the user of the tree nor root. */
export const stranger = nobody

const isRoot = process.getuid?.() === 0

/** Returns the output of a small tree that keeps its sockets in the given runtime folder. */
const brief = (runtime: string): Promise<string> =>
  new Promise((resolve) => {
    ChildProcess.execFile(
      process.execPath,
      [...process.execArgv, program, runtime],
      { timeout: 30_000 },
      (error, stdout, stderr) => resolve(error === null ? stdout.trim() : `exit ${error.code}: ${stderr}`)
    )
  })

const within =
  (prepare: (folder: string) => string, expects: RegExp, after?: (runtime: string) => string | undefined) =>
  async (): Promise<Outcome> => {
    const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-attack-"))
    try {
      const runtime = prepare(folder)
      const said = await brief(runtime)
      const wrong = after?.(runtime)
      return {
        figures: said.replaceAll(folder, "…").slice(0, 150),
        problems: [...expects.test(said) ? [] : [`it says: ${said}`], ...wrong === undefined ? [] : [wrong]]
      }
    } finally {
      Fs.rmSync(folder, { recursive: true, force: true })
    }
  }

/**
 * Runs a case of an attack only if the attacks run as the Unix user root. Only the Unix user root can give files to
 * another user.
 */
export const asRoot = (run: (field: Field) => Promise<Outcome>) => (field: Field): Promise<Outcome> =>
  isRoot ? run(field) : Promise.resolve({ figures: "left out: only root can give files away", problems: [] })

/**
 * Runs a case of an attack by another user, provided that this other user may execute the Node that runs the attacks.
 */
export const asStranger = (run: (field: Field) => Promise<Outcome>) => (field: Field): Promise<Outcome> =>
  isOpen(Path.dirname(process.execPath))
    ? asRoot(run)(field)
    : Promise.resolve({ figures: "left out: another user cannot enter the folder of this Node", problems: [] })

/** Tries to open the sockets of the tree as another user of the host. */
const otherUser = ({ victim }: Field): Promise<Outcome> =>
  new Promise((resolve) => {
    const code = `const s = require("net").connect(${JSON.stringify(victim.socket("anvil"))});` +
      `s.on("connect", () => { console.log("connected"); s.destroy() }); s.on("error", (e) => console.log(e.code))`
    const child = ChildProcess.spawn(process.execPath, ["-e", code], {
      uid: stranger,
      gid: stranger,
      env: {},
      cwd: "/"
    })
    let said = ""
    child.stdout.on("data", (bytes: Buffer) => {
      said += bytes
    })
    child.on("error", (error) => resolve({ figures: "", problems: [error.message] }))
    child.on(
      "close",
      () =>
        resolve({
          figures: `user ${stranger}: ${said.trim()}`,
          problems: said.trim() === "EACCES" ? [] : [said.trim()]
        })
    )
  })

export const folders: ReadonlyArray<Case> = [
  { name: "another user of the machine", over: "unix", run: asStranger(otherUser) },
  {
    name: "the runtime folder is a symbolic link",
    over: "unix",
    run: within((folder) => {
      Fs.mkdirSync(Path.join(folder, "real"))
      Fs.symlinkSync(Path.join(folder, "real"), Path.join(folder, "link"))
      return Path.join(folder, "link")
    }, /^ActorUnreachable: .*symbolic link.*Remove the link/)
  },
  {
    name: "a link of somebody else on the way to it",
    over: "unix",
    slow: true,
    run: asRoot(within((folder) => {
      Fs.mkdirSync(Path.join(folder, "real"))
      Fs.symlinkSync(Path.join(folder, "real"), Path.join(folder, "link"))
      Fs.lchownSync(Path.join(folder, "link"), stranger, stranger)
      return Path.join(folder, "link", "run")
    }, /^ActorUnreachable: .*not one of root's/))
  },
  {
    name: "the runtime folder belongs to somebody else",
    over: "unix",
    run: asRoot(within((folder) => {
      const runtime = Path.join(folder, "run")
      Fs.mkdirSync(runtime, { mode: 0o777 })
      Fs.chownSync(runtime, stranger, stranger)
      return runtime
    }, /^ActorUnreachable: .*belongs to user 65534.*Have its owner remove it/))
  },
  {
    name: "the runtime folder is a file",
    over: "unix",
    slow: true,
    run: within((folder) => {
      Fs.writeFileSync(Path.join(folder, "run"), "")
      return Path.join(folder, "run")
    }, /^ActorUnreachable: .*not a folder/)
  },
  {
    name: "the runtime folder is open to everybody (0777)",
    over: "unix",
    slow: true,
    run: within(
      (folder) => {
        const runtime = Path.join(folder, "run")
        Fs.mkdirSync(runtime)
        Fs.chmodSync(runtime, 0o777)
        return runtime
      },
      /^ok$/,
      (runtime) => {
        const mode = Fs.statSync(runtime).mode & 0o777
        return mode === 0o700 ? undefined : `its mode is ${mode.toString(8)} afterwards`
      }
    )
  }
]
