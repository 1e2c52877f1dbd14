/** Attacks a tree by a malicious member, which knows the secret of the tree and so gets a connection. */
import * as Failure from "@furrow/protocol/Failure"
import * as Message from "@furrow/protocol/Message"
import { pause, until } from "../processes.ts"
import type { Case, Field, Outcome } from "../verdict.ts"
import { type Client, enter, framed, nobody, random, u32 } from "../wire.ts"
import { garbage, start } from "./strangers.ts"

type Word = Message.Message

/** Returns the tag of the word by which an actor ended a dialog, or the tag of the failure. */
const answer = async (client: Client, dialog: number, within?: number): Promise<string> => {
  const last = await client.until(
    () => client.words.find((word) => (word._tag === "Return" || word._tag === "Error") && word.dialog === dialog),
    within
  )
  if (last?._tag !== "Error") return last?._tag ?? "nothing"
  const failure = Failure.decode(last.payload)
  return failure.ok ? failure.value._tag : "an error that cannot be read"
}

const inside = async <A>(
  field: Field,
  name: string,
  run: (client: Client) => Promise<A>,
  actor = nobody()
): Promise<A> => {
  const client = await enter(field.victim.target(name), field.victim.secret, actor)
  try {
    return await run(client)
  } finally {
    client.destroy()
  }
}

/**
 * Sends each invalid payload on a connection of its own, and checks that the actor reports a violation and closes the
 * connection.
 */
const breaking =
  (name: string, breaches: ReadonlyArray<readonly [title: string, words: ReadonlyArray<Word>, rule?: string]>) =>
  async (field: Field): Promise<Outcome> => {
    const problems: Array<string> = []
    const rules = new Map<string, number>()
    for (const [title, words, expected] of breaches) {
      await inside(field, name, async (client) => {
        client.say(...words)
        const rule = (await client.hears("Violation"))?.rule ?? "nothing"
        rules.set(rule, (rules.get(rule) ?? 0) + 1)
        if (expected !== undefined && rule !== expected) problems.push(`${title}: ${rule} instead of ${expected}`)
        if (!await client.closes()) problems.push(`${title}: the connection stays`)
      })
    }
    return { figures: [...rules].map(([rule, n]) => `${n} ${rule}`).join(", "), problems }
  }

/**
 * Sends all words of an attack on one connection, and checks the answer to each word and that the connection stays
 * open.
 */
const asking =
  (name: string, asked: ReadonlyArray<readonly [word: (dialog: number) => Word, expects: string]>) =>
  async (field: Field): Promise<Outcome> => {
    const problems: Array<string> = []
    await inside(field, name, async (client) => {
      let dialog = 1
      for (const [word, expects] of asked) {
        client.say(word(dialog))
        const got = await answer(client, dialog)
        if (got !== expects) problems.push(`${JSON.stringify(word(dialog))}: ${got} instead of ${expects}`)
        dialog += 2
      }
      if (client.ended) problems.push("the connection was closed")
    })
    return { figures: `${asked.length} asked, none granted`, problems }
  }

const empty = new Uint8Array(0)
const self = nobody("left")
const cancelActor: Word = { _tag: "CancelActor", by: self, reason: "because", deadline: 0 }
const welcome: Word = {
  _tag: "Welcome",
  version: Message.version,
  capabilities: [],
  actor: self,
  maxFrame: 1024,
  proof: null
}
const window = { items: 2, bytes: 1_000 }

/** Sends words about actors that the malicious member does not own, and checks that the registry does not change. */
const liesToTheRegistry = async (field: Field): Promise<Outcome> => {
  const { victim } = field
  const problems: Array<string> = []
  const [root, anvil, left] = ["root", "anvil", "left"].map((name) => victim.member(name)) as [
    typeof self,
    typeof self,
    typeof self
  ]
  const { contract } = await import("@furrow/actor/internal/discovery/Directory")
  const { codecs } = await import("@furrow/actor/internal/contract/Endpoint")
  const say = (of: { readonly endpoint: any }, asked: object, dialog: number): Word => {
    const payload = codecs(of.endpoint).payload.encode(asked)
    if (!payload.ok) throw new Error(payload.issue)
    return start(dialog, of.endpoint.name, { payload: payload.value })
  }
  const traitor = nobody()
  const entry = (actor: typeof self, ...path: ReadonlyArray<string>) => ({
    actor,
    path,
    service: null,
    exposed: [],
    unique: false
  })
  const namesAsked = ["anvil", "left", "new"]
  /**
   * Returns the names that the registry knows, among those about which the malicious member has sent false words. A
   * malicious member asks the registry for each name in a separate dialog.
   */
  const list = async (client: Client, dialog: number) => {
    const found: Array<string> = []
    for (const [index, name] of namesAsked.entries()) {
      const own = dialog + 2 * index
      client.say(say(contract.list, { name, most: 10 }, own))
      await answer(client, own)
      const last = client.words.find((word) => word._tag === "Return" && word.dialog === own)
      const decoded = last?._tag === "Return"
        ? codecs(contract.list.endpoint).success.decode(last.payload)
        : undefined
      if (decoded?.ok !== true) return "?"
      found.push(...(decoded.value as ReadonlyArray<{ actor: { name: string } }>).map(({ actor }) => actor.name))
    }
    return found.join(" ")
  }
  const lies: ReadonlyArray<(dialog: number) => Word> = [
    (n) => say(contract.claim, { entry: entry(anvil, root.uuid, anvil.uuid) }, n),
    (n) => say(contract.claim, { entry: entry(anvil, root.uuid, traitor.uuid, anvil.uuid) }, n),
    (n) => say(contract.claim, { entry: entry(root, traitor.uuid, root.uuid) }, n),
    (n) => say(contract.claim, { entry: entry(nobody("new"), root.uuid, left.uuid, "new") }, n),
    (n) => say(contract.gone, { uuid: root.uuid }, n),
    (n) => say(contract.gone, { uuid: anvil.uuid }, n),
    (n) => say(contract.ready, { uuid: anvil.uuid, pid: 1 }, n)
  ]
  return inside(field, "root", async (client) => {
    const before = await list(client, 1)
    let dialog = 1 + 2 * namesAsked.length
    for (const lie of lies) {
      client.say(lie(dialog))
      const got = await answer(client, dialog)
      if (got !== "Defect") problems.push(`lie ${(dialog - 1) / 2}: ${got}`)
      dialog += 2
    }
    client.say(say(contract.stale, { uuid: anvil.uuid }, dialog))
    await answer(client, dialog)
    const after = await list(client, dialog + 2)
    if (after !== before || !before.includes("anvil")) problems.push(`listed before: ${before}; after: ${after}`)
    return { figures: `${lies.length} lies; listed all the time: ${after}`, problems }
  }, traitor)
}

/** Opens far more dialogs on one connection than an actor allows for a connection. */
const crowd = async (field: Field): Promise<Outcome> => {
  const n = field.scale(100_000, 15_000)
  const problems: Array<string> = []
  return inside(field, "anvil", async (client) => {
    for (let i = 0; i < n; i += 500) {
      client.say(...Array.from({ length: Math.min(500, n - i) }, (_, j) => start(1 + 2 * (i + j), "hang")))
      if (client.unsent > 1_000_000) await until(() => client.unsent < 100_000, 5_000, 2)
    }
    const refused = () => client.words.filter(({ _tag }) => _tag === "Error").length
    await client.until(() => refused() >= n - 10_000, 20_000)
    if (refused() !== n - 10_000) problems.push(`${refused()} of ${n} were refused instead of ${n - 10_000}`)
    const tag = await answer(client, 2 * n - 1)
    if (tag !== "Busy") problems.push(`the last one: ${tag}`)
    client.say({ _tag: "Cancel", dialog: 1, by: self, reason: "enough", deadline: 0 })
    await answer(client, 1)
    client.say(start(2 * n + 1))
    const served = await answer(client, 2 * n + 1)
    if (served !== "Return") problems.push(`after one was cancelled: ${served}`)
    return { figures: `${n} opened, ${refused()} refused as Busy, the connection stays`, problems }
  })
}

/** Sends words to an actor without ever reading an answer. */
const neverReads = async (field: Field): Promise<Outcome> => {
  const begin = performance.now()
  return inside(field, "anvil", async (client) => {
    client.stopReading()
    let said = 0
    let dialog = 1
    const end = begin + field.scale(15_000, 3_000)
    while (!client.ended && performance.now() < end) {
      const words: Array<Word> = Array.from(
        { length: 500 },
        (_, i) => i % 2 === 0 ? { _tag: "Ping", n: i } : start(dialog += 2, "nobody-serves-this")
      )
      client.say(...words)
      client.sent.length = 0
      said += words.length
      if (client.unsent > 1_000_000) await until(() => client.ended || client.unsent < 200_000, 2_000, 2)
      await pause(0)
    }
    return {
      figures: `${said} words said, none read: ${client.ended ? "cut off" : "not cut off yet"}`,
      problems: client.ended || field.quick ? [] : ["not cut off"]
    }
  })
}

/** Announces frames of 64 MiB to an actor, and sends only one byte of each frame. */
const halves = async (field: Field): Promise<Outcome> => {
  const n = field.scale(50, 20)
  const { secret } = field.victim
  const target = field.victim.target("anvil")
  const clients: Array<Client> = []
  for (let i = 0; i < n; i++) {
    const client = await enter(target, secret)
    client.raw(u32(64 * 1024 * 1024), new Uint8Array(1))
    clients.push(client)
  }
  await pause(1_000)
  for (const client of clients) client.destroy()
  return { figures: `${n} frames of 64 MiB begun`, problems: [] }
}

/** Begins as many large words in parts as an actor allows on each connection, and completes none of these words. */
const beginnings = async (field: Field): Promise<Outcome> => {
  const n = field.scale(20, 8)
  const clients: Array<Client> = []
  for (let i = 0; i < n; i++) {
    const client = await enter(field.victim.target("anvil"), field.victim.secret)
    const size = 60 * 1024 * 1024
    client.say(...[1, 3].map((dialog) => partOf(start(dialog, "echo", { payload: new Uint8Array(5_000) }), size)))
    clients.push(client)
  }
  await pause(1_000)
  const problems: Array<string> = []
  for (const client of clients) {
    client.say({ _tag: "Cancel", dialog: 1, by: self, reason: "enough", deadline: 0 })
    const tag = await answer(client, 1)
    if (tag !== "Cancelled") problems.push(`the cancel of a word that was begun: ${tag}`)
    client.say(start(5, "nothing"))
    const beside = await answer(client, 5)
    if (beside !== "EndpointUnknown") problems.push(`a call beside it: ${beside}`)
    client.destroy()
  }
  return { figures: `${2 * n} words of 60 MiB begun, half of them cancelled`, problems: problems.slice(0, 3) }
}

/**
 * Connects to an actor under many names at once, which the actor has to allow. The actor has to refuse a second
 * connection under the same name.
 */
const manyFaces = async (field: Field): Promise<Outcome> => {
  const { secret } = field.victim
  const target = field.victim.target("anvil")
  const n = field.scale(500, 100)
  const clients: Array<Client> = []
  for (let i = 0; i < n; i++) clients.push(await enter(target, secret))
  const problems: Array<string> = []
  const again = nobody()
  const first = await enter(target, secret, again)
  const second = await enter(target, secret, again).then(() => "let in", (error: Error) => error.message)
  if (!second.includes("duplicate")) problems.push(`the same one twice: ${second}`)
  for (const client of [...clients, first]) client.destroy()
  return { figures: `${n} names at once, all let in; the same name twice is not`, problems }
}

const badFrames = async (field: Field): Promise<Outcome> => {
  const pieces = garbage(field.scale(350, 70))
  const problems: Array<string> = []
  const rules = new Map<string, number>()
  for (const [title, bytes] of pieces) {
    await inside(field, "anvil", async (client) => {
      client.raw(bytes)
      // An actor waits for the rest of a frame, so 4096 random bytes complete the frame that the bytes before them may
      // have begun.
      client.raw(random(4_096))
      const rule = (await client.hears("Violation", 1_000))?.rule ?? "nothing"
      rules.set(rule, (rules.get(rule) ?? 0) + 1)
      if (rule === "nothing" && title !== "bent greeting") problems.push(`${title}: no violation`)
    })
  }
  return { figures: [...rules].map(([rule, n]) => `${n} ${rule}`).join(", "), problems: problems.slice(0, 3) }
}

const payloads = async (field: Field): Promise<Outcome> => {
  const n = field.scale(2_000, 300)
  const tags = new Map<string, number>()
  return inside(field, "anvil", async (client) => {
    for (let i = 0; i < n; i++) client.say(start(1 + 2 * i, "echo", { payload: random(i % 60) }))
    for (let i = 0; i < n; i++) {
      const tag = await answer(client, 1 + 2 * i)
      tags.set(tag, (tags.get(tag) ?? 0) + 1)
    }
    const bad = client.ended || (tags.get("nothing") ?? 0) > 0 || (tags.get("Defect") ?? 0) > 0
    const figures = [...tags].map(([tag, count]) => `${count} ${tag}`).join(", ")
    return { figures, problems: bad ? [figures] : [] }
  })
}

/** Returns the first part of a large word whose other parts the attacker never sends. */
const partOf = (word: Word, size: number): Word => ({
  _tag: "Part",
  dialog: "dialog" in word ? word.dialog : 0,
  size,
  payload: framed(word).subarray(4, 5_000)
})

const large = (dialog: number) => start(dialog, "echo", { payload: new Uint8Array(5_000) })

export const members: ReadonlyArray<Case> = [
  {
    name: "a member's own call is served (so the others could be seen)",
    quickOver: ["tcp", "tls"],
    opens: 2,
    run: async (field) => {
      const got: Array<string> = []
      for (const name of ["anvil", "root"]) {
        got.push(
          await inside(field, name, (client) => {
            client.say(start(1))
            return answer(client, 1)
          })
        )
      }
      return { figures: got.join(", "), problems: got.every((tag) => tag === "Return") ? [] : [got.join(", ")] }
    }
  },
  {
    name: "an endpoint that is not exposed",
    run: asking("anvil", [
      [(n) => start(n, "nothing"), "EndpointUnknown"],
      [(n) => start(n, "door", { kind: "stream", window }), "EndpointUnknown"],
      [(n) => start(n, "constructor"), "EndpointUnknown"],
      [(n) => start(n, "__proto__"), "EndpointUnknown"],
      [(n) => start(n, "furrow/locate"), "EndpointUnknown"],
      [(n) => start(n, "furrow/logs"), "EndpointUnknown"],
      [(n) => start(n, "furrow/registry/list"), "EndpointUnknown"],
      [(n) => start(n, "x".repeat(1_000_000)), "EndpointUnknown"],
      [(n) => start(n, "count", { kind: "stream" }), "PayloadInvalid"],
      [(n) => start(n, "door", { digest: "another" }), "ContractMismatch"]
    ])
  },
  {
    name: "an endpoint that the root does not serve to peers",
    run: asking("root", [
      // A root answers a member's question for addresses, but refuses such a question without a payload.
      [(n) => start(n, "furrow/locate"), "PayloadInvalid"],
      [(n) => start(n, "furrow/logs"), "EndpointUnknown"],
      [(n) => start(n, "drive", { kind: "stream", window }), "EndpointUnknown"]
    ])
  },
  { name: "lies to the registry", quickOver: ["tcp"], run: liesToTheRegistry },
  {
    name: "the root is told to end",
    quickOver: ["tcp"],
    run: breaking("root", [["CancelActor", [cancelActor], "WrongSide"]])
  },
  {
    name: "words of parents, children and strangers",
    run: breaking("anvil", [
      ["Spawn", [{ _tag: "Spawn", payload: random(50) }], "WrongSide"],
      ["Ready", [{ _tag: "Ready", payload: random(50) }], "WrongSide"],
      ["Welcome", [welcome], "HandshakeOrder"],
      ["Challenge", [{ _tag: "Challenge", uuid: "a", nonce: random(32) }], "HandshakeOrder"],
      ["Proof", [{ _tag: "Proof", proof: random(32) }], "HandshakeOrder"],
      ["Refuse", [{ _tag: "Refuse", reason: "busy", detail: "no" }], "HandshakeOrder"]
    ])
  },
  { name: "large words in parts that are never whole", run: beginnings },
  {
    name: "ill parts of large words",
    run: breaking("anvil", [
      ["of dialog 0", [{ ...partOf(large(1), 100_000), dialog: 0 } as Word], "Malformed"],
      ["of a small word", [partOf(large(1), 60_000)], "Malformed"],
      ["above the limit", [partOf(large(1), 65 * 1024 * 1024)], "FrameTooLarge"],
      ["too many at once", [1, 3, 5].map((n) => partOf(large(n), 60 * 1024 * 1024)), "FrameTooLarge"],
      ["of two sizes", [partOf(large(1), 100_000), partOf(large(1), 200_000)], "Malformed"],
      ["of another dialog", [{ ...partOf(large(1), 100_000), dialog: 3 } as Word], "Malformed"],
      ["of noise", [{ _tag: "Part", dialog: 1, size: 100_000, payload: random(5_000) }], "Malformed"],
      ["empty", [{ _tag: "Part", dialog: 1, size: 100_000, payload: empty }], "Malformed"],
      ["a call of the other side", [partOf(large(2), 100_000)], "DialogId"],
      ["a call that was made", [start(3, "hang"), partOf(large(1), 100_000)], "DialogId"]
    ])
  },
  {
    name: "dialogs of the other side, used twice, never opened",
    run: breaking("anvil", [
      ["even", [start(2, "hang")], "DialogId"],
      ["zero", [start(0, "hang")], "DialogId"],
      ["twice", [start(3, "hang"), start(3, "hang")], "DialogId"],
      ["shrinking", [start(5, "hang"), start(3, "hang")], "DialogId"],
      ["an answer to nothing", [{ _tag: "Return", dialog: 2, payload: empty }], "UnknownDialog"],
      ["a chunk of nothing", [{ _tag: "Yield", dialog: 7, items: 1, payload: empty }], "UnknownDialog"],
      ["an answer to itself", [start(1, "hang"), { _tag: "Return", dialog: 1, payload: empty }], "WrongSide"],
      ["a chunk for a call", [start(1, "hang"), { _tag: "Yield", dialog: 1, items: 1, payload: empty }], "DialogOrder"]
    ])
  },
  {
    name: "more than was granted",
    run: async (field) => {
      const credit = await breaking("anvil", [
        ["items", [start(1, "count", { kind: "stream", window, payload: random(0) }), {
          _tag: "Credit",
          dialog: 3,
          items: 1,
          bytes: 1
        }], "UnknownDialog"]
      ])(field)
      const talk = await inside(field, "anvil", async (client) => {
        client.say(start(1, "talk", { kind: "dialog", window }))
        if (await client.hears("Started") === undefined) return "no dialog"
        const chunk: Word = { _tag: "Yield", dialog: 1, items: 1, payload: random(300 * 1024) }
        client.say(chunk, chunk, chunk, chunk, chunk)
        return (await client.hears("Violation"))?.rule ?? "nothing"
      })
      const excess = await inside(field, "anvil", async (client) => {
        client.say(start(1, "talk", { kind: "dialog", window }))
        await client.hears("Started")
        client.say({ _tag: "Credit", dialog: 1, items: 1_000, bytes: 1_000_000 })
        return (await client.hears("Violation"))?.rule ?? "nothing"
      })
      return {
        figures: `${talk}, ${excess}`,
        problems: [
          ...credit.problems,
          ...talk === "CreditOverrun" ? [] : [`an overrun: ${talk}`],
          ...excess === "CreditExcess" ? [] : [`an excess: ${excess}`]
        ]
      }
    }
  },
  { name: "bad frames after a good greeting", quickOver: ["tcp"], run: badFrames },
  { name: "random payloads", run: payloads },
  { name: "far too many dialogs", quickOver: ["tcp"], opens: 1, memory: 200, run: crowd },
  { name: "asking without end, reading nothing", memory: 300, worst: 8_000, run: neverReads },
  { name: "large frames, begun and left", run: halves },
  { name: "many connections of one member", run: manyFaces }
]
