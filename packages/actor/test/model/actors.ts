/**
 * The endpoints of the actors of a model run, and their calls: both ends write into the `World`.
 */
import type { Dialog } from "@furrow/actor"
import { Actor, ActorError } from "@furrow/actor"
import { cleanupBound } from "@furrow/actor/internal/process/Teardown"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Program from "./Program.ts"
import { type Call, CurrentWorld, type Flow, type World } from "./World.ts"

export class Oops extends Schema.TaggedError<Oops>()("Oops", { key: Schema.Int }) {}

/** The body of a dialog failed by itself. */
export class BodyFailed {
  readonly _tag = "BodyFailed"
  readonly key: number
  constructor(key: number) {
    this.key = key
  }
}

const world: Effect.Effect<World> = Effect.flatMap(Effect.void, () => CurrentWorld)

const how = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "return"
  const { reasons } = exit.cause
  if (reasons.every((reason) => reason._tag === "Interrupt")) return "interrupt"
  const reason = reasons.find((reason) => reason._tag !== "Interrupt")!
  const thrown = reason._tag === "Fail" ? reason.error : reason.defect
  const tag = (thrown as { readonly _tag?: unknown } | null)?._tag
  return reason._tag === "Fail" ? `fail ${String(tag)}` : `die ${typeof tag === "string" ? tag : String(thrown)}`
}

const pause = (millis: number): Effect.Effect<void> => millis > 0 ? Effect.sleep(millis) : Effect.void

/** A handler: counted when it starts, and when its finalizer is done. */
const served = <A, E, R>(key: number, cleanup: number, body: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(world, (world) =>
    Effect.onExit(
      Effect.suspend(() => {
        world.handlerStarts(key)
        return body
      }),
      (exit) => Effect.andThen(pause(cleanup), Effect.sync(() => world.handlerEnds(key, how(exit))))
    ))

const conclude = (end: Program.End, key: number): Effect.Effect<number, Oops> => {
  switch (end) {
    case "return":
      return Effect.succeed(key)
    case "fail":
      return Effect.fail(new Oops({ key }))
    case "die":
      return Effect.die(new Error(`died ${key}`))
    case "hang":
      return Effect.never
    case "quit":
      return Effect.interrupt
  }
}

const module = import.meta.url

export const job = Actor.fn("job", {
  module,
  payload: { key: Schema.Int, job: Program.Job },
  success: Schema.Int,
  error: Oops
})(({ job, key }) => served(key, job.cleanup, Effect.andThen(pause(job.wait), conclude(job.end, key))))

export const feed = Actor.stream("feed", {
  module,
  payload: { key: Schema.Int, feed: Program.Feed },
  success: Schema.Int,
  error: Oops
})(({ feed, key }) =>
  Stream.unwrap(Effect.gen(function*() {
    const w = yield* world
    const call = w.call(key)
    yield* Effect.acquireRelease(
      Effect.sync(() => w.handlerStarts(key)),
      (_, exit) => Effect.andThen(pause(feed.cleanup), Effect.sync(() => w.handlerEnds(key, how(exit))))
    )
    const items = Stream.fromIterable(Array.from({ length: feed.items }, (_, i) => i)).pipe(
      Stream.rechunk(feed.items > 1000 ? 64 : feed.chunk),
      (stream) =>
        feed.every === 0
          ? stream
          : Stream.mapArrayEffect(stream, (chunk) => Effect.as(pause(chunk[0]! < 100 ? feed.every : 0), chunk)),
      Stream.mapArray((chunk) => {
        w.said(call, call.down, chunk.length)
        return chunk
      })
    )
    return Stream.concat(items, Stream.drain(Stream.fromEffect(conclude(feed.end, key))))
  }))
)

export const talk = Actor.dialog("talk", {
  module,
  payload: { key: Schema.Int, talk: Program.Talk },
  started: Schema.Int,
  input: Schema.Int,
  output: Schema.Int,
  success: Schema.Int,
  error: Oops
})(({ key, talk }, dialog) =>
  served(
    key,
    talk.cleanup,
    Effect.gen(function*() {
      const w = yield* world
      const call = w.call(key)
      if (talk.starts < 0) return yield* conclude(talk.end === "cancel" ? "quit" : talk.end, key)
      yield* pause(talk.starts)
      const stream = yield* Effect.orDie(dialog.started(key, { window: { items: talk.up } }))
      call.started = true
      yield* Effect.orDie(moves(w, call, talk.callee, stream, call.down, call.up))
      if (talk.end !== "cancel") return yield* conclude(talk.end, key)
      yield* dialog.cancel("the callee has enough")
      return yield* Effect.never
    })
  )
)

/** Carries out a script on one end of a dialog: says on `out`, hears on `back`. Being told that it is over ends it. */
const moves = (
  w: World,
  call: Call,
  script: ReadonlyArray<Program.Move>,
  stream: Dialog.MsgStream<number, number, any>,
  out: Flow,
  back: Flow
): Effect.Effect<void, unknown> =>
  Effect.gen(function*() {
    for (const move of script) {
      switch (move._tag) {
        case "Wait":
          yield* pause(move.millis)
          break
        case "Close":
          out.closed = true
          yield* stream.end
          break
        case "Say":
          if (out.closed) break
          out.saying = true
          for (let i = 0; i < move.items; i++) {
            const over = yield* outcome(stream.send(out.said))
            if (over instanceof ActorError.ChannelClosed) break
            if (over !== undefined) return yield* Effect.fail(over)
            w.said(call, out, 1)
          }
          out.saying = false
          break
        case "SayAll": {
          if (out.closed) break
          out.saying = true
          out.atOnce = true
          const items = Array.from({ length: move.items }, (_, i) => out.said + i)
          const over = yield* outcome(stream.sendAll(items))
          out.saying = false
          out.atOnce = false
          if (over === undefined) out.said += move.items
          else if (!(over instanceof ActorError.ChannelClosed)) return yield* Effect.fail(over)
          else return
          break
        }
        case "Hear":
        case "HearAll":
          yield* hear(w, call, stream, back, move._tag === "Hear" ? move.items : Infinity)
      }
    }
  }).pipe(Effect.ensuring(Effect.sync(() => {
    out.saying = false
    back.hearing = false
  })))

/** The error of an effect, if it fails. */
const outcome = (effect: Effect.Effect<void, unknown>): Effect.Effect<unknown> =>
  Effect.match(effect, { onSuccess: () => undefined, onFailure: (error: unknown) => error })

const hear = (
  w: World,
  call: Call,
  stream: Dialog.MsgStream<number, number, any>,
  flow: Flow,
  items: number
): Effect.Effect<void, unknown> =>
  Effect.gen(function*() {
    flow.hearing = true
    for (let i = 0; i < items && !flow.done; i++) {
      const item = yield* Effect.catchIf(
        stream.receive as Effect.Effect<number, unknown>,
        Cause.isDone,
        () => Effect.succeed("done" as const)
      )
      w.activity++
      if (item === "done") {
        flow.done = true
        if (flow.heard < flow.said) w.problem(`${call.key}: the stream ended after ${flow.heard} of ${flow.said} items`)
      } else w.heard(call, flow, item as number)
    }
    flow.hearing = false
  })

export const hop = Actor.fn("hop", {
  module,
  payload: { key: Schema.Int, hop: Program.Hop },
  success: Schema.Int,
  error: Oops
})(({ hop, key }): Effect.Effect<number, never, Actor.ActorRuntime> =>
  served(
    key,
    hop.cleanup,
    Effect.gen(function*() {
      const w = yield* world
      const call = w.call(key)
      const { inner, via } = hop
      const actor = via === "parent" ? "root" : `n${key}`
      const next = w.open(key + 1000, actor, inner, call)
      if (via === "parent") yield* simple(yield* Actor.parent([job, feed, talk]), next)
      else if (via === "own" && inner._tag === "Job") {
        yield* asCaller(w, next, Actor.runInActor(job({ key: next.key, job: inner }), { name: actor }))
      } else {
        yield* Actor.nursery(
          Effect.flatMap(Actor.start(actor, { expose: [job, feed, talk] }), (portal) => simple(portal, next))
        )
      }
      return key
    }).pipe(Effect.orDie)
  )
)

export const definitions = [job, feed, talk, hop] as const
/** The endpoints of every actor. */
export type Simple = Actor.Portal<typeof job | typeof feed | typeof talk>
export type Portal = Actor.Portal<typeof job | typeof feed | typeof talk | typeof hop>

/** A caller: written down when it starts and when it has its answer. */
const asCaller = <A, E, R>(w: World, call: Call, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.onExit(
    Effect.suspend(() => {
      w.say(`${call.key} caller starts`)
      call.caller = "running"
      return effect
    }),
    (exit) =>
      Effect.sync(() => {
        w.say(`${call.key} caller ends: ${how(exit)}`)
        call.caller = { at: w.now(), seq: w.activity, how: how(exit) }
        acknowledged(w, call, "the caller")
        if (Exit.isSuccess(exit) && typeof exit.value === "number" && exit.value !== call.key) {
          w.problem(`${call.key} was answered with the value of ${exit.value}`)
        }
        if (Exit.isFailure(exit)) {
          for (const reason of exit.cause.reasons) {
            if (reason._tag === "Fail" && reason.error instanceof Oops && reason.error.key !== call.key) {
              w.problem(`${call.key} was answered with the error of ${reason.error.key}`)
            }
          }
        }
      })
  )

/** Makes a call on a portal. */
export const perform = (portal: Portal, call: Call): Effect.Effect<unknown, unknown> =>
  Effect.flatMap(world, (w) => {
    const { key, what } = call
    return what._tag === "Hop" ? asCaller(w, call, portal.run(hop({ key, hop: what }))) : simple(portal, call)
  })

const simple = (portal: Simple, call: Call): Effect.Effect<unknown, unknown> =>
  Effect.flatMap(world, (w) => {
    const { key, what } = call
    switch (what._tag) {
      case "Job":
        return asCaller(w, call, portal.run(job({ key, job: what })))
      case "Feed":
        return asCaller(w, call, read(portal, w, call, what))
      case "Talk":
        return asCaller(w, call, converse(portal, w, call, what))
      case "Hop":
        return Effect.die(new Error("an actor at the end of a hop serves none"))
    }
  })

const read = (portal: Simple, w: World, call: Call, what: Program.Feed): Effect.Effect<void, unknown> => {
  const all = portal.stream(feed({ key: call.key, feed: what }))
  const some = what.take < 0 ? all : Stream.take(all, what.take)
  call.down.hearing = true
  return Stream.runForEach(some, (item) =>
    Effect.suspend(() => {
      w.heard(call, call.down, item)
      if (call.down.heard === what.take) w.cancel(call, "the reader has enough")
      return call.down.heard <= 8 ? pause(what.pause) : Effect.void
    })).pipe(Effect.tap(() =>
      Effect.sync(() => {
        const expected = what.take < 0 ? what.items : Math.min(what.take, what.items)
        if (call.down.heard !== expected) {
          w.problem(`${call.key}: the stream ended well after ${call.down.heard} of ${expected} items`)
        }
      })
    ))
}

/** Dialogs by call, for those who cancel them from outside. */
export const dialogs = new WeakMap<Call, Dialog.Dialog<any, any, any, any, any>>()

const converse = (portal: Simple, w: World, call: Call, what: Program.Talk): Effect.Effect<unknown, unknown> => {
  call.body = "opening"
  const body = Effect.fnUntraced(function*(dialog: Dialog.Dialog<number, number, number, number, Oops>) {
    call.body = "moving"
    w.activity++
    dialogs.set(call, dialog)
    if (dialog.first !== call.key) w.problem(`${call.key} was greeted with ${dialog.first}`)
    yield* moves(w, call, what.caller, dialog.stream, call.up, call.down)
    switch (what.leave) {
      case "return":
        return undefined
      case "result":
        return yield* dialog.result
      case "fail":
        return yield* Effect.fail(new BodyFailed(call.key))
      case "die":
        return yield* Effect.die(new Error("the body died"))
      case "cancel":
        w.cancel(call, "own cancel")
        yield* dialog.cancel("own cancel")
        if (typeof call.handler !== "object") acknowledged(w, call, "its own cancel")
        return undefined
      case "hang":
        call.body = "hanging"
        return yield* Effect.never
    }
  })
  const whole = (dialog: Dialog.Dialog<number, number, number, number, Oops>) =>
    Effect.onExit(body(dialog), (exit) =>
      Effect.sync(() => {
        w.activity++
        call.body = "left"
        call.up.closed = true
        if (Exit.isFailure(exit)) w.cancel(call, "the body ended badly")
        else if (what.open === "scoped") w.cancel(call, "its scope closes")
      }))
  const start = talk({ key: call.key, talk: what })
  const options = { window: { items: what.down } }
  return what.open === "body"
    ? portal.open(start, whole, options)
    : Effect.scoped(Effect.flatMap(portal.openScoped(start, options), whole))
}

/** The bounds in these runs: of a cancel, and of the end of an actor; its cleanup leaves time for its last words. */
export const bound = 500
export const finalizers = 1000
const cleanup = cleanupBound(finalizers)
/** An owner that hears nothing for this long kills. */
const deafBound = 100

/** An owner resumed before the finalizers of its own actor ran, or their bound had passed. */
export const reaped = (w: World, call: Call, since: number): void => {
  const passed = w.now() - since
  if (call.handler !== "running" || call.outer !== undefined || w.isLost(call) || w.isHeld(call)) return
  if (passed < cleanup) w.problem(`${call.key}: its owner resumed after ${passed} ms, and its handler still runs`)
}

/** A caller resumed before the far finalizers ran: only where the peer was lost, or the bound has passed. */
export const acknowledged = (w: World, call: Call, what: string): void => {
  if (call.handler !== "running" || w.isLost(call)) return
  const since = w.cancelledAt(call)
  const passed = since === undefined ? -1 : w.now() - since
  if (passed >= (w.isHeld(call) ? deafBound : bound)) return
  w.problem(
    `${call.key}: ${what} resumed while its handler was still running` +
      (since === undefined ? "" : `, ${passed} ms after the cancel`)
  )
}
