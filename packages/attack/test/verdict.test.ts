/** Tests that a verdict can fail: each test breaks one of the things that a verdict checks. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import { start } from "../src/cases/strangers.ts"
import * as Processes from "../src/processes.ts"
import { type Case, judge, type Outcome } from "../src/verdict.ts"
import type { Victim } from "../src/victim.ts"
import { type Client, enter } from "../src/wire.ts"
import { victim as live } from "./support.ts"

let victim: Victim
beforeAll(async () => {
  victim = await live()
}, 60_000)

const fine: Outcome = { figures: "", problems: [] }

const verdict = (run: (victim: Victim) => Promise<Outcome>, rest: Partial<Case> = {}) =>
  judge({ name: "a test", ...rest, run: ({ victim }) => run(victim) }, {
    victim,
    quick: true,
    scale: (_, less) => less
  })

const opened = async (victim: Victim): Promise<Outcome> => {
  const client = await enter(victim.target("anvil"), victim.secret)
  client.say(start(1))
  await client.hears("Return")
  client.destroy()
  return fine
}

describe("The verdict on an attack lists the latencies of the calls during the attack, and each problem that was found", () => {
  it("the verdict on an attack in which nothing happens has figures, and no problems", async () => {
    const { calls, p99, problems, worst } = await verdict(() => Processes.pause(1_200).then(() => fine))
    assert.deepStrictEqual(problems, [])
    assert.isAbove(calls, 50)
    assert.isTrue(p99 > 0 && p99 <= worst)
  })

  it("the verdict on an attack contains the problems that the attacker found, or says why the attack failed to run", async () => {
    const found = await verdict(() => Promise.resolve({ figures: "", problems: ["it let me in"] }))
    assert.deepStrictEqual(found.problems, ["it let me in"])
    const failed = await verdict(() => Promise.reject(new Error("nobody is there")))
    assert.match(failed.problems.join(), /could not be carried out: nobody is there/)
  })

  it("the verdict on an attack reports a run of the handler that no actor of the tree calls", async () => {
    assert.deepStrictEqual((await verdict(opened)).problems, ["1 handlers ran instead of 0"])
    assert.deepStrictEqual((await verdict(opened, { opens: 1 })).problems, [])
  })

  it("the verdict on an attack reports a connection that the attack left open", async () => {
    const clients: Array<Client> = []
    const { problems } = await verdict(async (victim) => {
      for (let i = 0; i < 3; i++) clients.push(await enter(victim.target("anvil"), victim.secret))
      await Processes.pause(300)
      return fine
    })
    for (const client of clients) client.destroy()
    assert.match(problems.join(), /3 descriptors and 3 connections did not come back/)
  })

  it("the verdict on an attack reports an attacked tree that stops serving calls", async () => {
    const { problems } = await verdict(async (victim) => {
      const { pid } = victim.member("anvil")
      process.kill(pid, "SIGSTOP")
      await Processes.pause(3_000)
      process.kill(pid, "SIGCONT")
      await Processes.pause(500)
      return fine
    })
    assert.match(problems.join("; "), /a call of the tree took \d+ ms/)
  }, 30_000)

  it("the verdict on an attack reports a process of the tree whose memory grows", async () => {
    const { problems } = await verdict(() => Promise.resolve(fine), { memory: -1 })
    assert.match(problems.join(), /a process grew by/)
  })

  it("the verdict on an attack finds the tree's secret and private key wherever they are written down", () => {
    const { certificates, secret } = victim
    assert.deepStrictEqual(victim.leaks, [])
    // All processes of the tree are searched.
    const searched = Processes.withChildren(victim.member("root").pid)
    assert.includeMembers([...searched], victim.members.map(({ pid }) => pid))
    for (
      const text of [
        Buffer.from(secret).toString("hex"),
        Buffer.from(secret).toString("base64"),
        [...secret].join(","),
        Fs.readFileSync(certificates.files.key, "utf8")
      ]
    ) {
      victim.sights.push({
        who: "anvil",
        at: 0,
        events: {},
        reasons: [`wrong: ${text}`],
        opened: 0,
        peers: 2,
        dialogs: 0
      })
      assert.deepStrictEqual(victim.leaks, ["its events"])
      victim.sights.pop()
    }
  })

  it("the verdict on an attack reports an actor of the tree that dies", async () => {
    const { problems } = await verdict(async (victim) => {
      process.kill(victim.member("left").pid, "SIGKILL")
      await Processes.pause(300)
      return fine
    })
    assert.match(problems.join("; "), /an actor of the tree is dead/)
  })
})
