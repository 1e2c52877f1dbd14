/**
 * The command `furrow`: looks into the running trees of this user.
 *
 * Exit codes: 0 nothing is stuck, 1 a wrong command line, 3 something is stuck, 4 there is no such tree.
 */
import * as NodeChildProcessSpawner from "@effect/platform-node/NodeChildProcessSpawner"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Findings from "@furrow/node/internal/diagnosis/Findings"
import * as Print from "@furrow/node/internal/diagnosis/Print"
import { nameOf, type Seen } from "@furrow/node/internal/diagnosis/Seen"
import * as Trees from "@furrow/node/internal/diagnosis/Trees"
import * as TreeView from "@furrow/node/internal/diagnosis/treeView"
import * as Argument from "effect/cli/Argument"
import * as CliConfig from "effect/cli/CliConfig"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as FibersView from "./fibersView.ts"
import { graves } from "./graves.ts"

const exits = { stuck: 3, noTree: 4 } as const

const target = {
  target: Argument.String("actor").pipe(
    Argument.withDescription("the pid or the name of an actor of the tree (default: the only tree there is)"),
    Argument.optional
  )
}

const watch = Flag.Boolean("watch").pipe(Flag.withDescription("look again every second"), Flag.withDefault(false))

const millis = (name: string, standard: number, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("TIME"),
    Flag.filterMap(
      (text) => Option.map(Duration.fromInput(text as Duration.Input), Duration.toMillis),
      () => "a time such as \"2 seconds\""
    ),
    Flag.withDescription(description),
    Flag.withDefault(standard)
  )

const exit = (code: number) =>
  Effect.sync(() => {
    process.exitCode = code
  })

const looked = (wanted: Option.Option<string>, options: Trees.Options = {}) =>
  Effect.flatMap(
    Trees.look({ ...options, target: Option.getOrUndefined(wanted) }),
    (trees) => Trees.pick(trees, Option.getOrUndefined(wanted))
  )

const missing = (error: Trees.NoTree) => Effect.andThen(Console.error(`furrow: ${error.message}`), exit(exits.noTree))

/** Milliseconds between two looks. */
const everyMillis = 1000

/** The screen of a terminal, empty. */
const clear = "\u001b[H\u001b[2J"

const tree = Command.make("tree", { ...target, watch }, ({ target, watch }) => {
  const show = Effect.flatMap(looked(target), (tree) => {
    const text = TreeView.lines(tree).join("\n")
    return Console.log(watch && process.stdout.isTTY ? `${clear}${text}` : text)
  })
  const shown = watch ? Effect.forever(Effect.andThen(show, Effect.sleep(everyMillis))) : show
  return Effect.catchTag(shown, "NoTree", missing)
}).pipe(Command.withDescription("Shows the actors of a tree, with their processes and their oldest open dialogs."))

/** Findings that were not there at the look before, by their words without ages. */
const fresh = (before: ReadonlySet<string>, found: ReadonlyArray<Findings.Finding>) =>
  found.filter((finding) => !before.has(keyOf(finding)))

const keyOf = ({ at, kind, level }: Findings.Finding): string => JSON.stringify([kind, level, at])

const why = Command.make("why", {
  ...target,
  watch,
  json: Flag.Boolean("json").pipe(Flag.withDescription("print the findings as JSON"), Flag.withDefault(false)),
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

const fibers = Command.make("fibers", target, ({ target }) => {
  const isMeant = (one: Seen) => {
    const name = Option.getOrUndefined(target)
    return name === undefined || nameOf(one) === name || String(one.outside.pid) === name
  }
  return looked(target, { fibers: true }).pipe(
    Effect.flatMap(({ seen }) => Console.log(seen.filter(isMeant).flatMap(FibersView.lines).join("\n"))),
    Effect.catchTag("NoTree", missing)
  )
}).pipe(Command.withDescription("Shows the fibers of an actor, or of all, with the lines at which they stand."))

const furrow = Command.make("furrow").pipe(
  Command.withDescription("Looks into the running trees of this user."),
  Command.withSubcommands([tree, why, fibers, graves])
)

const services = NodeChildProcessSpawner.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, NodeStdio.layer, NodeTerminal.layer))
)

const program = Command.run(furrow, { version: "0.2.0" }).pipe(
  // Each by itself: the rest of the platform takes as long to load as everything else here.
  Effect.provide([services, CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] })])
)

void Effect.runPromise(program as Effect.Effect<void, unknown>).catch(() => {
  process.exitCode = 1
})
