/**
 * Attacks an actor that is being debugged, and so listens on a port of the loopback, which every user of the host can
 * reach. A process that knows the id of an actor's debugger can run code in the actor's process. The attack looks for
 * the id of an actor's debugger in every place that another user of the host can read.
 */
import * as ChildProcess from "node:child_process"
import * as Readline from "node:readline"
import { fileURLToPath } from "node:url"
import type { Case, Field, Outcome } from "../verdict.ts"
import { asStranger, stranger } from "./folders.ts"

const program = fileURLToPath(new URL("../tree/inspected.ts", import.meta.url))

/** Milliseconds for the attacked tree to start, and for its debugger to answer. */
const patience = 30_000

interface Inspected {
  readonly port: number
  readonly id: string
  readonly stop: () => void
}

/** Starts a small tree with one actor that is being debugged. */
const start = (): Promise<Inspected> =>
  new Promise((resolve, reject) => {
    const child = ChildProcess.spawn(process.execPath, [...process.execArgv, program], {
      stdio: ["ignore", "ignore", "pipe"]
    })
    const stop = () => void child.kill("SIGKILL")
    const timer = setTimeout(() => {
      stop()
      reject(new Error("the tree under the debugger does not start"))
    }, patience)
    Readline.createInterface({ input: child.stderr }).on("line", (line) => {
      const [, port, id] = /^Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)\/([\w-]+)/.exec(line) ?? []
      if (port === undefined) return
      clearTimeout(timer)
      resolve({ port: Number(port), id: id!, stop })
    })
  })

/** The HTTP paths at which the port of an actor's debugger answers. */
const questions = ["/json", "/json/list", "/json/version", "/json/protocol", "/"]

const asked = (port: number): string =>
  `const ask = (path) => fetch("http://127.0.0.1:${port}" + path, { signal: AbortSignal.timeout(3000) })` +
  `.then((answer) => answer.text(), () => "no answer");` +
  `Promise.all(${JSON.stringify(questions)}.map(ask)).then((said) => console.log(JSON.stringify(said)))`

/** Returns the answers that another user of the host gets from the port of a debugger. */
const heard = (port: number): Promise<string> =>
  new Promise((resolve) => {
    ChildProcess.execFile(
      process.execPath,
      ["-e", asked(port)],
      { uid: stranger, gid: stranger, env: {}, cwd: "/", timeout: patience },
      (error, stdout) => resolve(error === null ? stdout : `the stranger could not ask: ${error.message}`)
    )
  })

const look = async (_: Field): Promise<Outcome> => {
  const { id, port, stop } = await start()
  try {
    const said = await heard(port)
    const tried = said.startsWith("[")
    return {
      figures: tried ? `user ${stranger}: the id in ${said.includes(id) ? "an answer" : "no answer"}` : "",
      problems: [
        ...tried ? [] : [said],
        ...said.includes(id) ? ["another user is told the id of an actor's debugger"] : []
      ]
    }
  } finally {
    stop()
  }
}

export const debuggers: ReadonlyArray<Case> = [
  { name: "another user looks for the debugger of an actor", over: "unix", run: asStranger(look) }
]
