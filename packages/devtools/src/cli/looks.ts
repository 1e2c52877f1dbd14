/** The verbs `tree`, `top`, `why`, `fibers` and `stack` of `furrow`, which show a tree once or repeatedly. */
import * as Findings from "@furrow/node/internal/diagnosis/Findings"
import * as Print from "@furrow/node/internal/diagnosis/Print"
import type { Seen } from "@furrow/node/internal/diagnosis/Seen"
import type * as Trees from "@furrow/node/internal/diagnosis/Trees"
import * as TreeView from "@furrow/node/internal/diagnosis/treeView"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import {
  clear,
  everyMillis,
  exit,
  exits,
  json,
  looked,
  meant,
  millis,
  missing,
  observe,
  reasonOf,
  target,
  watch
} from "./common.ts"
import * as FibersView from "./fibersView.ts"
import * as StackView from "./stackView.ts"

const shown = (text: string, again: boolean) => Console.log(again && process.stdout.isTTY ? `${clear}${text}` : text)

export const tree = Command.make("tree", { ...target, watch }, ({ target, watch }) => {
  const show = Effect.flatMap(looked(target), (tree) => shown(TreeView.lines(tree).join("\n"), watch))
  const all = watch ? Effect.forever(Effect.andThen(show, Effect.sleep(everyMillis))) : show
  return Effect.catchTag(all, "NoTree", missing)
}).pipe(Command.withDescription("Shows the actors of a tree, with their processes and their oldest open dialogs."))

const times = Flag.Int("times").pipe(
  Flag.withDescription("the number of looks (default: no end)"),
  Flag.withDefault(Infinity)
)

export const top = Command.make("top", { ...target, times }, ({ target, times }) => {
  const look = (before: Trees.Tree | undefined, left: number): Effect.Effect<void, Trees.NoTree> =>
    Effect.flatMap(looked(target), (tree) => {
      const show = before === undefined ? Effect.void : shown(TreeView.top(before, tree).join("\n"), true)
      return left === 0
        ? show
        : Effect.andThen(Effect.andThen(show, Effect.sleep(everyMillis)), Effect.suspend(() => look(tree, left - 1)))
    })
  return Effect.catchTag(look(undefined, times), "NoTree", missing)
}).pipe(Command.withDescription("Shows the actors of a tree every second, those that use most of a processor first."))

/**
 * Returns the findings that the previous look at the tree did not have, where findings are compared by their text
 * without the ages of waits.
 */
const fresh = (before: ReadonlySet<string>, found: ReadonlyArray<Findings.Finding>) =>
  found.filter((finding) => !before.has(keyOf(finding)))

const keyOf = ({ at, kind, level }: Findings.Finding): string => JSON.stringify([kind, level, at])

export const why = Command.make("why", {
  ...target,
  watch,
  json,
  than: millis("than", Findings.defaults.thanMillis, "only older findings (default: 1 second)"),
  busy: millis(
    "busy",
    Findings.defaults.busyMillis,
    "a call to an actor that computes is stuck from this age on (default: 30 seconds)"
  )
}, ({ busy, json, than, target, watch }) => {
  const look = Effect.map(looked(target, { fibers: true }), (tree) => ({
    tree,
    found: Findings.findings(tree.seen, { thanMillis: than, busyMillis: busy })
  }))
  const say = (found: ReadonlyArray<Findings.Finding>, actors: number) =>
    Console.log(json ? JSON.stringify(found, undefined, 2) : Print.all(found, actors).join("\n"))
  const once = Effect.flatMap(look, ({ found, tree }) =>
    Effect.andThen(
      say(found, tree.seen.length),
      found.some(({ level }) => level === "stuck") ? exit(exits.stuck) : Effect.void
    ))
  const again = (before: ReadonlySet<string>): Effect.Effect<never, Trees.NoTree> =>
    Effect.flatMap(look, ({ found, tree }) => {
      const news = fresh(before, found)
      const said = news.length === 0 ? Effect.void : say(news, tree.seen.length)
      return Effect.andThen(Effect.andThen(said, Effect.sleep(everyMillis)), again(new Set(found.map(keyOf))))
    })
  return Effect.catchTag(watch ? again(new Set()) : once, "NoTree", missing)
}).pipe(
  Command.withDescription("Says which actors wait for whom and cannot go on. Exit code 3 where something is stuck.")
)

export const fibers = Command.make("fibers", target, ({ target }) =>
  looked(target, { fibers: true }).pipe(
    Effect.flatMap((tree) => Console.log(meant(tree, target).flatMap(FibersView.lines).join("\n"))),
    Effect.catchTag("NoTree", missing)
  )).pipe(Command.withDescription("Shows the fibers of an actor, or of all, with the lines at which they stand."))

/** Returns the parent of an actor, because only the parent reads the actor's stderr. */
const parentOf = ({ seen }: Trees.Tree, one: Seen): Seen | undefined =>
  seen.find(({ outside }) => outside.pid === one.outside.parent && outside.pid !== one.outside.pid)

/** The reason that a root's stack is not shown without the option `--open`, and the command that shows the stack. */
const askToOpen = ({ outside: { pid } }: Seen): string =>
  "it is a root, and its inspector would be open to every user of this machine for a moment. If that is no risk here: " +
  `furrow stack ${pid} --open`

const rootStack = (one: Seen, opens: boolean): Effect.Effect<ReadonlyArray<string>> =>
  opens
    ? Effect.tryPromise(async () => (await import("@furrow/node/internal/rootStack")).stackOfRoot(one.outside.pid))
      .pipe(
        Effect.match({
          onSuccess: (stack) => StackView.lines(one, stack),
          onFailure: ({ cause }) => StackView.lines(one, reasonOf(cause))
        })
      )
    : Effect.succeed(StackView.lines(one, StackView.computes(one) ? askToOpen(one) : null))

const stackLines = (tree: Trees.Tree, one: Seen, opens: boolean): Effect.Effect<ReadonlyArray<string>> => {
  if (one.inside !== undefined) {
    return Effect.succeed([
      "Its event loop is free: no JavaScript runs, and its fibers wait.",
      ...FibersView.lines(one)
    ])
  }
  const parent = parentOf(tree, one)
  if (parent === undefined) return rootStack(one, opens)
  return Effect.scoped(Effect.flatMap(observe(parent.outside.pid), ({ stack }) => stack(one.outside.pid))).pipe(
    Effect.match({
      onSuccess: (stack) => StackView.lines(one, stack),
      onFailure: (error) => StackView.lines(one, reasonOf(error))
    })
  )
}

export const stack = Command.make("stack", {
  target: Argument.String("actor").pipe(Argument.withDescription("the pid or the name of an actor")),
  open: Flag.Boolean("open").pipe(
    Flag.withDescription("also of a busy root: its inspector is open to all users of this machine for a moment"),
    Flag.withDefault(false)
  )
}, ({ open, target }) =>
  looked(Option.some(target), { fibers: true }).pipe(
    Effect.flatMap((tree) =>
      Effect.flatMap(
        Effect.forEach(meant(tree, Option.some(target)), (one) => stackLines(tree, one, open)),
        (all) => Console.log(all.flat().join("\n"))
      )
    ),
    Effect.catchTag("NoTree", missing)
  )).pipe(
    Command.withDescription("Shows where an actor stands, however busy it is; of a blocked one, what the kernel says.")
  )
