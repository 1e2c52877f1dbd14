/**
 * Random programs as data: actors, and steps that call them, cancel calls, kill actors and cut connections.
 *
 * Steps name actors and earlier calls by number, modulo how many there are: whatever shrinking takes away, what is left
 * is a program. `show` prints one as a short list.
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"

const numbers = <const N extends ReadonlyArray<number>>(...values: N) => Schema.Literals(values)

/** How long a handler waits, in milliseconds of the virtual clock. */
const Millis = numbers(0, 0, 10, 30, 60)
/** How long finalizers take: one kind takes longer than every bound of a cancel. */
const Cleanup = numbers(0, 0, 10, 60, 60, 800)
const End = Schema.Literals(["return", "return", "return", "fail", "die", "hang", "quit"])
export type End = typeof End.Type

export const Job = Schema.TaggedStruct("Job", { wait: Millis, end: End, cleanup: Cleanup })
export type Job = typeof Job.Type

export const Feed = Schema.TaggedStruct("Feed", {
  items: numbers(0, 1, 5, 40, 40, 1500),
  every: numbers(0, 0, 10),
  chunk: numbers(1, 7, 64),
  end: End,
  cleanup: Cleanup,
  /** How many the reader takes; -1 for all. */
  take: numbers(-1, -1, 1, 3),
  pause: numbers(0, 0, 10)
})
export type Feed = typeof Feed.Type

export const Move = Schema.Union([
  Schema.TaggedStruct("Say", { items: numbers(1, 2, 5, 20) }),
  Schema.TaggedStruct("SayAll", { items: numbers(2, 5, 20) }),
  Schema.TaggedStruct("Hear", { items: numbers(1, 2, 5) }),
  Schema.TaggedStruct("HearAll", {}),
  Schema.TaggedStruct("Wait", { millis: Millis }),
  Schema.TaggedStruct("Close", {})
])
export type Move = typeof Move.Type
const Moves = Schema.Array(Move).check(Schema.isMaxLength(5))

export const Talk = Schema.TaggedStruct("Talk", {
  /** Windows of the two directions, in items. */
  up: numbers(1, 2, 3, 8),
  down: numbers(1, 2, 3, 8),
  /** When the first value is said; -1 for never. */
  starts: numbers(0, 0, 0, 10, -1),
  callee: Moves,
  end: Schema.Literals([...End.literals, "cancel"]),
  cleanup: Cleanup,
  /** With a body that a failure wakes, or in a scope that it does not. */
  open: Schema.Literals(["body", "body", "scoped"]),
  caller: Moves,
  leave: Schema.Literals(["return", "result", "fail", "die", "cancel", "hang"])
})
export type Talk = typeof Talk.Type

export type Simple = Job | Feed | Talk
export const Hop = Schema.TaggedStruct("Hop", {
  /** Where the handler calls on: an actor of its own for this call or in a nursery, or its parent. */
  via: Schema.Literals(["own", "nursery", "parent"]),
  inner: Schema.Union([Job, Feed, Talk]),
  cleanup: numbers(0, 0, 10)
})
export type Hop = typeof Hop.Type
export type What = Simple | Hop

const Which = numbers(0, 1, 2)
const Call = Schema.TaggedStruct("Call", { actor: Which, what: Schema.Union([Job, Feed, Talk, Talk, Hop]) })
const Interrupt = Schema.TaggedStruct("Interrupt", { call: numbers(0, 1, 2, 3, 4, 5) })
const Pass = Schema.TaggedStruct("Pass", { millis: numbers(10, 30, 60, 200) })
const Turns = Schema.TaggedStruct("Turns", { turns: numbers(0, 1, 2, 4) })

export const Step = Schema.Union([
  Call,
  Call,
  Call,
  Call,
  Call,
  Call,
  Call,
  Call,
  Call,
  Pass,
  Pass,
  Turns,
  Turns,
  Turns,
  Interrupt,
  Interrupt,
  /** Somebody outside its body cancels a dialog. */
  Schema.TaggedStruct("CancelDialog", { call: numbers(0, 1, 2, 3, 4, 5) }),
  Schema.TaggedStruct("EndActor", { actor: Which }),
  /** Its process is killed. */
  Schema.TaggedStruct("Crash", { actor: Which }),
  Schema.TaggedStruct("Cut", { actor: Which, how: Schema.Literals(["both", "incoming", "outgoing"]) }),
  /** Nothing passes for a while: a partition that heals. */
  Schema.TaggedStruct("Hold", { actor: Which, millis: numbers(20, 200, 700) })
])
export type Step = typeof Step.Type

export interface Program {
  readonly seed: number
  readonly actors: number
  /** A nursery is cancelled by a lost actor; a scope is not. */
  readonly owner: "scope" | "nursery"
  readonly faults: "none" | "jitter" | "stalls"
  /** A connection that ends after so many bytes. */
  readonly cut: null | { readonly actor: number; readonly after: number; readonly counting: "incoming" | "outgoing" }
  readonly steps: ReadonlyArray<Step>
}

const between = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

/** Steps that take an actor away. */
const losses: ReadonlySet<Step["_tag"]> = new Set(["EndActor", "Crash", "Cut"])

const CutAt = Schema.Struct({
  actor: Which,
  after: numbers(40, 300, 500, 700, 900, 1200, 1500, 2500),
  counting: Schema.Literals(["incoming", "outgoing"])
})

const anything = Arbitrary.all({
  /** Every second program loses no actor: it comes further. */
  calm: Arbitrary.schema(Schema.Boolean),
  seed: between(0, 1_000_000),
  actors: between(1, 3),
  owner: Arbitrary.schema(Schema.Literals(["scope", "scope", "nursery"])),
  faults: Arbitrary.schema(Schema.Literals(["none", "jitter", "stalls"])),
  cut: Arbitrary.schema(Schema.Union([...Array.from({ length: 9 }, () => Schema.Null), CutAt])),
  steps: Arbitrary.array(Arbitrary.schema(Step), { maxLength: 12 })
})

export const arbitrary: Arbitrary.Arbitrary<Program> = Arbitrary.map(
  anything,
  ({ calm, ...program }) =>
    calm ? { ...program, cut: null, steps: program.steps.filter(({ _tag }) => !losses.has(_tag)) } : program
)

const text = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(text).join(", ")}]`
  if (typeof value !== "object" || value === null) return String(value)
  const { _tag, ...fields } = value as { readonly _tag?: string }
  const rest = Object.entries(fields).map(([name, field]) => `${name}: ${text(field)}`).join(", ")
  return [_tag, rest === "" ? undefined : `{ ${rest} }`].filter((part) => part !== undefined).join(" ")
}

/** A program as a short list. */
export const show = ({ actors, cut, faults, owner, seed, steps }: Program): string =>
  [
    `${actors} actor(s) in a ${owner}, faults: ${faults}, seed ${seed}` +
    (cut === null || cut.actor >= actors ? "" : `, cut ${text(cut)}`),
    ...steps.map((step, i) => `  ${i}. ${text(step)}`)
  ].join("\n")
