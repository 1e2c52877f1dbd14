/**
 * Carries out one attack on a live tree, and judges whether the tree went on, freed memory and descriptors, and kept
 * its secret.
 */
import * as Processes from "./processes.ts"
import type { Transport, Victim } from "./victim.ts"

export interface Field {
  readonly victim: Victim
  readonly quick: boolean
  /** Returns its first argument in a full run of attacks, and its second argument in a quick run. */
  readonly scale: (full: number, quick: number) => number
}

/** The result of an attack as the attacker saw it, with figures for the table of verdicts, and problems. */
export interface Outcome {
  readonly figures: string
  readonly problems: ReadonlyArray<string>
}

export interface Case {
  readonly name: string
  /**
   * The transport of an attack that is tried over a single transport. By default an attack is tried over every
   * transport.
   */
  readonly over?: Transport | undefined
  /** The transports, besides Unix sockets, over which a quick run (`--quick`) also tries this attack. */
  readonly quickOver?: ReadonlyArray<Transport> | undefined
  /** True where a quick run leaves an attack out. */
  readonly slow?: boolean | undefined
  /** The number of times that an attack of members should run the handler that no actor of the tree calls. */
  readonly opens?: number | undefined
  /**
   * Megabytes by which one process of the attacked tree may grow during an attack. By default a process of the attacked
   * tree may grow by 96 megabytes, and over TLS by 224, because one member may need so much.
   */
  readonly memory?: number | undefined
  /**
   * Milliseconds that a call of the attacked tree may take during an attack. By default a call of the attacked tree may
   * take 2500 milliseconds, because one member may keep an actor busy for a while.
   */
  readonly worst?: number | undefined
  readonly run: (field: Field) => Promise<Outcome>
}

export interface Verdict {
  readonly name: string
  readonly transport: string
  readonly figures: string
  readonly millis: number
  readonly calls: number
  readonly p99: number
  readonly worst: number
  /**
   * Megabytes by which the largest process of the attacked tree grew: at the peak of the attack, and after the attack.
   */
  readonly peak: number
  readonly kept: number
  readonly refused: number
  readonly problems: ReadonlyArray<string>
}

/** The bounds of time and memory that hold for every attack. */
const bounds = {
  /** Milliseconds that a call of the attacked tree may take before the tree counts as no longer serving. */
  worst: 2_500,
  /**
   * Megabytes by which a process of the attacked tree may grow during an attack, for each transport. Node frees the
   * memory of OpenSSL late, so thousands of TLS greetings leave 160 MB in use.
   */
  memory: { unix: 96, tcp: 96, tls: 224 },
  /**
   * Milliseconds after an attack until the tree's descriptors and connections must be back at their numbers from before
   * the attack.
   */
  settled: 6_000,
  /** Milliseconds for which the attack waits for the actors' last reports about their work. */
  late: 300
}

const quantile = (sorted: ReadonlyArray<number>, q: number): number =>
  sorted.length === 0 ? NaN : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!

/** Samples the memory of the attacked tree until the sampling is stopped. */
const sampler = (victim: Victim) => {
  const before = victim.members.map(({ pid }) => Processes.memory(pid))
  let peak = 0
  const grown = () => Math.max(...victim.members.map(({ pid }, i) => Processes.memory(pid) - before[i]!))
  const look = () => {
    if (victim.isAlive) peak = Math.max(peak, grown())
  }
  const timer = setInterval(look, 50)
  return {
    stop: () => {
      look()
      clearInterval(timer)
      return { peak, kept: victim.isAlive ? grown() : NaN }
    }
  }
}

const service = (victim: Victim, from: number, to: number, worst: number) => {
  const loads = victim.loads.filter(({ at }) => at >= from && at <= to)
  const millis = loads.flatMap((load) => load.millis).toSorted((a, b) => a - b)
  const pairs = new Set(victim.loads.map(({ pair }) => pair))
  // A pair of actors without any report during an attack has stopped working.
  const silent = to - from < 1_000 ? [] : [...pairs].filter((pair) => !loads.some((load) => load.pair === pair))
  return {
    calls: millis.length,
    p99: quantile(millis, 0.99),
    worst: millis.at(-1) ?? NaN,
    problems: [
      ...loads.flatMap(({ errors, pair }) => errors.map((error) => `${pair}: ${error}`)).slice(0, 3),
      ...silent.map((pair) => `${pair}: nothing in ${to - from} ms`),
      ...(millis.at(-1) ?? 0) > worst ? [`a call of the tree took ${Math.round(millis.at(-1)!)} ms`] : []
    ]
  }
}

/**
 * Carries out one attack on the attacked tree, and returns the verdict on the attack. The tree must be alive when an
 * attack on it begins.
 */
export const judge = async (attack: Case, field: Field): Promise<Verdict> => {
  const { victim } = field
  const openedBefore = victim.opened
  const peersBefore = victim.peers
  const fds = () => victim.members.reduce((sum, { pid }) => sum + Processes.descriptors(pid), 0)
  const fdsBefore = fds()
  const from = Date.now()
  const memory = sampler(victim)
  let outcome: Outcome
  try {
    outcome = await attack.run(field)
  } catch (error) {
    outcome = { figures: "", problems: [`the attack could not be carried out: ${(error as Error).message}`] }
  }
  const to = Date.now()
  const problems = [...outcome.problems]
  const alive = victim.isAlive
  if (!alive) problems.push("an actor of the tree is dead")
  if (alive && !await Processes.until(() => fds() <= fdsBefore + 2 && victim.peers <= peersBefore, bounds.settled)) {
    problems.push(`${fds() - fdsBefore} descriptors and ${victim.peers - peersBefore} connections did not come back`)
  }
  await Processes.pause(bounds.late)
  const { kept, peak } = memory.stop()
  if (peak > (attack.memory ?? bounds.memory[victim.transport])) {
    problems.push(`a process grew by ${Math.round(peak)} MB`)
  }
  const { problems: disturbed, ...served } = service(victim, from, Date.now(), attack.worst ?? bounds.worst)
  problems.push(...disturbed)
  const opened = victim.opened - openedBefore
  if (opened !== (attack.opens ?? 0)) problems.push(`${opened} handlers ran instead of ${attack.opens ?? 0}`)
  if (alive) problems.push(...victim.leaks.map((place) => `the secret stands in ${place}`))
  const refused = victim.sights.filter(({ at }) => at >= from).reduce(
    (sum, { events }) => sum + (events["StrangerRefused"] ?? 0),
    0
  )
  return {
    name: attack.name,
    transport: victim.transport,
    figures: outcome.figures,
    millis: to - from,
    ...served,
    peak,
    kept,
    refused,
    problems
  }
}
