/**
 * Attacks the door through which observers look into an actor. A knock opens the door of an actor, and only a process
 * that has read the key beside the door gets in. An observer may ask an actor only for the data that the actor shows to
 * observers.
 */
import type { Message } from "@furrow/protocol/Message"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { pause, until } from "../processes.ts"
import type { Case, Field, Outcome } from "../verdict.ts"
import { Client, enter, framed, greet, hello, nobody, random, type Target } from "../wire.ts"
import { asStranger, stranger } from "./folders.ts"
import { refusal, shut, start } from "./strangers.ts"

/** Milliseconds within which a busy actor has to open its door after a knock. */
const patience = 10_000

interface Door {
  readonly target: Target
  readonly path: string
  readonly keyPath: string
  readonly key: Uint8Array
}

const knock = async ({ victim }: Field): Promise<Door> => {
  const { pid } = victim.member("anvil")
  const path = Path.join(victim.folder, `+anvil@${pid}.sock`)
  const keyPath = path.replace(/\.sock$/, ".key")
  process.kill(pid, "SIGURG")
  if (!await until(() => Fs.existsSync(path) && Fs.existsSync(keyPath), patience)) {
    throw new Error("the actor opens no door")
  }
  return { target: { path }, path, keyPath, key: new Uint8Array(Fs.readFileSync(keyPath)) }
}

/** Attempts to enter an actor's door without the door's key. */
const keyless: ReadonlyArray<
  readonly [title: string, attempt: (client: Client, field: Field) => Promise<unknown> | void, told: string]
> = [
  ["no nonce", (client) => void client.say(hello(nobody(), null), start(1)), "refused: proof"],
  ["a key of its own", (client) => greet(client, random(32)), "refused: proof"],
  ["the secret of the tree", (client, { victim }) => greet(client, victim.secret), "refused: proof"],
  ["no greeting", (client) => void client.say(start(1)), "HandshakeOrder"]
]

const replayed = async (target: Target, key: Uint8Array): Promise<ReadonlyArray<string>> => {
  const honest = await enter(target, key)
  const again = await Client.dial(target)
  again.raw(...honest.sent)
  honest.destroy()
  return [
    ...await shut(again, "a replay"),
    ...refusal(again) === "refused: proof" ? [] : [`a replay: told ${refusal(again)}`]
  ]
}

const withoutKey = async (field: Field): Promise<Outcome> => {
  const { key, target } = await knock(field)
  const problems: Array<string> = []
  for (const [title, attempt, told] of keyless) {
    const client = await Client.dial(target)
    await attempt(client, field)
    await client.until(() => client.words.some(({ _tag }) => _tag === "Refuse" || _tag === "Violation"))
    problems.push(...await shut(client, title, patience))
    if (refusal(client) !== told) problems.push(`${title}: told ${refusal(client)}`)
  }
  problems.push(...await replayed(target, key))
  return { figures: `${keyless.length + 1} ways without the key: none is let in`, problems }
}

const isRefusal = (word: Message): boolean => word._tag === "Error" || word._tag === "Violation"

const window = { items: 2, bytes: 1_000 }

/** The words of an attack in which an observer asks for endpoints that are closed to observers. */
const greedy: ReadonlyArray<readonly [title: string, words: ReadonlyArray<Message>]> = [
  ["an endpoint of the program", [start(1)]],
  ["the registry", [start(1, "furrow/registry/list")]],
  ["the way to another actor", [start(1, "furrow/locate")]],
  ["a profile at the level look", [start(1, "furrow/debug/profile")]],
  ["a heap at the level look", [start(1, "furrow/debug/heap", { kind: "stream", window })]],
  ["a stack of no process", [start(1, "furrow/inspect/stack")]],
  ["two streams of events", [1, 3].map((id) => start(id, "furrow/inspect/events", { kind: "stream", window }))],
  ["an end of the actor", [{ _tag: "CancelActor", by: nobody(), reason: "an observer says so", deadline: 0 }]]
]

const wantsMore = async (field: Field): Promise<Outcome> => {
  const { key, target } = await knock(field)
  const problems: Array<string> = []
  for (const [title, words] of greedy) {
    const client = await enter(target, key)
    client.say(...words)
    await client.until(() => client.words.some(isRefusal))
    if (client.words.some(({ _tag }) => _tag === "Return" || _tag === "CancelAck")) {
      problems.push(`${title}: it is answered`)
    }
    if (!client.words.some(isRefusal)) problems.push(`${title}: it is not refused`)
    client.destroy()
  }
  // A door's key does not let an observer in at the actor's own socket.
  const member = await Client.dial(field.victim.target("anvil"))
  await greet(member, key)
  problems.push(...await shut(member, "the key at the door of the tree"))
  return { figures: `${greedy.length} wishes refused; the key is no secret of the tree`, problems }
}

/** Follows the events of an actor many times over as an observer, and reads none of the events. */
const deaf = async (field: Field): Promise<Outcome> => {
  const { key, target } = await knock(field)
  const client = await enter(target, key)
  client.stopReading()
  const count = field.scale(2_000, 500)
  for (let id = 1; id <= count; id++) {
    client.say(start(2 * id + 1, "furrow/inspect/events", { kind: "stream", window }))
    client.say(start(2 * (count + id) + 1, "furrow/inspect/metrics"))
  }
  await pause(field.scale(10_000, 3_000))
  // While an observer leaves events unread, the actors of the tree go on, and another observer gets in.
  const next = await enter(target, key).catch((error: Error) => error)
  const problems = next instanceof Error ? [`afterwards: ${next.message}`] : []
  if (!(next instanceof Error)) next.destroy()
  client.destroy()
  return { figures: `${2 * count} wishes of one that never reads`, problems }
}

const crowd = async (field: Field): Promise<Outcome> => {
  const { key, target } = await knock(field)
  const clients = await Promise.all(
    Array.from({ length: field.scale(500, 100) }, () => Client.dial(target).catch(() => undefined))
  )
  const greeting = framed(hello(nobody(), random(32)))
  for (const client of clients) client?.raw(greeting.subarray(0, 10))
  const gone = await until(() => clients.every((client) => client === undefined || client.ended), 15_000)
  for (const client of clients) client?.destroy()
  // Observers that never sent a whole word are disconnected, and the next observer with the key gets in.
  const problems = gone ? [] : ["silent observers stay"]
  const observer = await enter(target, key).catch((error: Error) => error)
  if (observer instanceof Error) problems.push(`afterwards: ${observer.message}`)
  else observer.destroy()
  return { figures: `${clients.length} at once are cut off`, problems }
}

const otherUser = async (field: Field): Promise<Outcome> => {
  const { keyPath, path } = await knock(field)
  const { pid } = field.victim.member("anvil")
  const code = `const say = (e) => console.log(e.code);` +
    `try { process.kill(${pid}, "SIGURG"); say({ code: "knocked" }) } catch (e) { say(e) }` +
    `try { require("fs").readFileSync(${JSON.stringify(keyPath)}); say({ code: "read" }) } catch (e) { say(e) }` +
    `const s = require("net").connect(${JSON.stringify(path)});` +
    `s.on("connect", () => { say({ code: "connected" }); s.destroy() }); s.on("error", say)`
  const said = await new Promise<string>((resolve) => {
    ChildProcess.execFile(
      process.execPath,
      ["-e", code],
      { uid: stranger, gid: stranger, env: {}, cwd: "/", timeout: 30_000 },
      (error, stdout) => resolve(error === null ? stdout.trim().split("\n").join(" ") : error.message)
    )
  })
  return {
    figures: `user ${stranger}: ${said}`,
    problems: said === "EPERM EACCES EACCES" ? [] : [said]
  }
}

export const observers: ReadonlyArray<Case> = [
  { name: "a door for observers, without its key", over: "unix", run: withoutKey },
  { name: "an observer wants more than to look", over: "unix", run: wantsMore },
  { name: "an observer that never reads", over: "unix", run: deaf },
  { name: "a crowd at the door for observers", over: "unix", run: crowd },
  { name: "another user at the door for observers", over: "unix", run: asStranger(otherUser) }
]
