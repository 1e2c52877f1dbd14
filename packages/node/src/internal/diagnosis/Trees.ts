/**
 * Finds the trees of this user on this host, and asks their actors. The tool asks all actors of a tree directly and at
 * the same time, so that a stuck actor hides no other actor. For an actor that does not answer in time, the tool reads
 * the kernel's view of the actor's process.
 */
import type { ActorId } from "@furrow/actor/ActorError"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as NodeInspect from "../../NodeInspect.ts"
import * as Outside from "./Outside.ts"
import { nameOf, type Seen } from "./Seen.ts"

/** One tree of actors: its processes, with the root's process first. */
export interface Tree {
  readonly root: ActorId | undefined
  readonly seen: ReadonlyArray<Seen>
}

/** The error of a tool that finds no tree, or that finds several trees and was given no name. */
export class NoTree extends Data.TaggedError("NoTree")<{ readonly message: string }> {}

/**
 * The time within which an actor has to answer a tool. The bound for an actor's answer is long enough for a host under
 * load.
 */
export const patience: Duration.Input = "2 seconds"

const seeOne = (
  candidate: NodeInspect.Candidate,
  { fibers: asks = false, within = patience }: Options
): Effect.Effect<Seen> =>
  Effect.scoped(Effect.gen(function*() {
    const observer = yield* NodeInspect.observe(candidate.pid, { within })
    const inside = yield* Effect.timeout(observer.snapshot, within)
    // An actor that has answered a tool, but cannot show its fibers, counts as answering.
    const fibers = asks ? yield* Effect.option(Effect.timeout(observer.fibers, within)) : Option.none()
    return { outside: Outside.unlooked(candidate), inside, fibers: Option.getOrUndefined(fibers) }
  })).pipe(
    Effect.catch(() =>
      Effect.map(Outside.look(candidate), (outside) => ({ outside, inside: undefined, fibers: undefined }))
    )
  )

/**
 * Returns the pid of the root above an actor's process. An actor that has answered names its root itself; for any other
 * actor the parent pids lead to the root.
 */
const rootOf = (all: ReadonlyMap<number, Seen>, { inside, outside }: Seen): number => {
  if (inside !== undefined) return inside.ancestors[0]?.pid ?? inside.actor.pid
  const above = all.get(outside.parent)
  return above === undefined ? outside.pid : rootOf(all, above)
}

/** Groups the processes of actors into trees. */
export const make = (seen: ReadonlyArray<Seen>): ReadonlyArray<Tree> => {
  const all = new Map(seen.map((one) => [one.outside.pid, one]))
  const trees = Map.groupBy(seen, (one) => rootOf(all, one))
  return Array.from(trees, ([pid, seen]) => ({
    root: all.get(pid)?.inside?.actor,
    seen: seen.toSorted((a, b) =>
      Number(b.outside.pid === pid) - Number(a.outside.pid === pid) ||
      (a.inside?.ancestors.length ?? 0) - (b.inside?.ancestors.length ?? 0) || a.outside.pid - b.outside.pid
    )
  }))
}

/** The options of a tool's questions to each actor of a tree. */
export interface Options {
  /** Asks each actor of a tree for its fibers as well. By default a tool does not ask actors for their fibers. */
  readonly fibers?: boolean | undefined
  /**
   * The pid or the name of an actor whose tree the tool asks. With a target, the tool asks only the actors in the tree
   * of the named actor. Without a target, the tool asks the actors of all trees.
   */
  readonly target?: string | undefined
  /**
   * True to ask the actor of the tool's own process for its snapshot too. By default a tool asks only the actors of
   * other processes.
   */
  readonly self?: boolean | undefined
  /** The time that an actor has for each answer to a tool. */
  readonly within?: Duration.Input | undefined
}

/**
 * Follows the parent pids upwards from one found process to the next found process, and returns the pid of the topmost
 * one.
 */
const topOf = (all: ReadonlyMap<number, NodeInspect.Candidate>, candidate: NodeInspect.Candidate): number => {
  const above = all.get(candidate.parent)
  return above === undefined ? candidate.pid : topOf(all, above)
}

/**
 * Returns the processes of the trees with an actor that the target names. The processes of other trees than the
 * target's get no knock, because a knock leaves a door open for a while. A target that is in the title of no process
 * may be the name of a root, so the function `meant` then returns all processes.
 */
export const meant = (
  found: ReadonlyArray<NodeInspect.Candidate>,
  target: string | undefined
): ReadonlyArray<NodeInspect.Candidate> => {
  const all = new Map(found.map((candidate) => [candidate.pid, candidate]))
  const named = found.filter(({ name, pid }) => name === target || String(pid) === target)
  if (named.length === 0) return target !== undefined && /^\d+$/.test(target) ? [] : found
  const tops = new Set(named.map((candidate) => topOf(all, candidate)))
  return found.filter((candidate) => tops.has(topOf(all, candidate)))
}

/**
 * Asks the actors of the found trees for snapshots. A process that ended while its tree was asked is left out of the
 * tree.
 */
export const look = (options: Options = {}): Effect.Effect<ReadonlyArray<Tree>> =>
  Effect.gen(function*() {
    const others = yield* NodeInspect.candidates
    const found = meant(options.self === true ? [...others, ...yield* NodeInspect.self] : others, options.target)
    const seen = yield* Effect.forEach(found, (candidate) => seeOne(candidate, options), { concurrency: "unbounded" })
    return make(seen.filter(({ inside, outside }) => inside !== undefined || !outside.states.some(isGone)))
  })

const isGone = (state: string): boolean => state === "" || state === "Z" || state === "X"

const holds = ({ seen }: Tree, target: string): boolean =>
  seen.some((one) => String(one.outside.pid) === target || nameOf(one) === target)

/** Picks the tree with an actor of the given pid or name, or the only tree where no target is given. */
export const pick = (trees: ReadonlyArray<Tree>, target: string | undefined): Effect.Effect<Tree, NoTree> => {
  const meant = target === undefined ? trees : trees.filter((tree) => holds(tree, target))
  const [tree, ...others] = meant
  if (tree === undefined) {
    const what = target === undefined ? "no tree of actors runs here that may be looked into" : `no actor is ${target}`
    return Effect.fail(new NoTree({ message: what }))
  }
  if (others.length === 0) return Effect.succeed(tree)
  const roots = meant.map(({ seen }) => `${nameOf(seen[0]!)} (${seen[0]!.outside.pid})`).join(", ")
  return Effect.fail(new NoTree({ message: `${meant.length} trees are meant: say the pid of one of ${roots}` }))
}
