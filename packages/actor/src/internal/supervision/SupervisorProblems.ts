/**
 * Finds mistakes in a supervisor's policy and in its children before the supervisor is made.
 *
 * @since 0.1.0
 */
import type { ChildSpec, Policy } from "./SupervisorPolicy.ts"

const known = {
  strategy: ["dependants", "one-for-one", "rest-for-one", "one-for-all"],
  autoShutdown: ["never", "any-significant", "all-significant"],
  restart: ["permanent", "transient", "temporary"]
} as const

/** Finds a wrong value in the policy of a supervisor, because JavaScript code may pass any value. */
const strangerIn = (
  { autoShutdown, strategy }: Policy,
  children: ReadonlyArray<ChildSpec>
): string | undefined => {
  const given = [
    ["strategy", strategy] as const,
    ["autoShutdown", autoShutdown] as const,
    ...children.map(({ restart }) => ["restart", restart] as const)
  ]
  const wrong = given.find(([name, word]) => !(known[name] as ReadonlyArray<string>).includes(word))
  if (wrong === undefined) return undefined
  const [name, word] = wrong
  return `"${word}" is no \`${name}\`: it is one of ${known[name].map((one) => `"${one}"`).join(", ")}`
}

/** Returns why a policy and a list of children cannot make a supervisor; `undefined` if they contain no mistake. */
export const problemOf = (policy: Policy, children: ReadonlyArray<ChildSpec>): string | undefined => {
  for (const { key, restart, significant, standby } of children) {
    const user = children.find(({ uses }) => uses.includes(key))
    if (restart === "temporary" && user !== undefined) {
      return `"${key}" is temporary and "${user.key}" uses it: what others use has to come back, as permanent or transient`
    }
    if (standby && restart === "temporary") {
      return `"${key}" is temporary and has a standby: it never comes back, so make it permanent or transient`
    }
    if (significant && restart === "permanent") {
      return `"${key}" is significant and permanent: it never ends for good, so make it transient or temporary`
    }
    if (significant && policy.autoShutdown === "never") {
      return `"${key}" is significant, but \`autoShutdown\` is "never": say when the supervisor is to end`
    }
  }
  const unknown = strangerIn(policy, children)
  if (unknown !== undefined) return unknown
  const { restarts, withinMillis } = policy.intensity
  return Number.isInteger(restarts) && restarts >= 0 && withinMillis > 0
    ? undefined
    : "`intensity` has a number of `restarts`, 0 or more, and a time `within`, more than 0"
}
