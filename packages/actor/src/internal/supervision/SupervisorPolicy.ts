/**
 * The policy of a supervisor, and the decisions that follow from the policy alone: the order of children, the children
 * that restart after a death, and the meaning of an exit for each restart type.
 *
 * @since 0.1.0
 */
import type { ActorExit } from "../errors/ActorExit.ts"

/**
 * The exits of a child that lead to a restart: all exits (`permanent`), all except a return and a cancel (`transient`),
 * or none (`temporary`).
 *
 * @category models
 * @since 0.1.0
 */
export type Restart = "permanent" | "transient" | "temporary"

/**
 * The children that restart after the death of one child: the dead child and its users, the dead child alone, the dead
 * child and all that started after it, or all children.
 *
 * @category models
 * @since 0.1.0
 */
export type Strategy = "dependants" | "one-for-one" | "rest-for-one" | "one-for-all"

/**
 * The ends of significant children that make the supervisor end in order: no end, the end of any significant child, or
 * of the last significant child.
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
  /** True when a standby of this child is kept ready, which takes over the role when the incarnation in front dies. */
  readonly standby: boolean
}

export interface Policy {
  readonly strategy: Strategy
  readonly intensity: { readonly restarts: number; readonly withinMillis: number }
  readonly autoShutdown: AutoShutdown
  /**
   * True when children can be added to the supervisor and removed from it. Dynamic children start and stop at the same
   * time, and leave the list when they end for good.
   */
  readonly dynamic: boolean
}

/**
 * Sorts children: each child comes after all children that it uses, and otherwise in the given order. The sort of
 * children throws on a cycle of uses, and on a key that occurs twice.
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

/**
 * Returns the children that end with the given child, in order: the child itself, and those that the strategy names.
 */
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

/**
 * Returns the children that restart after the death of a child: only the dead child if a standby takes over its role.
 */
export const goingFor = (strategy: Strategy, children: ReadonlyArray<ChildSpec>, key: string): ReadonlyArray<string> =>
  children.some((child) => child.key === key && child.standby) ? [key] : affectedBy(strategy, children, key)

/** Decides what an exit means for a child: a restart, or the end for good. */
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
