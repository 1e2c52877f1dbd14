/**
 * Attacks a tree over TLS: by strangers without a right certificate, by impostors at a dialled address, and by a relay
 * with a right certificate.
 */
import type * as Net from "node:net"
import * as Tls from "node:tls"
import { pause } from "../processes.ts"
import type { Case, Field, Outcome } from "../verdict.ts"
import { Client, Ear, enter, framed, greet, hello, nobody, random, type Target } from "../wire.ts"
import { crowdGoes, doors, refusal, shut, start } from "./strangers.ts"

type Door = Extract<Target, { readonly port: number }>

const addressOf = (port: number): string => `/ip4/127.0.0.1/tcp/${port}/tls`

const doorsOf = (field: Field): ReadonlyArray<Door> => doors(field) as ReadonlyArray<Door>

/**
 * Greets an actor with the secret of the tree over a TLS connection with a wrong certificate, and checks that the actor
 * refuses the greeting.
 */
const turnedAway = async (target: Door, { victim }: Field, title: string): Promise<ReadonlyArray<string>> => {
  const client = await Client.dial(target).catch(() => undefined)
  if (client === undefined) return []
  await greet(client, victim.secret)
  const problems = await shut(client, title)
  return client.words.length === 0 ? problems : [...problems, `${title}: heard ${client.words[0]?._tag}`]
}

const wrongCertificates = async (field: Field): Promise<Outcome> => {
  const { certificates, secret } = field.victim
  const problems: Array<string> = []
  for (const target of doorsOf(field)) {
    for (const [title, tls] of Object.entries(certificates.wrong)) {
      problems.push(...await turnedAway({ ...target, tls }, field, title))
    }
    problems.push(...await turnedAway({ ...target, tls: undefined }, field, "no TLS"))
    // An actor lets a member in that shows a right certificate. A client with a wrong certificate is refused, even with
    // the greeting of a member.
    const member = await enter(target, secret)
    member.destroy()
  }
  return { figures: `${Object.keys(certificates.wrong).length + 1} kinds heard no word`, problems }
}

/**
 * Milliseconds within which an actor has to close a connection on which no TLS greeting arrives. An actor closes a
 * connection after five seconds without a TLS greeting; an actor on a busy host may take longer.
 */
const patience = 8_000

/**
 * Opens connections on which the attacker sends no TLS greeting, and checks that an actor still lets a member in and
 * answers its calls.
 */
const silent = async (field: Field): Promise<Outcome> => {
  const { scale, victim } = field
  const target = victim.target("anvil") as Door
  const begin = performance.now()
  const clients = await Promise.all(
    Array.from({ length: scale(1_000, 150) }, () => Client.dial({ ...target, tls: undefined }))
  )
  for (const client of clients) client.raw(random(1).fill(0x16))
  const member = await enter(target, victim.secret)
  member.destroy()
  return crowdGoes(field, clients, begin, patience)
}

/** Lets a server listen at a free port while a function runs. */
const serving = async <A>(server: Net.Server, run: (port: number) => Promise<A>): Promise<A> => {
  const sockets = new Set<Net.Socket>()
  server.on("connection", (socket: Net.Socket) => sockets.add(socket))
  server.on("tlsClientError", () => {})
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve))
  try {
    return await run((server.address() as Net.AddressInfo).port)
  } finally {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** Makes an impostor, which accepts every certificate and counts the bytes that it receives. */
const impostor = (shown: Tls.SecureContextOptions, heard: (bytes: number) => void): Tls.Server =>
  Tls.createServer({ ...shown, requestCert: true, rejectUnauthorized: false }, (socket) => {
    socket.on("error", () => {})
    socket.on("data", ({ length }: Buffer) => heard(length))
  })

const impostors = async (field: Field): Promise<Outcome> => {
  const { victim } = field
  const problems: Array<string> = []
  const { port } = victim.target("root") as Door
  const right = await victim.asker(addressOf(port))
  if (right.error !== null) problems.push(`the root itself: ${right.error}`)
  let last = ""
  for (const [title, shown] of Object.entries(victim.certificates.impostors)) {
    let bytes = 0
    const { error } = await serving(
      impostor(shown, (length) => {
        bytes += length
      }),
      (port) => victim.asker(addressOf(port))
    )
    last = error ?? "taken for the root"
    if (!/^ActorUnreachable: .*not one of this tree's authority for that host/.test(last)) {
      problems.push(`${title}: ${last}`)
    }
    if (bytes > 0) problems.push(`${title}: heard ${bytes} bytes`)
  }
  return { figures: `${Object.keys(victim.certificates.impostors).length} kinds: ${last.slice(0, 60)}`, problems }
}

/**
 * Makes a relay, which passes bytes between a dialling member and an actor over two TLS channels, and records the
 * member's words.
 */
const relay = ({ relay }: Field["victim"]["certificates"], port: number, said: Ear): Tls.Server =>
  Tls.createServer({ ...relay, requestCert: true }, (near) => {
    const far = Tls.connect({ ...relay, host: "127.0.0.1", port })
    for (const socket of [near, far]) socket.on("error", () => {})
    near.on("data", (bytes: Buffer) => said.hear(new Uint8Array(bytes)))
    near.on("close", () => far.destroy())
    far.on("close", () => near.destroy())
    near.pipe(far).pipe(near)
  })

/**
 * Lets a member dial the relay, and then sends the words that the relay recorded to the actor again, over another TLS
 * channel.
 */
const onAnotherChannel = async (field: Field): Promise<Outcome> => {
  const { victim } = field
  const problems: Array<string> = []
  const target = victim.target("root") as Door
  const said = new Ear()
  await serving(relay(victim.certificates, target.port, said), async (port) => {
    const member = await Client.dial({ ...target, port })
    await greet(member, victim.secret)
    member.say(start(1))
    problems.push(...await shut(member, "relayed"))
    if (refusal(member) !== "refused: proof") problems.push(`relayed: ${refusal(member)}`)
    const asker = await victim.asker(addressOf(port))
    if (asker.error === null || !/secret/.test(asker.error)) problems.push(`an asker: ${asker.error}`)
  })
  const [greeting, proof] = said.words
  if (proof?._tag !== "Proof") return { figures: "", problems: [...problems, "the relay heard no proof"] }
  const client = await Client.dial(target)
  client.raw(framed(greeting!))
  await client.hears("Challenge")
  client.raw(framed(proof, start(1)))
  problems.push(...await shut(client, "replayed"))
  if (refusal(client) !== "refused: proof") problems.push(`replayed: ${refusal(client)}`)
  return { figures: `${said.words.length} words relayed and replayed: refused: proof`, problems }
}

/** Opens connections to a TLS port as fast as possible, each without a certificate. */
const flood = async ({ scale, victim }: Field): Promise<Outcome> => {
  const target = { ...victim.target("anvil"), tls: {} } as Door
  const n = scale(3_000, 150)
  let next = 0
  let words = 0
  const worker = async () => {
    while (next++ < n) {
      const client = await Client.dial(target).catch(() => undefined)
      client?.say(hello(nobody(), random(32)))
      await client?.closes()
      words += client?.words.length ?? 0
      client?.destroy()
    }
  }
  const begin = performance.now()
  const arrival = pause(50).then(() => victim.newcomer("anvil"))
  await Promise.all(Array.from({ length: 50 }, worker))
  const seconds = (performance.now() - begin) / 1_000
  const { error } = await arrival
  return {
    figures: `${n} in ${seconds.toFixed(1)} s`,
    problems: [
      ...words > 0 ? [`they heard ${words} words`] : [],
      ...error === null ? [] : [`a newcomer: ${error}`]
    ]
  }
}

export const certified: ReadonlyArray<Case> = [
  { name: "members without a right certificate", over: "tls", run: wrongCertificates },
  { name: "impostors at an address, each with a wrong certificate", over: "tls", run: impostors },
  { name: "a proof on another channel, by a relay with a right certificate", over: "tls", run: onAnotherChannel },
  { name: "silent in the greeting of TLS", over: "tls", run: silent },
  { name: "without a certificate, as fast as possible", over: "tls", run: flood }
]
