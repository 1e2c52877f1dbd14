/** Attacks a tree by a process that can dial the tree's actors, but does not know the tree's secret. */
import type { Message } from "@furrow/protocol/Message"
import * as Payload from "@furrow/protocol/Payload"
import * as Schema from "effect/Schema"
import { pause, until } from "../processes.ts"
import type { Case, Field, Outcome } from "../verdict.ts"
import { Client, enter, framed, greet, hello, nobody, random, type Target, u32 } from "../wire.ts"

const encoded = Payload.codec(Schema.Undefined).encode(undefined)
if (!encoded.ok) throw new Error(encoded.issue)

/** The encoded payload of a call without fields. */
export const nothing = encoded.value

/** A `Start` word for an endpoint that only members of the tree may call. */
export const start = (dialog: number, endpoint = "door", rest: object = {}): Message => ({
  _tag: "Start",
  dialog,
  kind: "call",
  endpoint,
  digest: null,
  meta: null,
  window: null,
  payload: nothing,
  ...rest
})

/** Returns the sockets of the two actors that strangers attack. */
export const doors = ({ victim }: Field): ReadonlyArray<Target> => [victim.target("anvil"), victim.target("root")]

/** Checks that an actor did not let a client in, and that the actor closed the client's connection. */
export const shut = async (client: Client, title: string, within?: number): Promise<ReadonlyArray<string>> => {
  const closed = await client.closes(within)
  const welcomed = client.words.some(({ _tag }) => _tag === "Welcome" || _tag === "Return")
  client.destroy()
  return [
    ...welcomed ? [`${title}: let in`] : [],
    ...closed ? [] : [`${title}: the connection stays`]
  ]
}

export const refusal = (client: Client): string => {
  const word = client.words.find(({ _tag }) => _tag === "Refuse" || _tag === "Violation")
  return word?._tag === "Refuse" ? `refused: ${word.reason}` : word?._tag === "Violation" ? word.rule : "closed"
}

/**
 * Repeats an attack of strangers on each attacked actor. The table of verdicts shows how each actor answered the
 * stranger.
 */
const knocking =
  (title: string, knock: (client: Client, field: Field) => Promise<void> | void, expects?: string) =>
  async (field: Field): Promise<Outcome> => {
    const problems: Array<string> = []
    const told = new Set<string>()
    for (const target of doors(field)) {
      const client = await Client.dial(target)
      await knock(client, field)
      problems.push(...await shut(client, title))
      told.add(refusal(client))
    }
    if (expects !== undefined && (told.size > 1 || !told.has(expects))) problems.push(`told ${[...told].join(", ")}`)
    return { figures: [...told].join(", "), problems }
  }

/**
 * Opens many connections of strangers at once, and runs an attack on each connection. Returns how many connections of
 * strangers are still open after the time in which a stranger has to prove its membership.
 */
const many = async (n: number, target: Target, act: (client: Client, i: number) => Promise<void> | void) => {
  const clients = await Promise.all(Array.from({ length: n }, async (_, i) => {
    const client = await Client.dial(target)
    await act(client, i)
    return client
  }))
  return clients
}

/**
 * Milliseconds until an actor must have disconnected a stranger: two seconds after it accepted the stranger, and more
 * on a busy host.
 */
const patience = 5_000

/**
 * Checks that the actor `anvil` still accepts a connection from its own tree while a crowd of strangers is connected.
 * The actor `anvil` has to disconnect all strangers within `patience` milliseconds after the time `begin`.
 */
export const crowdGoes = async (
  { victim }: Field,
  clients: ReadonlyArray<Client>,
  begin: number,
  patience: number
): Promise<Outcome> => {
  const problems: Array<string> = []
  const newcomer = await victim.newcomer("anvil")
  if (newcomer.error !== null) problems.push(`a newcomer: ${newcomer.error}`)
  await until(() => clients.every(({ ended }) => ended), patience - (performance.now() - begin))
  const gone = (performance.now() - begin) / 1_000
  const left = clients.filter(({ ended }) => !ended).length
  for (const client of clients) client.destroy()
  if (left > 0) problems.push(`${left} strangers are still there after ${patience} ms`)
  return { figures: `${clients.length} at once, gone after ${gone.toFixed(1)} s`, problems }
}

/** Keeps `n` strangers connected to an actor, and checks that a member still gets in and is served. */
const lingering =
  (full: number, quick: number, linger: (client: Client) => Promise<void> | void) =>
  async (field: Field): Promise<Outcome> => {
    const { scale, victim } = field
    const target = victim.target("anvil")
    const clients = await many(scale(full, quick), target, linger)
    const begin = performance.now()
    const member = await enter(target, victim.secret)
    const entered = performance.now() - begin
    member.destroy()
    const { figures, problems } = await crowdGoes(field, clients, begin, patience)
    return { figures: `${figures}; a member was in after ${Math.ceil(entered)} ms`, problems }
  }

const cut = async (field: Field): Promise<Outcome> => {
  const target = field.victim.target("anvil")
  const greeting = framed(hello(nobody(), random(32)))
  const stages: ReadonlyArray<(client: Client) => Promise<unknown> | void> = [
    () => {},
    (client) => void client.raw(greeting.subarray(0, 2)),
    (client) => void client.raw(greeting.subarray(0, greeting.length - 3)),
    (client) => void client.raw(greeting),
    async (client) => {
      client.raw(greeting)
      await client.hears("Challenge")
    },
    async (client) => {
      client.raw(greeting)
      await client.hears("Challenge")
      client.raw(framed({ _tag: "Proof", proof: random(32) }).subarray(0, 20))
    },
    async (client) => {
      await greet(client, field.victim.secret)
    }
  ]
  const rounds = field.scale(100, 10)
  for (let round = 0; round < rounds; round++) {
    await Promise.all(stages.map(async (stage) => {
      const client = await Client.dial(target)
      await stage(client)
      client.destroy()
    }))
  }
  return { figures: `${stages.length} stages, ${rounds} times each`, problems: [] }
}

/** Returns invalid frames, which a stranger sends to an actor before a greeting. */
export const garbage = (n: number): ReadonlyArray<readonly [title: string, bytes: Uint8Array]> => {
  const whole = framed(hello(nobody(), random(32)))
  return Array.from({ length: n }, (_, i) => {
    switch (i % 7) {
      case 0:
        return ["4 GiB", u32(0xffffffff)]
      case 1:
        return ["64 MiB and one", u32(64 * 1024 * 1024 + 1)]
      case 2:
        return ["zero length", u32(0)]
      case 3: {
        const body = random(1 + i % 400)
        return ["random frame", new Uint8Array([...u32(body.length), ...body])]
      }
      case 4: {
        const bent = whole.slice()
        for (let flips = 0; flips < 8; flips++) {
          bent[5 + Math.floor(Math.random() * (bent.length - 5))] = Math.random() * 256
        }
        bent[4] = 0xdd
        return ["bent greeting", bent]
      }
      case 5:
        return ["no frames", new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")]
      default: {
        const nested = new Uint8Array(2_000).fill(0x91)
        return ["nested", new Uint8Array([...u32(nested.length), ...nested])]
      }
    }
  })
}

const throwGarbage = async (field: Field): Promise<Outcome> => {
  const problems: Array<string> = []
  const pieces = garbage(field.scale(700, 140))
  const target = field.victim.target("anvil")
  for (let i = 0; i < pieces.length; i += 35) {
    await Promise.all(
      pieces.slice(i, i + 35).map(async ([title, bytes]) => {
        const client = await Client.dial(target)
        client.raw(bytes)
        problems.push(...await shut(client, title))
      })
    )
  }
  return { figures: `${pieces.length} pieces`, problems: problems.slice(0, 3) }
}

/** Opens strangers' connections as fast as possible, and keeps each connection open until the actor closes it. */
const flood = async (field: Field): Promise<Outcome> => {
  const { scale, victim } = field
  const target = victim.target("anvil")
  const n = scale(10_000, 1_000)
  const clients: Array<Client> = []
  const begin = performance.now()
  let next = 0
  const worker = async () => {
    while (next++ < n) {
      const client = await Client.dial(target)
      clients.push(client)
      client.say(hello(nobody(), random(32)))
    }
  }
  const arrival = pause(50).then(() => victim.newcomer("anvil"))
  await Promise.all(Array.from({ length: 200 }, worker))
  const seconds = (performance.now() - begin) / 1_000
  const newcomer = await arrival
  await until(() => clients.every(({ ended }) => ended), patience)
  const left = clients.filter(({ ended }) => !ended).length
  for (const client of clients) client.destroy()
  return {
    figures: `${n} in ${seconds.toFixed(1)} s; a newcomer meanwhile: ${
      newcomer.error === null ? `in after ${Math.ceil(newcomer.millis)} ms` : "not in"
    }`,
    problems: [
      ...left > 0 ? [`${left} strangers are still there`] : [],
      ...newcomer.error === null ? [] : [`a newcomer: ${newcomer.error}`]
    ]
  }
}

const oneByOne = async (field: Field): Promise<Outcome> => {
  const n = field.scale(10_000, 300)
  const target = field.victim.target("anvil")
  const begin = performance.now()
  let refused = 0
  for (let i = 0; i < n; i++) {
    const client = await Client.dial(target)
    await greet(client, random(32))
    if ((await client.hears("Refuse"))?.reason === "proof") refused++
    client.destroy()
  }
  const rate = Math.round(n / (performance.now() - begin) * 1_000)
  return {
    figures: `${n} wrong proofs, ${rate} a second`,
    problems: refused === n ? [] : [`${n - refused} were not refused`]
  }
}

const slowly = async (client: Client): Promise<void> => {
  const bytes = framed(hello(nobody(), random(32)))
  void (async () => {
    for (let i = 0; i < bytes.length && !client.ended; i++) {
      client.raw(bytes.subarray(i, i + 1))
      await pause(1_000)
    }
  })()
}

/** Sends the bytes of a member's greeting to an actor a second time, from another process. */
const replay = async (field: Field): Promise<Outcome> => {
  const problems: Array<string> = []
  for (const target of doors(field)) {
    const genuine = await enter(target, field.victim.secret)
    const recorded = genuine.sent.slice()
    for (const order of ["while it is there", "after it has gone"]) {
      const client = await Client.dial(target)
      client.raw(recorded[0]!)
      await client.hears("Challenge")
      client.raw(...recorded.slice(1), framed(start(1)))
      problems.push(...await shut(client, `replayed ${order}`))
      if (refusal(client) !== "refused: proof") problems.push(`replayed ${order}: ${refusal(client)}`)
      const blind = await Client.dial(target)
      blind.raw(...recorded, framed(start(1)))
      problems.push(...await shut(blind, `replayed at once, ${order}`))
      genuine.destroy()
    }
  }
  return { figures: "refused: proof", problems }
}

/**
 * Sends an actor's own proofs and random bytes back to this actor as the proof of the attacker, which the actor must
 * refuse.
 */
const reflect = async (field: Field): Promise<Outcome> => {
  const problems: Array<string> = []
  for (const target of doors(field)) {
    const genuine = await enter(target, field.victim.secret)
    const welcome = await genuine.hears("Welcome")
    const hers = await genuine.hears("Challenge")
    genuine.destroy()
    for (const proof of [welcome!.proof!, hers!.nonce]) {
      const client = await Client.dial(target)
      client.say(hello(nobody(), hers!.nonce))
      const challenge = await client.hears("Challenge")
      client.say({ _tag: "Proof", proof: proof === hers!.nonce ? challenge!.nonce : proof }, start(1))
      problems.push(...await shut(client, "reflected"))
    }
    // Opens two connections to an actor, and answers the actor's question for a proof on each with the question from
    // the other connection.
    const [a, b] = [await Client.dial(target), await Client.dial(target)]
    a.say(hello(nobody(), random(32)))
    const asked = await a.hears("Challenge")
    b.say(hello(nobody(), asked!.nonce))
    const back = await b.hears("Challenge")
    a.say({ _tag: "Proof", proof: back!.nonce }, start(1))
    b.say({ _tag: "Proof", proof: asked!.nonce }, start(1))
    problems.push(...await shut(a, "crossed"), ...await shut(b, "crossed"))
  }
  return { figures: "refused: proof", problems }
}

export const strangers: ReadonlyArray<Case> = [
  {
    name: "no secret: Hello without a nonce",
    quickOver: ["tcp", "tls"],
    run: knocking("no nonce", (client) => void client.say(hello(nobody(), null), start(1)), "refused: proof")
  },
  {
    name: "wrong secret: a wrong proof",
    quickOver: ["tcp", "tls"],
    run: knocking("wrong secret", async (client) => {
      await greet(client, random(32))
      client.say(start(1))
    }, "refused: proof")
  },
  {
    name: "a call before any greeting",
    run: knocking("no greeting", (client) => void client.say(start(1)), "HandshakeOrder")
  },
  {
    name: "everything at once: greeting, guess and call",
    run: knocking(
      "at once",
      (client) => void client.say(hello(nobody(), random(32)), { _tag: "Proof", proof: random(32) }, start(1)),
      "refused: proof"
    )
  },
  {
    name: "as its child, or only looking",
    run: knocking("roles", async (client) => {
      client.say(hello(nobody(), random(32), { role: "child" }))
      await client.hears("Challenge")
      client.say({ _tag: "Proof", proof: new Uint8Array(32) }, start(1))
    }, "refused: proof")
  },
  { name: "a genuine greeting, replayed", quickOver: ["tcp", "tls"], run: replay },
  { name: "the acceptor's own words, reflected", quickOver: ["tcp", "tls"], run: reflect },
  { name: "silent after connecting", run: lingering(1_000, 150, () => {}) },
  { name: "one byte a second", run: lingering(500, 100, slowly) },
  {
    name: "silent after the Challenge",
    slow: true,
    run: lingering(1_000, 150, async (client) => {
      client.say(hello(nobody(), random(32)))
      await client.hears("Challenge", 500)
    })
  },
  { name: "cut at every stage", run: cut },
  { name: "garbage before the greeting", quickOver: ["tcp", "tls"], run: throwGarbage },
  { name: "connections as fast as possible", quickOver: ["tcp"], run: flood },
  { name: "failing handshakes one by one", run: oneByOne }
]
