/** Carries out the steps of a random program: each step makes a call to an actor, or disturbs an actor. */
import { Portal } from "@furrow/actor"
import { defaults } from "@furrow/actor/Timeouts"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { hop, job } from "./actors.ts"
import * as Births from "./births.ts"
import * as Dialogs from "./dialogs.ts"
import { record } from "./History.ts"
import * as Network from "./network.ts"
import * as Owners from "./owners.ts"
import * as Partings from "./partings.ts"
import * as Peers from "./peers.ts"
import * as Pools from "./pools.ts"
import type { Kind } from "./Program.ts"
import * as Roles from "./roles.ts"
import * as Sinks from "./sinks.ts"
import { cleanups, type Does, hurt, stops, waits, workOf } from "./stage.ts"
import * as Talking from "./talking.ts"
import * as Topics from "./topics.ts"
import * as Wide from "./wide.ts"
import * as Wires from "./wires.ts"

/**
 * The kinds of steps of a random program that make a call to an actor, and wait for the answer. Steps of the kinds in
 * the constant `elsewhere` also use other actors than the actor of the step.
 */
export const calls: Partial<Record<Kind, Does>> = {
  run: (stage) => stage.portal.run(job({ work: workOf(stage) })),
  stream: (stage) => Talking.stream(stage, 0),
  bytes: (stage) =>
    stage.step.c === 5
      ? Talking.lift(stage)
      : Talking.stream(stage, [100, 1000, 1_200_000, 70_000, 1, 300][stage.step.b]!),
  talk: (stage) => stage.step.c === 5 ? Talking.say(stage) : Talking.converse(stage),
  ask: Talking.ask,
  subscribe: Talking.subscribe,
  lag: Dialogs.lag,
  overflow: Dialogs.overflow,
  large: Dialogs.large,
  refuse: Dialogs.refuse,
  up: (stage) => stage.portal.run(Partings.up({ work: workOf(stage) })),
  halves: Partings.halves,
  leave: Partings.leave,
  hop: (stage) => stage.portal.run(hop({ depth: stage.step.c % 2, work: workOf(stage) })),
  own: Owners.own,
  release: Owners.release,
  spoil: Births.spoils,
  build: Births.build,
  birth: Births.birth,
  ambush: Births.ambushed,
  nursery: Births.nursery,
  loop: Talking.loop,
  crowd: Wide.crowd,
  far: Network.far,
  cross: Network.cross,
  hasty: Wide.hasty,
  shared: Wide.shared,
  census: Wide.censuses,
  deadline: Wide.deadline,
  exit: ({ key, name, portal, step: { a } }) =>
    Effect.andThen(
      Effect.forkDetach(Effect.andThen(portal.wait, record({ _tag: "Gone", actor: name }))),
      portal.run(Peers.leave({ key, cleanup: cleanups[a]! }))
    ),
  orphan: Talking.orphan,
  unique: Owners.unique,
  find: Network.find,
  service: Roles.graph,
  main: Roles.main,
  supervised: Roles.supervised,
  roll: Roles.roll,
  standby: Roles.standby,
  dynamic: Roles.dynamic,
  nested: Roles.nested,
  pool: Pools.pool,
  tasks: Pools.tasks,
  maps: Pools.maps,
  topic: Topics.topic,
  rpc: Roles.rpc,
  ticks: Roles.ticks,
  log: ({ key, portal, step: { a } }) => portal.run(Peers.chat({ key, lines: Sinks.linesOf(a) })),
  sink: Sinks.sink,
  hooks: Sinks.hooks
}

export const elsewhere: ReadonlySet<Kind> = new Set<Kind>([
  "own",
  "release",
  "unique",
  "service",
  "supervised",
  "pool",
  "rpc",
  "build",
  "birth",
  "ambush",
  "nursery",
  "hasty",
  "shared",
  "census",
  "main",
  "roll",
  "standby",
  "dynamic",
  "nested",
  "tasks",
  "maps",
  "topic",
  "ticks",
  "hooks"
])

/** Ends the actor of a step in a random program: its owner ends it, or another actor that was given a reference. */
const end = (
  actor: string,
  by: string,
  reason: string,
  cancel: Effect.Effect<unknown, unknown, any>
): Effect.Effect<unknown, never, any> =>
  Effect.andThen(
    record({ _tag: "Ending", actor, by, reason, bound: defaults.cancel + defaults.finalizers }),
    Effect.flatMap(Effect.exit(cancel), (exit) => Exit.isSuccess(exit) ? record({ _tag: "Gone", actor }) : Effect.void)
  )

const interrupt: Does = ({ calls, step: { c } }) => {
  const call = calls.length === 0 ? undefined : calls[c % calls.length]
  if (call === undefined || call.fiber.pollUnsafe() !== undefined) return Effect.void
  const { fiber, key } = call
  return Effect.andThen(
    record({ _tag: "Interrupting", key }),
    Effect.andThen(Fiber.interrupt(fiber), record({ _tag: "Interrupted", key }))
  )
}

/** The kinds of steps of a random program that disturb an actor, and wait for no answer. */
export const deeds: Partial<Record<Kind, Does>> = {
  interrupt,
  end: ({ key, name, portal }) => end(name, "root", `end ${key}`, portal.cancel(`end ${key}`)),
  retire: ({ key, name, other, otherName, portal }) =>
    end(
      name,
      otherName,
      `retire ${key}`,
      other.run(Peers.retire({ whom: portal.ref as never, reason: `retire ${key}` }))
    ),
  terminate: ({ key, name, portal, world }) =>
    end(name, name, `terminate ${key}`, Effect.andThen(world.terminate(name), portal.wait)),
  drain: ({ key, name, portal, step: { a } }) =>
    Effect.andThen(
      Effect.exit(Portal.drain(portal, waits[a]!)),
      end(name, "root", `drain ${key}`, portal.cancel(`drain ${key}`))
    ),
  unplug: ({ step: { a, b }, unplug }) => unplug(b, [5, 100, 3_000, 20, 500, 1][a]!),
  freeze: Partings.freeze,
  kill: ({ name, world }) => hurt(name, "kill", world.kill(name)),
  stop: ({ name, step: { a }, world }) => hurt(name, "stop", world.stop(name, stops[a]!)),
  break: ({ breakConnection, name }) => hurt(name, "break", Effect.sync(() => breakConnection(name))),
  watch: ({ name, other, portal }) =>
    Effect.all([
      Effect.flatMap(portal.wait, (exit) => record({ _tag: "Heard", actor: name, watcher: "root", exit: exit._tag })),
      other.run(Peers.watch({ actor: name, whom: portal.ref as never }))
    ], { concurrency: 2, discard: true }),
  hold: Wires.hold,
  sever: Wires.sever,
  snap: Wires.snap,
  cut: ({ name, world }) => hurt(name, "cut", world.cut(name)),
  clock: ({ name, step: { a }, world }) => world.setClock(name, [3_600_000, -3_600_000, 1, -1, 60_000, -60_000][a]!)
}
