/**
 * Generates random programs over the public API of Furrow, as data. Every field of a random program is a number or a
 * short text, and the number 0 is the simplest choice. A random program of simple fields stays valid when shrinking
 * removes parts of the program.
 */
import * as Seed from "@furrow/testing/internal/simulation/Seed"

/**
 * The kinds of steps. The module `Steps.ts` contains the code of each kind, and docs/simulation.md lists the kinds of
 * faults that each kind of step can find.
 */
export const kinds = [
  "run",
  "stream",
  "talk",
  "ask",
  "subscribe",
  "hop",
  "own",
  "release",
  "loop",
  "far",
  "cross",
  "interrupt",
  "end",
  "retire",
  "exit",
  "kill",
  "orphan",
  "stop",
  "cut",
  "clock",
  "break",
  "watch",
  "unique",
  "find",
  "service",
  "supervised",
  "pool",
  "rpc",
  "log",
  "bytes",
  "lag",
  "overflow",
  "large",
  "refuse",
  "spoil",
  "build",
  "birth",
  "ambush",
  "nursery",
  "crowd",
  "hasty",
  "shared",
  "census",
  "deadline",
  "main",
  "roll",
  "standby",
  "dynamic",
  "nested",
  "tasks",
  "maps",
  "topic",
  "ticks",
  "terminate",
  "drain",
  "unplug",
  "up",
  "halves",
  "leave",
  "freeze",
  "hold",
  "sever",
  "snap",
  "sink",
  "hooks"
] as const
export type Kind = typeof kinds[number]

export interface Step {
  readonly kind: Kind
  /** The wait before a step of a random program, in units of 7 milliseconds. */
  readonly wait: number
  readonly actor: number
  readonly a: number
  readonly b: number
  readonly c: number
}

export interface Program {
  /**
   * The seed of the random choices that the scheduler makes. The seed from which a random program was generated is no
   * field of the program.
   */
  readonly schedule: number
  /**
   * Ranges of the run in which the scheduler makes no random choice, and continues the fiber that ran last. Shrinking
   * has found that the failure occurs without these choices.
   */
  readonly calm?: ReadonlyArray<readonly [from: number, to: number]>
  readonly actors: number
  readonly owner: "scope" | "nursery"
  readonly steps: ReadonlyArray<Step>
}

/** The weight of each kind of step, with which the kind is chosen for a random program. */
const weights: Readonly<Record<Kind, number>> = {
  run: 6,
  stream: 6,
  talk: 6,
  ask: 4,
  subscribe: 3,
  hop: 5,
  own: 3,
  release: 2,
  loop: 2,
  far: 4,
  cross: 3,
  interrupt: 6,
  end: 3,
  retire: 3,
  exit: 2,
  kill: 2,
  orphan: 3,
  stop: 2,
  cut: 2,
  clock: 1,
  break: 2,
  watch: 3,
  unique: 3,
  find: 2,
  service: 3,
  supervised: 2,
  pool: 2,
  rpc: 2,
  log: 2,
  bytes: 2,
  lag: 3,
  overflow: 2,
  large: 3,
  refuse: 3,
  spoil: 3,
  build: 2,
  birth: 3,
  ambush: 2,
  nursery: 3,
  crowd: 3,
  hasty: 3,
  shared: 3,
  census: 2,
  deadline: 3,
  main: 3,
  roll: 3,
  standby: 2,
  dynamic: 2,
  nested: 1,
  tasks: 3,
  maps: 1,
  topic: 2,
  ticks: 3,
  terminate: 2,
  drain: 2,
  unplug: 2,
  up: 4,
  halves: 3,
  leave: 4,
  freeze: 1,
  hold: 3,
  sever: 2,
  snap: 2,
  sink: 2,
  hooks: 2
}

/**
 * The kinds of steps that kill, stop or cut off an actor. Every second random program has no step that harms an
 * actor, so that the calls of this program get further.
 */
export const hurting: ReadonlySet<Kind> = new Set<Kind>([
  "kill",
  "break",
  "orphan",
  "stop",
  "cut",
  "unplug",
  "freeze",
  "sever",
  "snap"
])

export const generate = (seed: number, only: ReadonlyArray<Kind> = kinds): Program => {
  const next = Seed.next(seed * 7919 + 1)
  const below = (n: number) => Math.floor(next() * n)
  const calm = below(2) === 0
  const bag = only.filter((kind) => !calm || !hurting.has(kind)).flatMap((kind) =>
    Array.from({ length: weights[kind] }, () => kind)
  )
  // Each random program uses only some of the kinds of steps, so that it uses each of them more often.
  const some = bag.filter(() => below(3) > 0)
  const pick = some.length === 0 ? bag.length === 0 ? only : bag : some
  return {
    schedule: seed,
    actors: 1 + below(3),
    owner: below(3) === 0 ? "nursery" : "scope",
    steps: Array.from({ length: 2 + below(9) }, () => ({
      kind: pick[below(pick.length)]!,
      wait: below(3) === 0 ? below(6) : 0,
      actor: below(3),
      a: below(6),
      b: below(6),
      c: below(6)
    }))
  }
}

/** Returns a random program as a short text for people. */
export const show = ({ actors, calm = [], owner, schedule, steps }: Program): string =>
  [
    `${actors} actor(s) in a ${owner}, schedule ${schedule}`,
    ...calm.length === 0 ? [] : [`  calm in ${calm.map(([from, to]) => `${from} to ${to}`).join(", ")}`],
    ...steps.map(({ a, actor, b, c, kind, wait }, i) =>
      `  ${i}. ${wait > 0 ? `${wait * 7} ms later ` : ""}${kind} at a${actor % actors} (${a} ${b} ${c})`
    )
  ].join("\n")
