/**
 * Finds calls such as `Date.now`, `setTimeout` and `Math.random` in the packages protocol and actor, which must not
 * contain them. The runtime takes time, turns and random numbers from its Effect context, so that a simulation can
 * decide every order.
 */
import type { Call } from "./source.ts"

/** The files that may use the event loop and the loggers of the program directly. */
const exempt: ReadonlySet<string> = new Set(["actor/internal/settings/Turn.ts", "actor/internal/settings/Log.ts"])

/**
 * The packages for which all rules about forbidden calls hold; for packages of platforms, only rules with `platforms:
 * true` hold.
 */
const bound: ReadonlySet<string> = new Set(["protocol", "actor"])
const platforms: ReadonlySet<string> = new Set(["node"])

const turn = "take a turn of the process: Turn.later or Turn.rest"
const clock = "take the Clock of the context: monotonicMillis, or Clock.currentTimeMillis"

const forbidden: ReadonlyArray<
  { readonly callee: RegExp; readonly instead: string; readonly bare?: boolean; readonly platforms?: boolean }
> = [
  {
    callee: /^Effect\.log(WithLevel|Fatal|Error|Warning|Info|Debug|Trace)?$/,
    platforms: true,
    instead: "log it by settings/Log, or ActorProcess: a logger of the program may throw"
  },
  { callee: /^Promise\.resolve$/, bare: true, instead: turn },
  { callee: /^(globalThis\.)?(queueMicrotask|setImmediate|setTimeout|setInterval)$/, instead: turn },
  { callee: /^(globalThis\.)?process\.nextTick$/, instead: turn },
  {
    callee: /^Effect\.(runFork|runPromise|runPromiseExit|runCallback)$/,
    instead: "run it with a context: Effect.runForkWith"
  },
  { callee: /^Effect\.(promise|tryPromise)$/, instead: "wait for it by `outside` of settings/Turn" },
  { callee: /(^|\.)(Math\.random|randomUUID)$/, instead: "take Effect's Random, or Turn.uuid" },
  { callee: /^(globalThis\.)?(Date\.now|performance\.now|process\.hrtime(\.bigint)?)$/, instead: clock },
  { callee: /^new Date$/, bare: true, instead: clock }
]

/** Returns one message for each forbidden call in a source file, such as a call of `Date.now`, with the call's line. */
export const problems = (pack: string, path: string, calls: ReadonlyArray<Call>): ReadonlyArray<string> => {
  if (!bound.has(pack) && !platforms.has(pack) || exempt.has(`${pack}/${path}`)) return []
  return calls.flatMap(({ args, callee, line }) => {
    const rule = forbidden.find((rule) =>
      rule.callee.test(callee) && (rule.bare !== true || args === 0) && (bound.has(pack) || rule.platforms === true)
    )
    return rule === undefined ? [] : [`:${line} calls ${callee}: ${rule.instead}`]
  })
}
