/**
 * Attacks a tree whose transport was written by the user, and asks for no proof of membership. The runtime asks each
 * peer for a proof of membership over every transport. So a stranger gets no further over a user's own transport than
 * over a built-in one.
 */
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import * as Readline from "node:readline"
import { fileURLToPath } from "node:url"
import type { Case, Outcome } from "../verdict.ts"
import { Client, enter, greet, hello, nobody, random, type Target } from "../wire.ts"
import { refusal, shut, start } from "./strangers.ts"

const program = fileURLToPath(new URL("../tree/open.ts", import.meta.url))

/** Milliseconds for the attacked tree to start, and for each answer of the tree. */
const patience = 30_000

interface Open {
  readonly target: Target
  readonly secret: Uint8Array
  /** Returns how many calls of strangers the attacked tree has served. */
  readonly opened: () => Promise<number>
}

const started = async (child: ChildProcess.ChildProcessByStdio<any, any, any>): Promise<Open> => {
  const signal = AbortSignal.timeout(patience)
  const heard: Array<string> = []
  const errors = Readline.createInterface({ input: child.stderr }).on("line", (line) => heard.push(line))
  const lines = Readline.createInterface({ input: child.stdout })
  const said = async () => String((await once(lines, "line", { signal }))[0])
  const secret = await said()
  if (!/^[0-9a-f]{64}$/.test(secret)) throw new Error(`the tree over the user's transport does not work: ${secret}`)
  const port = /host listens at port (\d+)/.exec(heard.join("\n"))?.[1] ??
    /port (\d+)/.exec(String((await once(errors, "line", { signal }))[0]))?.[1]
  return {
    target: { host: "127.0.0.1", port: Number(port) },
    secret: new Uint8Array(Buffer.from(secret, "hex")),
    opened: () => {
      child.stdin.write("\n")
      return said().then(Number)
    }
  }
}

const knocks: ReadonlyArray<
  readonly [title: string, knock: (client: Client) => Promise<unknown> | void, told: string]
> = [
  ["no nonce", (client) => void client.say(hello(nobody(), null), start(1)), "refused: proof"],
  ["a wrong secret", async (client) => {
    await greet(client, random(32))
    client.say(start(1))
  }, "refused: proof"],
  ["no greeting", (client) => void client.say(start(1)), "HandshakeOrder"],
  [
    "everything at once",
    (client) => void client.say(hello(nobody(), random(32)), { _tag: "Proof", proof: random(32) }, start(1)),
    "refused: proof"
  ]
]

const tryAll = async ({ opened, secret, target }: Open): Promise<Outcome> => {
  const problems: Array<string> = []
  for (const [title, knock, told] of knocks) {
    const client = await Client.dial(target)
    await knock(client)
    problems.push(...await shut(client, title))
    if (refusal(client) !== told) problems.push(`${title}: told ${refusal(client)}`)
  }
  const calls = await opened()
  if (calls !== 0) problems.push(`${calls} calls of strangers were served`)
  // A member that knows the secret gets in at the port of the attacked tree's own transport.
  const member = await enter(target, secret)
  member.destroy()
  return { figures: `${knocks.length} ways without the secret: none is let in; a member is`, problems }
}

const knockAll = async (): Promise<Outcome> => {
  const child = ChildProcess.spawn(process.execPath, [...process.execArgv, program], { stdio: "pipe" })
  try {
    return await tryAll(await started(child))
  } finally {
    child.kill("SIGKILL")
  }
}

export const unproven: ReadonlyArray<Case> = [
  { name: "strangers at a transport that says nothing of proof", over: "unix", run: knockAll }
]
