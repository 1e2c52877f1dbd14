/** The verbs of `furrow` that print or save data of a tree: `events`, `metrics`, `profile`, `heap`. */
import type { MetricInspection } from "@furrow/actor/Inspect"
import { nameOf, type Seen } from "@furrow/node/internal/diagnosis/Seen"
import { printable } from "@furrow/node/internal/diagnosis/text"
import type { Tree } from "@furrow/node/internal/diagnosis/Trees"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import * as Speedscope from "../profile/Speedscope.ts"
import {
  exit,
  exits,
  fail,
  json,
  looked,
  meant,
  meantWith,
  millis,
  missing,
  observe,
  reasonOf,
  target
} from "./common.ts"
import * as EventsView from "./eventsView.ts"

const out = Flag.String("out").pipe(Flag.withMetavar("FILE"), Flag.withDescription("the file to write"))

// ---- events ---------------------------------------------------------------------------------------------------------

/** Milliseconds between two searches of `furrow events` for new actors of the tree. */
const newcomersMillis = 1000

const follow = (one: Seen, asJson: boolean) =>
  Effect.scoped(Effect.flatMap(observe(one.outside.pid), ({ events }) =>
    Stream.runForEach(events, (batch) => {
      const lines = (asJson ? EventsView.jsonLines : EventsView.lines)(nameOf(one), batch)
      return Console.log(lines.join("\n"))
    })))

export const events = Command.make("events", { ...target, json }, ({ json, target }) => {
  const known = new Set<number>()
  const newcomers = Effect.flatMap(looked(target), (tree) =>
    Effect.forEach(
      meantWith(tree, target).filter(({ outside }) => !known.has(outside.pid)),
      (one) => {
        known.add(one.outside.pid)
        // At its next search the verb `events` asks an actor again that gave no answer or has ended.
        const forget = Effect.sync(() => void known.delete(one.outside.pid))
        return Effect.forkChild(Effect.ensuring(Effect.ignore(follow(one, json)), forget))
      },
      { discard: true }
    ))
  // The verb `events` of `furrow` fails where its first search for actors finds no tree. When the tree ends after the
  // first search, the verb `events` of `furrow` ends without an error.
  return Effect.catchTag(
    Effect.forever(Effect.andThen(newcomers, Effect.sleep(newcomersMillis))),
    "NoTree",
    (error) => known.size === 0 ? missing(error) : Effect.void
  )
}).pipe(
  Command.withDescription(
    "Follows what happens in the actors of a tree. They never wait for it: what it misses is counted."
  )
)

// ---- metrics --------------------------------------------------------------------------------------------------------

const metricsOf = (tree: Tree, wanted: Option.Option<string>) =>
  Effect.map(
    Effect.forEach(meantWith(tree, wanted), (one) =>
      Effect.scoped(Effect.flatMap(observe(one.outside.pid), ({ metrics }) =>
        metrics)).pipe(
          Effect.map((metrics) => [{ name: nameOf(one), pid: one.outside.pid, metrics }]),
          // An actor that is too busy to answer has no metrics in the output of `furrow metrics`, while the other
          // actors have.
          Effect.orElseSucceed((): Array<{ name: string; pid: number; metrics: ReadonlyArray<MetricInspection> }> => [])
        ), { concurrency: "unbounded" }),
    (all) =>
      all.flat()
  )

const port = Flag.Int("port").pipe(
  Flag.withDescription("serve them on this port of 127.0.0.1 (default: print them once)"),
  Flag.optional
)

export const metrics = Command.make("metrics", { ...target, port }, ({ port, target }) => {
  const text = Effect.flatMap(
    Effect.flatMap(looked(target), (tree) => metricsOf(tree, target)),
    (actors) => Effect.map(Effect.promise(() => import("../metrics/Prometheus.ts")), ({ text }) => text(actors))
  )
  const once = Effect.flatMap(text, (all) => Console.log(all.trimEnd()))
  const served = (port: number) =>
    Effect.promise(() => import("../metrics/serve.ts")).pipe(Effect.flatMap(({ serve }) => serve(port, text)))
  return Effect.catchTag(Option.match(port, { onNone: () => once, onSome: served }), "NoTree", missing)
}).pipe(Command.withDescription("Prints the metrics of all actors for Prometheus."))

// ---- profiles -------------------------------------------------------------------------------------------------------

const actors = Argument.String("actor").pipe(
  Argument.withDescription("the pids or names of actors of one tree"),
  Argument.atLeast(1)
)

const defaultProfileMillis = 3000

export const profile = Command.make("profile", {
  actors,
  out,
  during: millis("during", defaultProfileMillis, "how long (default: 3 seconds)")
}, ({ actors, during, out }) =>
  looked(Option.some(actors[0]!)).pipe(
    Effect.flatMap((tree) => {
      const all = actors.flatMap((actor) => meant(tree, Option.some(actor)))
      return Effect.forEach(all, (one) =>
        Effect.scoped(Effect.flatMap(observe(one.outside.pid), ({ profile }) =>
          profile(during))).pipe(
            Effect.map((
              profile
            ) => [[`${nameOf(one)} (${one.outside.pid})`, profile as Speedscope.CpuProfile] as const]),
            Effect.catch((error) => Effect.as(fail(`${nameOf(one)} (${one.outside.pid}): ${reasonOf(error)}`), []))
          ), { concurrency: "unbounded" })
    }),
    Effect.flatMap((found) => {
      const profiles = found.flat()
      if (profiles.length === 0) {
        return Effect.void
      }
      Fs.writeFileSync(
        out,
        JSON.stringify(Speedscope.make(
          profiles.map(([name]) =>
            name
          ).join(", "),
          profiles
        ))
      )
      return Console.log(printable(`${out}: ${profiles.length} profiles. Open it at https://www.speedscope.app`))
    }),
    Effect.catchTag("NoTree", missing)
  )).pipe(
    Command.withDescription(
      "Writes one profile of the processor time of several actors, for speedscope (observe \"debug\")."
    )
  )

export const heap = Command.make("heap", {
  target: Argument.String("actor").pipe(Argument.withDescription("the pid or the name of an actor")),
  out
}, ({ out, target }) =>
  looked(Option.some(target)).pipe(
    Effect.flatMap((tree) => {
      const [one] = meant(tree, Option.some(target))
      const written = Effect.acquireUseRelease(
        Effect.sync(() => Fs.openSync(out, "w", 0o600)),
        (file) =>
          Effect.scoped(Effect.flatMap(observe(one!.outside.pid), ({ heap }) =>
            Stream.runForEach(heap, (piece) =>
              Effect.sync(() => void Fs.writeSync(file, piece))))),
        (file) =>
          Effect.sync(() => Fs.closeSync(file))
      )
      return Effect.matchEffect(written, {
        onSuccess: () => Console.log(printable(`${out}: open it in the developer tools of Chrome, under Memory`)),
        onFailure: (error) => Effect.andThen(fail(reasonOf(error)), exit(exits.failed))
      })
    }),
    Effect.catchTag("NoTree", missing)
  )).pipe(
    Command.withDescription(
      "Writes a snapshot of the heap of an actor, which stands still meanwhile (observe \"debug\")."
    )
  )
