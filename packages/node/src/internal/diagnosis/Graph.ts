/**
 * A graph of all work in a tree and of its waits, which is made from the snapshots of the tree's actors.
 *
 *   work   a served dialog (`actor/peer/id`), or all else that an actor does (`actor/main`)
 *   leaf   one fiber of the work that has no fiber of its own: it waits for other work, or may go on by itself
 *
 * The work of a dialog or an actor may go on while one of its leaves may go on; leaves are fibers without child fibers.
 * A fiber that waits for an answer, for items or for credit waits for the work at the other end of the fiber's dialog.
 * A fiber that waits for a lock counts as waiting for any other work of its actor, because the holder of the lock is
 * unknown. A fiber that waits for a timer, or for an event outside of the tree, may go on.
 */
import type { ActorId } from "@furrow/actor/ActorError"
import type { ActorInspection, DialogInspection, FiberInspection, FrameInspection } from "@furrow/actor/Inspect"
import type { Seen } from "./Seen.ts"

export type Node = string

/** One wait of a dialog or an actor for another dialog or actor. */
export interface Edge {
  readonly to: Node
  readonly on: FiberInspection["waits"]["on"]
  /** The endpoint of the dialog for which a fiber waits, or undefined for a wait without a dialog. */
  readonly endpoint: string | undefined
  readonly ageMillis: number
  readonly frame: FrameInspection | undefined
  /**
   * True when the awaited dialog or actor is known, and false when the fiber may wait for any of several dialogs or
   * actors.
   */
  readonly exact: boolean
}

export interface Leaf {
  /** The waits of a fiber, or undefined when the fiber may go on without other dialogs and actors. */
  readonly waits: ReadonlyArray<Edge> | undefined
}

export interface Work {
  readonly node: Node
  readonly actor: ActorId
  /** The endpoint of a served dialog, or undefined for the own work of an actor. */
  readonly endpoint: string | undefined
  readonly ageMillis: number
  readonly leaves: ReadonlyArray<Leaf>
}

export type Graph = ReadonlyMap<Node, Work>

/** True for an endpoint of the runtime itself, whose dialogs are not work of the program. */
const isRuntimes = (endpoint: string): boolean => endpoint.startsWith("furrow/")

const mainOf = (actor: string): Node => `${actor}/main`
const servedBy = (actor: string, peer: string, id: number): Node => `${actor}/${peer}/${id}`

interface Open {
  readonly dialog: DialogInspection
  readonly peer: ActorId
}

const openOf = (inside: ActorInspection): ReadonlyArray<Open> =>
  inside.channels.flatMap(({ dialogs, peer }) => peer === null ? [] : dialogs.map((dialog) => ({ dialog, peer })))

const keyOf = (side: string, peer: string, id: number): string => `${side}/${peer}/${id}`

/** One actor of the graph, with the dialogs that the actor serves, and with its own work outside of these dialogs. */
class Actor {
  readonly inside: ActorInspection
  readonly fibers: ReadonlyArray<FiberInspection> | undefined
  readonly opened: ReadonlyMap<string, Open>
  readonly nodes: ReadonlyArray<Node>

  constructor({ fibers, inside }: Seen & { readonly inside: ActorInspection }) {
    this.inside = inside
    this.fibers = fibers
    this.opened = new Map(openOf(inside).map((open) => [keyOf(open.dialog.side, open.peer.uuid, open.dialog.id), open]))
    const served = this.served.map(({ dialog, peer }) => servedBy(this.uuid, peer.uuid, dialog.id))
    this.nodes = inside.hasMain || this.hasOpened ? [...served, mainOf(this.uuid)] : served
  }

  get uuid(): string {
    return this.inside.actor.uuid
  }

  get served(): ReadonlyArray<Open> {
    return Array.from(this.opened.values()).filter(({ dialog }) =>
      dialog.side === "callee" && !isRuntimes(dialog.endpoint)
    )
  }

  /** True when the actor's own work, and not the handler of a served dialog, has opened a dialog. */
  private get hasOpened(): boolean {
    return Array.from(this.opened.values()).some(({ dialog }) =>
      dialog.side === "caller" && dialog.within === null && !isRuntimes(dialog.endpoint)
    )
  }

  /** Returns the served dialog whose handler has opened another dialog, or else the actor's own work. */
  openerOf({ within }: DialogInspection): Node {
    if (within === null) return mainOf(this.uuid)
    const node = servedBy(this.uuid, within.peer, within.id)
    // A fiber may outlive the dialog in which the fiber was forked. A fiber whose dialog has ended belongs to the
    // actor's own work.
    return this.nodes.includes(node) ? node : mainOf(this.uuid)
  }

  /**
   * Returns the fibers of a served dialog, or of an actor's own work, or undefined when some of the fibers are not
   * visible.
   */
  fibersOf(node: Node): ReadonlyArray<FiberInspection> | undefined {
    const own = this.fibers?.filter(({ within }) =>
      (within === null ? mainOf(this.uuid) : servedBy(this.uuid, within.peer, within.id)) === node
    )
    const listed = new Set(own?.map(({ id }) => id))
    const isWhole = own?.every(({ children, scoped }) => !scoped && children.every((id) => listed.has(id))) === true
    return isWhole && own.length > 0 ? own : undefined
  }
}

const goesOn: Leaf = { waits: undefined }

/**
 * Returns the work at the other end of a dialog, or undefined when that end's actor has not answered or the runtime
 * opened the dialog.
 */
const otherEnd = (
  actors: ReadonlyMap<string, Actor>,
  from: Actor,
  { id, peer, side }: { readonly id: number; readonly peer: string; readonly side: "caller" | "callee" }
): { readonly to: Node; readonly open: Open } | undefined => {
  const open = from.opened.get(keyOf(side, peer, id))
  const far = actors.get(peer)
  const there = far?.opened.get(keyOf(side === "caller" ? "callee" : "caller", from.uuid, id))
  if (open === undefined || far === undefined || there === undefined || isRuntimes(open.dialog.endpoint)) {
    return undefined
  }
  return { to: side === "caller" ? servedBy(peer, from.uuid, id) : far.openerOf(there.dialog), open }
}

/**
 * Returns the source line at which a fiber stands, or else the line of the nearest fiber above this fiber that has a
 * line.
 */
const frameOf = (
  fibers: ReadonlyArray<FiberInspection>,
  { frames, id }: FiberInspection
): FrameInspection | undefined => {
  const above = fibers.find((other) => other.id !== id && other.children.includes(id))
  return frames[0] ?? (above === undefined ? undefined : frameOf(fibers.filter((other) => other.id !== id), above))
}

const leafOf = (
  actors: ReadonlyMap<string, Actor>,
  actor: Actor,
  node: Node,
  fiber: FiberInspection,
  frame: FrameInspection | undefined
): Leaf => {
  const { dialog, on } = fiber.waits
  switch (on) {
    case "Call":
    case "Read":
    case "Write": {
      const end = dialog === null ? undefined : otherEnd(actors, actor, dialog)
      if (end === undefined) return goesOn
      const { ageMillis, endpoint } = end.open.dialog
      return { waits: [{ to: end.to, on, endpoint, ageMillis, frame, exact: true }] }
    }
    case "Semaphore":
      return {
        waits: actor.nodes.filter((other) => other !== node).map((to) => ({
          to,
          on,
          endpoint: undefined,
          ageMillis: 0,
          frame,
          exact: false
        }))
      }
    default:
      return goesOn
  }
}

const leavesOf = (
  actors: ReadonlyMap<string, Actor>,
  actor: Actor,
  node: Node
): ReadonlyArray<Leaf> => {
  const fibers = actor.fibersOf(node)
  if (fibers === undefined) return [goesOn]
  return fibers.filter(({ children }) => children.length === 0).map((fiber) =>
    leafOf(actors, actor, node, fiber, frameOf(fibers, fiber))
  )
}

/** Makes the graph of the work of all actors that have answered. */
export const make = (seen: ReadonlyArray<Seen>): Graph => {
  const answered = seen.filter((one): one is Seen & { readonly inside: ActorInspection } => one.inside !== undefined)
  const actors = new Map(answered.map((one) => [one.inside.actor.uuid, new Actor(one)]))
  const graph = new Map<Node, Work>()
  for (const actor of actors.values()) {
    for (const { dialog, peer } of actor.served) {
      const node = servedBy(actor.uuid, peer.uuid, dialog.id)
      graph.set(node, {
        node,
        actor: actor.inside.actor,
        endpoint: dialog.endpoint,
        ageMillis: dialog.ageMillis,
        leaves: leavesOf(actors, actor, node)
      })
    }
    const node = mainOf(actor.uuid)
    if (!actor.nodes.includes(node)) continue
    graph.set(node, {
      node,
      actor: actor.inside.actor,
      endpoint: undefined,
      ageMillis: 0,
      leaves: leavesOf(actors, actor, node)
    })
  }
  return graph
}

/**
 * Returns the dialogs and actors that cannot go on without help, because all dialogs and actors that they wait for are
 * stuck.
 */
export const stuck = (graph: Graph): ReadonlySet<Node> => {
  const waiters = new Map<Node, Array<Node>>()
  const live: Array<Node> = []
  const isLive = new Set<Node>()
  const found = (node: Node) => {
    if (isLive.has(node)) return
    isLive.add(node)
    live.push(node)
  }
  for (const { leaves, node } of graph.values()) {
    for (const { waits } of leaves) {
      if (waits === undefined) found(node)
      for (const { to } of waits ?? []) {
        // The work of an actor that has not answered may go on, so a wait for this work may end.
        if (!graph.has(to)) found(node)
        waiters.set(to, [...waiters.get(to) ?? [], node])
      }
    }
  }
  for (let node = live.pop(); node !== undefined; node = live.pop()) waiters.get(node)?.forEach(found)
  return new Set(Array.from(graph.keys()).filter((node) => !isLive.has(node)))
}
