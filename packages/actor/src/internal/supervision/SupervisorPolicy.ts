/**
 * The policy of a supervisor, and pure functions that apply it: the order of children, which children restart, and
 * after which exits.
 *
 * @since 0.1.0
 */
import type { ActorExit } from "../errors/ActorExit.ts"

/**
 * The restart type of a child: restart after every exit (`permanent`), only after a failure or a loss (`transient`), or
 * never (`temporary`).
 *
 * @category models
 * @since 0.1.0
 */
export type Restart = "permanent" | "transient" | "temporary"

/**
 * The children that restart after a death: only the dead child, or also the users of this child, all later children, or
 * all children.
 *
 * @category models
 * @since 0.1.0
 */
export type Strategy = "dependants" | "one-for-one" | "rest-for-one" | "one-for-all"

/**
 * The rule by which a supervisor shuts itself down when children with the option `significant` end: never, after the
 * first, or after the last.
 *
 * @category models
 * @since 0.1.0
 */
export type AutoShutdown = "never" | "any-significant" | "all-significant"

export interface ChildSpec {
  readonly key: string
  /** The keys of the children that this child uses. */
  readonly uses: ReadonlyArray<string>
  readonly restart: Restart
  readonly significant: boolean
  /**
   * True when the supervisor keeps a standby of this child ready, which takes over when the active incarnation dies.
   */
  readonly standby: boolean
}

export interface Policy {
  readonly strategy: Strategy
  readonly intensity: { readonly restarts: number; readonly withinMillis: number }
  readonly autoShutdown: AutoShutdown
  /**
   * True when children can be added to the supervisor and removed from it. The children of a dynamic supervisor start
   * and stop at the same time, and leave the list when they end for good.
   */
  readonly dynamic: boolean
}

/**
 * Sorts children so that each child comes after all children that it uses; otherwise the given order is kept. The
 * function `ordered` throws when children use each other in a cycle, or when two children have the same key.
 */
export const ordered = <C extends Pick<ChildSpec, "key" | "uses">>(specs: ReadonlyArray<C>): ReadonlyArray<C> => {
  const byKey = new Map(specs.map((spec) => [spec.key, spec]))
  const twice = specs.find(({ key }, i) => specs.findIndex((other) => other.key === key) !== i)
  if (twice !== undefined) throw new Error(`a supervisor has the child "${twice.key}" twice: give one of them a name`)
  const sorted = new Set<C>()
  const visit = (spec: C, path: ReadonlyArray<string>): void => {
    if (sorted.has(spec)) return
    const { key } = spec
    if (path.includes(key)) {
      const cycle = [...path.slice(path.indexOf(key)), key].map((key) => `"${key}"`).join(" uses ")
      throw new Error(`the children of a supervisor use each other in a cycle: ${cycle}`)
    }
    for (const used of spec.uses) {
      const child = byKey.get(used)
      if (child !== undefined) visit(child, [...path, key])
    }
    sorted.add(spec)
  }
  for (const spec of specs) visit(spec, [])
  return Array.from(sorted)
}

/** Returns the keys of the children that end with the given child under a strategy, in the order of the children. */
export const affectedBy = (
  strategy: Strategy,
  children: ReadonlyArray<Pick<ChildSpec, "key" | "uses">>,
  key: string
): ReadonlyArray<string> => {
  const keys = children.map((child) => child.key)
  switch (strategy) {
    case "one-for-one":
      return [key]
    case "one-for-all":
      return keys
    case "rest-for-one":
      return keys.slice(keys.indexOf(key))
    case "dependants": {
      const hit = new Set([key])
      for (const child of children) if (child.uses.some((used) => hit.has(used))) hit.add(child.key)
      return keys.filter((key) => hit.has(key))
    }
  }
}

/** Returns the keys of the children that restart after a death; if the dead child has standbys, only its own key. */
export const goingFor = (strategy: Strategy, children: ReadonlyArray<ChildSpec>, key: string): ReadonlyArray<string> =>
  children.some((child) => child.key === key && child.standby) ? [key] : affectedBy(strategy, children, key)

/** Decides whether a child restarts after an exit, or has ended for good. */
export const decide = (restart: Restart, exit: ActorExit["_tag"]): "restart" | "drop" => {
  switch (restart) {
    case "permanent":
      return "restart"
    case "temporary":
      return "drop"
    case "transient":
      return exit === "Failed" || exit === "Lost" ? "restart" : "drop"
  }
}
