/**
 * Shows an observer the Effect fibers of an actor: their parents and children, the source lines at which they stand,
 * and their waits.
 *
 * The module `fiberView.ts` is the only one that reads parts of Effect that are not public. A test checks the private
 * parts of Effect that `fiberView.ts` reads. If the private parts are different in another version of Effect, the view
 * still shows the fibers, but not their source lines and waits.
 */
import type { FiberInspection, FrameInspection, WaitInspection, Works } from "@furrow/actor/Inspect"
import type * as Fiber from "effect/Fiber"
import { type Looking, looking } from "./captured.ts"
import { Origins } from "./origins.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** The private fields of a fiber of Effect 4.1. */
interface Inside {
  readonly _stack: ReadonlyArray<Operation>
  readonly _children: ReadonlySet<AnyFiber> | undefined
  readonly _parent: AnyFiber | undefined
  readonly _running: boolean
}

type Operation = Readonly<Record<string, unknown>>

const identifier = "~effect/Effect/identifier"
const argument = "~effect/Effect/args"

const insideOf = (fiber: AnyFiber): Inside | undefined =>
  Array.isArray((fiber as unknown as Partial<Inside>)._stack) && "_children" in fiber && "_parent" in fiber
    ? fiber as unknown as Inside
    : undefined

const isFiber = (value: unknown): value is AnyFiber =>
  typeof value === "object" && value !== null && "_stack" in value && "pollUnsafe" in value

/** The largest number of fibers of one actor that are shown to an observer. */
const maxFibers = 1000

// ---- finding fibers -------------------------------------------------------------------------------------------------

/** Finds the fibers that were forked in a Scope, and that the Scope holds. */
const heldBy = (scope: unknown, found: (fiber: AnyFiber) => void): void => {
  const { state } = scope as { readonly state?: { readonly finalizerKey?: unknown; readonly finalizers?: unknown } }
  const keys = state?.finalizers instanceof Map ? Array.from(state.finalizers.keys()) : [state?.finalizerKey]
  for (const key of keys) {
    if (isFiber(key)) found(key)
    else if (typeof key === "object" && key !== null && "state" in key) heldBy(key, found)
  }
}

// ---- waits of fibers ------------------------------------------------------------------------------------------------

const unknown: WaitInspection = { on: "Unknown", dialog: null }

const isTimer = (value: object): boolean =>
  value.constructor?.name === "Timeout" && "refresh" in value && "hasRef" in value

/**
 * True for a semaphore on which a fiber waits. Among the values that the fiber's waiting closures hold (`all`) is then
 * an entry of the semaphore's set `waiters`.
 */
const isAwaitedSemaphore = (value: object, all: ReadonlyArray<unknown>): boolean =>
  "permits" in value && "taken" in value && "waiters" in value && value.waiters instanceof Set &&
  all.some((other) => (value.waiters as Set<unknown>).has(other))

const kindOf = (value: object, all: ReadonlyArray<unknown>): WaitInspection["on"] | undefined => {
  if (isTimer(value)) return "Timer"
  if (isAwaitedSemaphore(value, all)) return "Semaphore"
  if ("~effect/Deferred" in value) return "Deferred"
  if ("~effect/Queue/Dequeue" in value || "~effect/Queue" in value) return "Queue"
  return undefined
}

const recognise = (values: ReadonlyArray<unknown>, holds: Works["holds"]): WaitInspection | undefined => {
  const objects = values.filter((value): value is object => typeof value === "object" && value !== null)
  for (const value of objects) {
    const held = holds.get(value)
    if (held !== undefined) return held
  }
  for (const value of objects) {
    const on = kindOf(value, objects)
    if (on !== undefined) return { on, dialog: null }
  }
  return undefined
}

const functionsOf = (operation: Operation): ReadonlyArray<object> =>
  Object.values(operation).filter((value): value is object & Function => typeof value === "function")

/**
 * Returns the functions that Effect would call to cancel the wait of an interrupted fiber. The closure of each function
 * holds the object for which the fiber waits.
 */
const cancelOf = (values: ReadonlyArray<unknown>): ReadonlyArray<object> =>
  values.flatMap((value) =>
    typeof value === "object" && value !== null && identifier in value && argument in value &&
      typeof value[argument] === "function"
      ? [value[argument]]
      : []
  )

/** Returns the fibers for which a race or a join waits, found among captured values. */
const fibersIn = (values: ReadonlyArray<unknown>, self: AnyFiber): ReadonlyArray<AnyFiber> =>
  values.flatMap((value) =>
    value instanceof Set || Array.isArray(value) ? Array.from(value as Iterable<unknown>) : [value]
  )
    .filter((value): value is AnyFiber => isFiber(value) && value !== self && value.pollUnsafe() === undefined)

/** The wait of a fiber, and the fibers that it waits for. */
interface Waiting {
  readonly waits: WaitInspection
  readonly fibers: ReadonlyArray<AnyFiber>
}

const nothing: Waiting = { waits: unknown, fibers: [] }

const waitOf = (fiber: AnyFiber, { calls, holds }: Works, look: Looking): Waiting => {
  const inside = insideOf(fiber)
  if (inside === undefined || inside._running) return nothing
  const call = calls.get(fiber)
  if (call !== undefined) return { waits: call, fibers: [] }
  const top = inside._stack.findLast((operation) => !String(operation[identifier]).startsWith("SetInterruptible"))
  if (top === undefined) return nothing
  // The object for which a fiber waits is captured by the fiber's cancellable wait, or otherwise by the fiber's next
  // operation.
  const direct = functionsOf(top).flatMap(look.captured)
  if (top[identifier] === "AsyncFinalizer") {
    const values = [...direct, ...cancelOf(direct).flatMap(look.captured)]
    const waits = recognise(values, holds)
    if (waits !== undefined) return { waits, fibers: [] }
    const fibers = fibersIn(values, fiber)
    return fibers.length === 0 ? nothing : { waits: { on: "Fiber", dialog: null }, fibers }
  }
  if (top[identifier] === "OnExit" && direct.includes(fiber)) {
    // The closure of a race's finalizer holds the set of the racing fibers, and also the fiber that waits for the race.
    // The result contains only the racing fibers.
    const fibers = fibersIn(direct.filter((value) => value instanceof Set), fiber)
    return fibers.length === 0 ? nothing : { waits: { on: "Fiber", dialog: null }, fibers }
  }
  const found = top[identifier] === "OnSuccess" ? recognise(direct, holds) : undefined
  return found?.on === "Semaphore" ? { waits: found, fibers: [] } : nothing
}

// ---- the source lines at which a fiber stands -----------------------------------------------------------------------

/**
 * True for a source file of Effect or Furrow. Lines in files of Effect and Furrow are not shown, because the cause of a
 * fault is more likely in the program.
 */
const isOurs = (file: string): boolean =>
  /\/node_modules\/(effect|@effect|@furrow)\//.test(file) ||
  /\/packages\/(actor|node|protocol)\/(src|dist)\//.test(file) || file.startsWith("node:")

const framesOf = (fiber: AnyFiber, look: Looking): ReadonlyArray<FrameInspection> =>
  (insideOf(fiber)?._stack ?? []).toReversed().flatMap(({ iterator }) => {
    if (typeof iterator !== "object" || iterator === null || !("next" in iterator)) return []
    const at = look.locate(iterator)
    return at === undefined || isOurs(at.file) ? [] : [{ name: "", ...at }]
  })

const isScope = (value: unknown): boolean => typeof value === "object" && value !== null && "~effect/Scope" in value

/**
 * The largest number of finalizers of one fiber that the view searches for Scopes, beginning with the innermost
 * finalizer.
 */
const maxScopes = 20

/** Returns the Scopes that close when a fiber leaves their regions, the innermost Scope first. */
const scopesOf = ({ _stack }: Inside, look: Looking): ReadonlyArray<unknown> =>
  _stack.filter((operation) => operation[identifier] === "OnExit").slice(-maxScopes).flatMap(functionsOf)
    .flatMap(look.captured).filter(isScope)

/**
 * Reads one fiber, and adds the fibers to read next: children, parent, the fibers in its Scopes, and the fibers that it
 * waits for.
 */
const lookAt = (
  fiber: AnyFiber,
  works: Works,
  look: Looking
): { readonly seen: FiberInspection; readonly others: ReadonlyArray<AnyFiber> } => {
  const inside = insideOf(fiber)
  const { fibers, waits } = waitOf(fiber, works, look)
  const children = [...inside?._children ?? [], ...fibers]
  const others = [...children]
  if (inside?._parent !== undefined) others.push(inside._parent)
  for (const scope of inside === undefined ? [] : scopesOf(inside, look)) heldBy(scope, (held) => others.push(held))
  const seen = {
    id: fiber.id,
    parent: inside?._parent?.id ?? null,
    within: works.within(fiber),
    children: Array.from(new Set(children), ({ id }) => id),
    scoped: inside === undefined,
    frames: framesOf(fiber, look),
    waits
  }
  return { seen, others }
}

/** Milliseconds for which the reading of fibers may block the event loop at a time. */
const sliceMillis = 5

const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

/** Reads the fibers of an actor, several in each turn of the event loop, so that the actor goes on in the meantime. */
export const view = async (works: Works): Promise<ReadonlyArray<FiberInspection>> => {
  const found: Array<FiberInspection> = []
  const known = new Set<AnyFiber>(works.fibers)
  const queue = Array.from(works.fibers)
  let next = 0
  const origins = new Origins()
  const isLeft = () => next < queue.length && found.length < maxFibers
  const slice = (look: Looking): void => {
    const until = performance.now() + sliceMillis
    while (isLeft() && performance.now() < until) {
      const fiber = queue[next++]!
      if (fiber.pollUnsafe() !== undefined) continue
      const { others, seen } = lookAt(fiber, works, look)
      found.push(seen)
      for (const other of others) {
        if (known.has(other)) continue
        known.add(other)
        queue.push(other)
      }
    }
  }
  while (isLeft()) {
    looking(origins, slice)
    await nextTurn()
  }
  return found
}
