/**
 * Attacks a tree by a process that listens at the socket path of an actor in the actor's place. The attacking process
 * runs as the tree's user, so it can rename the files of the tree's sockets.
 */
import * as Fs from "node:fs"
import * as Net from "node:net"
import type { Case, Field, Outcome } from "../verdict.ts"
import { Client, Ear, framed, random } from "../wire.ts"
import { start } from "./strangers.ts"

/** Listens at an actor's path while a function runs, and then puts the actor's own socket back. */
const inPlaceOf = async <A>(path: string, accept: (socket: Net.Socket) => void, run: (moved: string) => Promise<A>) => {
  const moved = `${path}.moved`
  const sockets = new Set<Net.Socket>()
  Fs.renameSync(path, moved)
  const server = Net.createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    accept(socket)
  })
  try {
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(path, resolve))
    return await run(moved)
  } finally {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
    Fs.renameSync(moved, path)
  }
}

/** Relays the bytes between a dialling actor and the dialled actor, and keeps a copy of the bytes. */
const relay =
  (target: string, kept: { dialler: Array<Uint8Array>; acceptor: Array<Uint8Array> }) => (socket: Net.Socket) => {
    const far = Net.connect({ path: target })
    far.on("error", () => {})
    for (const [from, to, to_] of [[socket, far, kept.dialler], [far, socket, kept.acceptor]] as const) {
      from.on("data", (bytes: Buffer) => {
        to_.push(new Uint8Array(bytes))
        to.write(bytes)
      })
      from.on("close", () => to.destroy())
    }
  }

const recording = async ({ victim }: Field): Promise<Outcome> => {
  const kept = { dialler: [] as Array<Uint8Array>, acceptor: [] as Array<Uint8Array> }
  const path = victim.socket("anvil")
  const problems: Array<string> = []
  const newcomer = await inPlaceOf(
    path,
    (socket) => relay(`${path}.moved`, kept)(socket),
    () => victim.newcomer("anvil")
  )
  if (newcomer.error !== null) problems.push(`a relay that only listens was noticed: ${newcomer.error}`)
  // Replays the recorded words of a dialling actor on a connection of the attacker.
  const heard = new Ear()
  for (const bytes of kept.dialler) heard.hear(bytes)
  const [hello, proof] = heard.words
  const client = await Client.dial({ path })
  client.raw(framed(hello!))
  await client.hears("Challenge")
  client.raw(framed(proof!, start(1)))
  const refused = await client.hears("Refuse")
  await client.closes()
  client.destroy()
  if (refused?.reason !== "proof") problems.push(`told ${JSON.stringify(refused)}`)
  return { figures: `${heard.words.length} words of a newcomer recorded; replayed: refused`, problems }
}

const toAnother = async ({ victim }: Field): Promise<Outcome> => {
  const kept = { dialler: [] as Array<Uint8Array>, acceptor: [] as Array<Uint8Array> }
  const newcomer = await inPlaceOf(
    victim.socket("anvil"),
    (socket) => relay(victim.socket("right"), kept)(socket),
    () => victim.newcomer("anvil")
  )
  const said = new Ear()
  for (const bytes of kept.dialler) said.hear(bytes)
  return {
    figures: `the newcomer: ${newcomer.error ?? "let in"}`.slice(0, 110),
    problems: [
      ...newcomer.error === null ? ["a newcomer that meant anvil talked to right"] : [],
      ...said.words.some(({ _tag }) => _tag === "Proof") ? ["a proof was made for somebody else"] : []
    ]
  }
}

/**
 * The attack plays a dialled actor: it asks the dialling actor for a proof (`Challenge`), and sends the received proof
 * back as its own.
 */
const mirror = async ({ victim }: Field): Promise<Outcome> => {
  const { name, pid, uuid } = victim.member("anvil")
  const said: Array<string> = []
  const newcomer = await inPlaceOf(victim.socket("anvil"), (socket) => {
    const ear = new Ear()
    socket.on("data", (bytes: Buffer) => {
      ear.hear(new Uint8Array(bytes))
      for (const word of ear.words.splice(0)) {
        said.push(word._tag)
        if (word._tag === "Hello") socket.write(framed({ _tag: "Challenge", uuid, nonce: word.nonce ?? random(32) }))
        if (word._tag !== "Proof") continue
        const actor = { name, uuid, pid }
        const maxFrame = 1024 * 1024
        socket.write(
          framed({
            _tag: "Welcome",
            version: { major: 1, minor: 0 },
            capabilities: [],
            actor,
            maxFrame,
            proof: word.proof
          })
        )
      }
    })
  }, () => victim.newcomer("anvil"))
  return {
    figures: `the newcomer: ${newcomer.error ?? "fooled"}`.slice(0, 110),
    problems: [
      ...newcomer.error === null ? ["a newcomer took an impostor for anvil"] : [],
      ...said.includes("Start") ? ["a call was made to an impostor"] : []
    ]
  }
}

/** Listens at the socket path of an actor that does not listen yet. */
const squat = async ({ victim }: Field): Promise<Outcome> => {
  const path = victim.socket("left")
  const problems: Array<string> = []
  if (Fs.existsSync(path)) return { figures: "", problems: ["left listens already: nothing to squat"] }
  const server = Net.createServer((socket) => void socket.on("error", () => {}))
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const first = await victim.newcomer("left")
  await new Promise((resolve) => server.close(resolve))
  if (first.error === null || !/taken/.test(first.error)) problems.push(`a living listener: ${first.error}`)
  Fs.writeFileSync(path, "mine")
  const second = await victim.newcomer("left")
  if (second.error === null || !/no socket/.test(second.error)) problems.push(`a file: ${second.error}`)
  Fs.rmSync(path)
  const third = await victim.newcomer("left")
  if (third.error !== null) problems.push(`after it was cleared: ${third.error}`)
  return { figures: (first.error ?? "not refused").slice(0, 110), problems }
}

export const relays: ReadonlyArray<Case> = [
  { name: "squatting: somebody listens at the path before its actor", over: "unix", run: squat },
  { name: "a relay that records a newcomer, then replays it", over: "unix", run: recording },
  { name: "man in the middle: relayed to another actor", over: "unix", run: toAnother },
  { name: "an impostor that says the dialler's own proof back", over: "unix", run: mirror }
]
