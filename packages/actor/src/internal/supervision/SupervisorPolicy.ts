/**
 * The policy of a supervisor, and what follows from it alone: the order of its children, which of them go for the death of
 * one, and what an exit means to a child of which restart type.
 *
 * @since 0.1.0
 */
import type { ActorExit } from "../errors/ActorExit.ts"

/**
 * Which ends of a child are followed by another start: all of them, all but a return and a cancel, or none.
 *
 * @category models
 * @since 0.1.0
 */
export type Restart = "permanent" | "transient" | "temporary"

/**
 * Which children are stopped and started for the death of one: the dead one and those that use it, it alone, it and all
 * after it in the order of starts, or all.
 *
 * @category models
 * @since 0.1.0
 */
export type Strategy = "dependants" | "one-for-one" | "rest-for-one" | "one-for-all"

/**
 * The ends of significant children that end the supervisor in order: none, that of any, or the last of all.
 *
 * @category models
 * @since 0.1.0
 */
export type AutoShutdown = "never" | "any-significant" | "all-significant"

export interface ChildSpec {
  readonly key: string
  /** The keys of the children that it calls. */
  readonly uses: ReadonlyArray<string>
  readonly restart: Restart
  readonly significant: boolean
  /** One more incarnation is kept ready, which takes the role over when this one dies. */
  readonly standby: boolean
}

export interface Policy {
  readonly strategy: Strategy
  readonly intensity: { readonly restarts: number; readonly withinMillis: number }
  readonly autoShutdown: AutoShutdown
  /** Children come and go: they start and stop side by side, and leave the list when they end for good. */
  readonly dynamic: boolean
}

/** Each child after all that it uses, otherwise as they were given. Throws on a cycle, and on a key that is there twice. */
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

/** The children that go when one dies, in order: itself, and those that the strategy names. */
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

/** The children that are stopped and started for the death of one: it alone where a standby takes its role over. */
export const goingFor = (strategy: Strategy, children: ReadonlyArray<ChildSpec>, key: string): ReadonlyArray<string> =>
  children.some((child) => child.key === key && child.standby) ? [key] : affectedBy(strategy, children, key)

/** The meaning of an exit for a child: it is started again, or it has ended for good. */
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
