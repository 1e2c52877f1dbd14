/**
 * Functions that the verbs of the command `furrow` share, such as the choice of a tree and the exit at the end of a
 * verb.
 */
import type { Observer } from "@furrow/actor/Inspect"
import { nameOf, type Seen } from "@furrow/node/internal/diagnosis/Seen"
import { printable } from "@furrow/node/internal/diagnosis/text"
import * as Trees from "@furrow/node/internal/diagnosis/Trees"
import * as NodeInspect from "@furrow/node/NodeInspect"
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"

export const exits = { failed: 1, stuck: 3, noTree: 4 } as const

export const target = {
  target: Argument.String("actor").pipe(
    Argument.withDescription("the pid or the name of an actor of the tree (default: the only tree there is)"),
    Argument.optional
  )
}

export const watch = Flag.Boolean("watch").pipe(
  Flag.withDescription("look again every second"),
  Flag.withDefault(false)
)

export const json = Flag.Boolean("json").pipe(Flag.withDescription("print data as JSON"), Flag.withDefault(false))

export const millis = (name: string, standard: number, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("TIME"),
    Flag.filterMap(
      (text) => Option.map(Duration.fromInput(text as Duration.Input), Duration.toMillis),
      () => "a time such as \"2 seconds\""
    ),
    Flag.withDescription(description),
    Flag.withDefault(standard)
  )

export const exit = (code: number) =>
  Effect.sync(() => {
    process.exitCode = code
  })

export const looked = (wanted: Option.Option<string>, options: Trees.Options = {}) =>
  Effect.flatMap(
    Trees.look({ ...options, target: Option.getOrUndefined(wanted) }),
    (trees) => Trees.pick(trees, Option.getOrUndefined(wanted))
  )

export const missing = (error: Trees.NoTree) =>
  Effect.andThen(Console.error(`furrow: ${printable(error.message)}`), exit(exits.noTree))

/** Prints why a verb of `furrow` failed, and exits with the exit code of a failure. */
export const fail = (message: string) =>
  Effect.andThen(Console.error(`furrow: ${printable(message)}`), exit(exits.failed))

export const isCalled = (one: Seen, wanted: string | undefined): boolean =>
  wanted === undefined || nameOf(one) === wanted || String(one.outside.pid) === wanted

/** Returns the actors of a tree with the given name or pid, or all actors of the tree where neither is given. */
export const meant = ({ seen }: Trees.Tree, wanted: Option.Option<string>): ReadonlyArray<Seen> =>
  seen.filter((one) => isCalled(one, Option.getOrUndefined(wanted)))

/**
 * Returns the actors of a tree with the given name or pid, where the name or the pid of the root stands for all actors.
 */
export const meantWith = (tree: Trees.Tree, wanted: Option.Option<string>): ReadonlyArray<Seen> => {
  const [root] = tree.seen
  const isRoot = root !== undefined && isCalled(root, Option.getOrUndefined(wanted))
  return isRoot ? tree.seen : meant(tree, wanted)
}

/** Opens a connection to one actor as an observer. */
export const observe = (pid: number): Effect.Effect<Observer, { readonly message: string }, Scope.Scope> =>
  NodeInspect.observe(pid, { within: Trees.patience })

/** Returns the reason of a failure of any type as text. */
export const reasonOf = (error: unknown): string => {
  if (typeof error === "string") return error
  const { _tag, message } = error as { readonly _tag?: string; readonly message?: string }
  return _tag === "EndpointUnknown"
    ? "it may be looked at, and not debugged: its tree needs the option observe \"debug\", or FURROW_OBSERVE=debug"
    : message ?? String(error)
}

/** Milliseconds between two looks at a tree by a verb of `furrow` that repeats its look. */
export const everyMillis = 1000

/** The escape sequence that clears the screen of a terminal. */
export const clear = "\u001b[H\u001b[2J"
