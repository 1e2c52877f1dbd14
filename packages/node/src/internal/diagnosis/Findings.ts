/**
 * Finds the reasons why a tree does not go on, as a pure function of the snapshots of its actors.
 *
 * A finding is `stuck` where a wait can end only by help from outside the tree. A finding is a `note` where the wait
 * may end by itself, as for a worker that computes, a slow start, or a slow reader. Only a `stuck` finding makes
 * `furrow why` fail.
 */
import type { ActorId } from "@furrow/actor/ActorError"
import type { DialogInspection } from "@furrow/actor/Inspect"
import type { Edge, Graph, Node, Work } from "./Graph.ts"
import * as Graphs from "./Graph.ts"
import { nameOf, type Seen } from "./Seen.ts"

export type Kind =
  | "DEADLOCK"
  | "STOPPED"
  | "BLOCKED"
  | "BUSY"
  | "STUCK CANCEL"
  | "NO SUCH NAME"
  | "SLOW READER"
  | "STARTING"
  | "ENDING"
  | "SILENT"

/** A process of the tree, by the name and pid with which a finding shows it. */
export interface Place {
  readonly name: string
  readonly pid: number
}

/**
 * One wait in a cycle of waits: the dialog or the actor that waits, and the dialog, actor or lock that it waits for.
 */
export interface Hop {
  readonly at: Place
  readonly endpoint: string | undefined
  readonly waits: Edge["on"]
  readonly for: string | undefined
  readonly ageMillis: number
  readonly line: string | undefined
  readonly exact: boolean
}

/** A caller that waits for an answer of the process that a finding names. */
export interface Waiter {
  readonly at: Place
  readonly endpoint: string
  readonly ageMillis: number
}

export interface Finding {
  readonly kind: Kind
  readonly level: "stuck" | "note"
  readonly certainty: "certain" | "likely"
  readonly at: ReadonlyArray<Place>
  readonly text: string
  readonly ageMillis: number
  readonly cycle: ReadonlyArray<Hop>
  readonly waiters: ReadonlyArray<Waiter>
}

/** The smallest ages, in milliseconds, at which waits in a tree are reported as findings. */
export interface Options {
  /**
   * The least age in milliseconds, by default 1000, at which a deadlock, a wait for a name, or a cancel is reported.
   */
  readonly thanMillis: number
  /**
   * The age of an actor's oldest waiting call, in milliseconds, at which the actor is reported as stuck if it computes
   * without an answer. By default a computing actor is reported as stuck when its oldest call has waited for 30 000
   * milliseconds.
   */
  readonly busyMillis: number
}

export const defaults: Options = { thanMillis: 1000, busyMillis: 30_000 }

type Answered = Seen & { readonly inside: NonNullable<Seen["inside"]> }

const answeredOf = (seen: ReadonlyArray<Seen>): ReadonlyArray<Answered> =>
  seen.filter((one): one is Answered => one.inside !== undefined)

const placeOf = (one: Seen): Place => ({ name: nameOf(one), pid: one.outside.pid })
const placeOfActor = ({ name, pid }: ActorId): Place => ({ name, pid })

const isRuntimes = (endpoint: string): boolean => endpoint.startsWith("furrow/")

interface Call {
  readonly by: ActorId
  readonly to: ActorId
  readonly dialog: DialogInspection
}

/** Returns every dialog of the program's actors, as the dialog's caller sees it. */
const callsOf = (seen: ReadonlyArray<Seen>): ReadonlyArray<Call> =>
  answeredOf(seen).flatMap(({ inside }) =>
    inside.channels.flatMap(({ dialogs, peer }) =>
      peer === null
        ? []
        : dialogs.filter(({ endpoint, side }) => side === "caller" && !isRuntimes(endpoint)).map((dialog) => ({
          by: inside.actor,
          to: peer,
          dialog
        }))
    )
  )

const waitersOf = (calls: ReadonlyArray<Call>, pid: number): ReadonlyArray<Waiter> =>
  calls.filter(({ to }) => to.pid === pid).map(({ by, dialog: { ageMillis, endpoint } }) => ({
    at: placeOfActor(by),
    endpoint,
    ageMillis
  })).toSorted((a, b) => b.ageMillis - a.ageMillis)

const oldest = (ages: Iterable<{ readonly ageMillis: number }>): number =>
  Array.from(ages).reduce((most, { ageMillis }) => Math.max(most, ageMillis), 0)

const plain = (
  kind: Kind,
  level: Finding["level"],
  at: ReadonlyArray<Place>,
  text: string,
  more: Partial<Pick<Finding, "ageMillis" | "certainty" | "waiters">> = {}
): Finding => ({ kind, level, certainty: "certain", at, text, ageMillis: 0, cycle: [], waiters: [], ...more })

// ---- deadlocks ------------------------------------------------------------------------------------------------------

const lineOf = ({ frame }: Edge): string | undefined => frame === undefined ? undefined : `${frame.file}:${frame.line}`

/**
 * Returns a cycle of waits, by following waits from one dialog or actor until a dialog or actor is met for the second
 * time.
 */
const cycleFrom = (graph: Graph, dead: ReadonlySet<Node>, start: Node): ReadonlyArray<readonly [Work, Edge]> => {
  const way: Array<readonly [Work, Edge]> = []
  const at = new Map<Node, number>()
  let node = start
  for (;;) {
    const before = at.get(node)
    if (before !== undefined) return way.slice(before)
    at.set(node, way.length)
    const work = graph.get(node)!
    const edges = work.leaves.flatMap(({ waits }) => waits ?? []).filter(({ to }) => dead.has(to))
    // The search for the deadlock follows a wait for one known dialog or actor before a wait for any one of several.
    const edge = edges.find(({ exact }) => exact) ?? edges[0]
    if (edge === undefined) return []
    way.push([work, edge])
    node = edge.to
  }
}

const hopOf = ([work, edge]: readonly [Work, Edge]): Hop => ({
  at: placeOfActor(work.actor),
  endpoint: work.endpoint,
  waits: edge.on,
  for: edge.endpoint,
  ageMillis: edge.exact ? edge.ageMillis : work.ageMillis,
  line: lineOf(edge),
  exact: edge.exact
})

const deadlocks = (seen: ReadonlyArray<Seen>, { thanMillis }: Options): ReadonlyArray<Finding> => {
  const graph = Graphs.make(seen)
  const dead = Graphs.stuck(graph)
  const found = new Map<string, Finding>()
  for (const node of dead) {
    const way = cycleFrom(graph, dead, node)
    const key = way.map(([work]) => work.node).toSorted().join(" ")
    if (way.length === 0 || found.has(key)) continue
    const cycle = way.map(hopOf)
    if (cycle.some(({ ageMillis }) => ageMillis < thanMillis)) continue
    const exact = cycle.every((hop) => hop.exact)
    found.set(
      key,
      {
        ...plain("DEADLOCK", "stuck", cycle.map(({ at }) => at), `${cycle.length} wait for each other in a circle`, {
          certainty: exact ? "certain" : "likely",
          ageMillis: cycle.reduce((least, { ageMillis }) => Math.min(least, ageMillis), Infinity)
        }),
        cycle
      }
    )
  }
  return Array.from(found.values())
}

// ---- silent processes -----------------------------------------------------------------------------------------------

/** The smallest share of one processor core that makes a process count as computing. */
const busyShare = 0.5

/** The functions of the kernel in which an event loop waits for events. */
const isPolling = /^(?:do_epoll_wait|ep_poll|do_epoll_pwait)$/

const silent = (one: Seen, calls: ReadonlyArray<Call>, { busyMillis }: Options): ReadonlyArray<Finding> => {
  if (one.inside !== undefined) return []
  const { commands, cpu, pid, states, wchan } = one.outside
  const waiters = waitersOf(calls, pid)
  const at = [placeOf(one)]
  const ageMillis = oldest(waiters)
  if (states.every((state) => state === "T" || state === "t")) {
    return [
      plain("STOPPED", "stuck", at, "its process is stopped: continue it with kill -CONT", { ageMillis, waiters })
    ]
  }
  if (states.includes("R") || cpu >= busyShare) {
    const level = ageMillis >= busyMillis ? "stuck" : "note"
    const text = level === "note"
      ? "it computes, and gives no answers meanwhile"
      : "it computes, and has not answered for as long as its oldest caller waits: it may be in an endless loop"
    return [plain("BUSY", level, at, text, { certainty: "likely", ageMillis, waiters })]
  }
  // An actor whose event loop waits for events is not stuck, and was only late with its answer. A call such as
  // `execSync` also waits for events while its program runs, so a silent actor with a child program counts as blocked.
  const isFree = isPolling.test(wchan) && commands.length === 0
  if (!isFree && states.length > 1 && states.every((state) => state === "S" || state === "D")) {
    const child = commands.length === 0 ? "" : `; it has the child process ${commands.join(", ")}`
    const text = `its event loop stands in a system call${wchan === "" ? "" : ` (${wchan})`}${child}`
    return [plain("BLOCKED", "stuck", at, text, { certainty: "likely", ageMillis, waiters })]
  }
  return [plain("SILENT", "note", at, "it has not answered in time", { ageMillis, waiters })]
}

// ---- findings from the answers of actors ----------------------------------------------------------------------------

const cancels = ({ inside }: Answered): ReadonlyArray<Finding> =>
  inside.channels.filter(({ peer, stuck }) => stuck > 0 && peer !== null).map(({ peer, stuck }) =>
    plain(
      "STUCK CANCEL",
      "stuck",
      [placeOfActor(inside.actor), placeOfActor(peer!)],
      `${stuck} cancelled by ${inside.actor.name} in ${peer!.name} did not end within the bound of the cancel`
    )
  )

/**
 * Returns the names of actors that live, of actors that are being started, and of actors that a supervisor will start
 * again.
 */
const namesIn = (seen: ReadonlyArray<Seen>): ReadonlySet<string> =>
  new Set(
    answeredOf(seen).flatMap(({ inside }) => [
      inside.actor.name,
      ...inside.service === null ? [] : [inside.service],
      ...inside.children.map(({ actor }) => actor.name),
      ...inside.starting.map(({ name }) => name),
      ...inside.supervisors.flatMap(({ children }) =>
        children.filter(({ state }) => state !== "Stopped" && state !== "Ended").map(({ child }) => child)
      )
    ])
  )

const names = (seen: ReadonlyArray<Seen>, { thanMillis }: Options): ReadonlyArray<Finding> => {
  const known = namesIn(seen)
  const whole = answeredOf(seen).length === seen.length
  return answeredOf(seen).flatMap(({ inside }) =>
    inside.names.filter(({ ageMillis, name }) => ageMillis >= thanMillis && !known.has(name)).map((
      { ageMillis, name }
    ) =>
      plain(
        "NO SUCH NAME",
        whole ? "stuck" : "note",
        [placeOfActor(inside.actor)],
        `it waits for an actor called "${name}": there is none, and none of that name is being started`,
        { ageMillis, certainty: "likely" }
      )
    )
  )
}

const readers = (seen: ReadonlyArray<Seen>, { thanMillis }: Options): ReadonlyArray<Finding> => {
  const ends: ReadonlyMap<string, { readonly dialog: DialogInspection; readonly inside: Answered["inside"] }> = new Map(
    answeredOf(seen).flatMap(({ inside }) =>
      inside.channels.flatMap(({ dialogs, peer }) =>
        dialogs.map((dialog) =>
          [`${dialog.side}/${inside.actor.uuid}/${peer?.uuid}/${dialog.id}`, { dialog, inside }] as const
        )
      )
    )
  )
  return Array.from(ends).flatMap(([key, { dialog, inside }]) => {
    const [side, own, peer, id] = key.split("/")
    const there = ends.get(`${side === "caller" ? "callee" : "caller"}/${peer}/${own}/${id}`)
    const reading = there?.dialog.in
    if (dialog.out?.waiting !== true || dialog.ageMillis < thanMillis || isRuntimes(dialog.endpoint)) return []
    if (there === undefined || reading === null || reading === undefined || reading.waiting || reading.items === 0) {
      return []
    }
    const text = `${inside.actor.name} waits to send: ${there.inside.actor.name} has ${reading.items} items of ` +
      `${dialog.endpoint} that it has not read`
    return [plain("SLOW READER", "note", [placeOfActor(there.inside.actor), placeOfActor(inside.actor)], text, {
      ageMillis: dialog.ageMillis
    })]
  })
}

/**
 * The age of a start or an end of an actor, in milliseconds, from which a note reports the start or the end as slow.
 */
const slowMillis = 2000

const children = ({ inside }: Answered): ReadonlyArray<Finding> =>
  inside.children.filter(({ ageMillis, state }) => state !== "Running" && ageMillis >= slowMillis).map((
    { actor, ageMillis, state }
  ) =>
    state === "Starting"
      ? plain("STARTING", "note", [placeOfActor(actor)], `${inside.actor.name} starts it, and it is not ready yet`, {
        ageMillis
      })
      : plain("ENDING", "note", [placeOfActor(actor)], `${inside.actor.name} ends it, and is at the rung ${state}`)
  )

/** Returns every reason why a tree does not go on. The most certain findings about a tree come first. */
export const findings = (seen: ReadonlyArray<Seen>, options: Options = defaults): ReadonlyArray<Finding> => {
  const calls = callsOf(seen)
  const answered = answeredOf(seen)
  const all = [
    ...deadlocks(seen, options),
    ...seen.flatMap((one) => silent(one, calls, options)),
    ...answered.flatMap(cancels),
    ...names(seen, options),
    ...readers(seen, options),
    ...answered.flatMap(children)
  ]
  return [...all.filter(({ level }) => level === "stuck"), ...all.filter(({ level }) => level === "note")]
}
