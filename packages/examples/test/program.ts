/** Runs a program in a process of its own, as a user does, and returns its output and the processes that it left. */
import * as Processes from "@furrow/testing/Processes"
import * as ChildProcess from "node:child_process"
import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"

export interface Ran {
  readonly stdout: string
  readonly stderr: string
  readonly code: number | null
  /** Processes that the program started and that still live some seconds after its end. */
  readonly left: ReadonlyArray<Processes.Process>
}

/** Milliseconds after which a program is killed, so that its exit code is `null`. */
const deadline = 60_000
const marker = "FURROW_EXAMPLE_RUN"

const leftBehind = async (mark: string, grace: number): Promise<ReadonlyArray<Processes.Process>> => {
  const until = Date.now() + grace
  while (true) {
    const left = Processes.withVariable(marker, mark)
    if (left.length === 0 || Date.now() >= until) return left
    await sleep(20)
  }
}

/**
 * Runs `node` with these arguments on the sources of this repository. Processes that end by themselves after the
 * program get `grace` milliseconds to do so.
 */
export const runNode = async (
  args: ReadonlyArray<string>,
  { grace = 10_000, within = deadline }: { readonly grace?: number; readonly within?: number } = {}
): Promise<Ran> => {
  // Every process that the program starts inherits this mark, and is found by it wherever it is in the tree of
  // processes.
  const mark = randomUUID()
  const child = ChildProcess.spawn(process.execPath, ["--conditions=furrow-source", ...args], {
    env: { ...withoutTests(process.env), [marker]: mark },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text)
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text)
  const timer = setTimeout(() => child.kill("SIGKILL"), within)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (code) => resolve(code))
  })
  clearTimeout(timer)
  return { stdout, stderr, code, left: await leftBehind(mark, grace) }
}

/** Variables of the test runner are removed, because a user does not have them. */
const withoutTests = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(VITEST|VITE|TEST$|NODE_ENV$|NODE_OPTIONS$|FORCE_COLOR$)/.test(name))
  )

/**
 * Returns a pattern for the promised lines of an output. The text `<...>` alone on a line stands for any number of
 * lines; any other word in angle brackets stands for some text within its line.
 */
export const promised = (lines: ReadonlyArray<string>): RegExp => {
  const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
  const line = (text: string) => text.split(/<[^>]+>/).map(escape).join("[^\\n]+")
  return new RegExp(`^${lines.map((text) => text === "<...>" ? "(?:[^\\n]*\\n)*?" : `${line(text)}\\n`).join("")}$`)
}
