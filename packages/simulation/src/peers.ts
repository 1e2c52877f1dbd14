/** Endpoints by which actors use each other: by references in payloads, and by names in the registry. */
import { Actor, Portal, Registry } from "@furrow/actor"
import { defaults } from "@furrow/actor/Timeouts"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { handled, job, type Oops, Work } from "./actors.ts"
import { record } from "./History.ts"

const module = import.meta.url

/** An endpoint that calls another actor, once or until a call fails. */
export const far = Actor.fn("far", {
  module,
  payload: { key: Schema.Int, times: Schema.Int, work: Work, whom: Actor.ref([job]) },
  success: Schema.Int
})(({ key, times, whom, work }) =>
  handled(
    key,
    0,
    Effect.gen(function*() {
      const portal = yield* Actor.portal(whom)
      for (let i = 0; i < times; i++) yield* portal.run(job({ work: { ...work, key: work.key + i } }))
      return times
    })
  ).pipe(Effect.scoped, Actor.orDie, Effect.catchTag("Oops", ({ key }: Oops) => Effect.succeed(key)))
)

/** An endpoint that gets a reference to another actor and cancels the actor, although the handler does not own it. */
export const retire = Actor.fn("retire", { module, payload: { whom: Actor.ref([job]), reason: Schema.String } })(
  ({ reason, whom }) =>
    Effect.scoped(Effect.flatMap(Actor.portal(whom), (portal) => portal.cancel(reason))).pipe(Actor.orDie)
)

/** An endpoint that finds an actor by its name and calls it. */
export const seek = Actor.fn("seek", {
  module,
  payload: { name: Schema.String, work: Work },
  success: Schema.Int
})(({ name, work }) =>
  Effect.scoped(
    Effect.flatMap(
      Registry.find([job], name),
      Option.match({
        onNone: () => Effect.succeed(-1),
        onSome: (portal) => portal.run(job({ work }))
      })
    )
  ).pipe(Actor.orDie, Effect.catchTag("Oops", ({ key }: Oops) => Effect.succeed(key)))
)

/** An endpoint that waits for the end of another actor, and records how the actor ended. */
export const watch = Actor.fn("watch", { module, payload: { actor: Schema.String, whom: Actor.ref([job]) } })((
  { actor, whom }
) =>
  Effect.flatMap(
    Actor.current,
    ({ name }) =>
      Effect.flatMap(Portal.monitor(whom), (exit) => record({ _tag: "Heard", actor, watcher: name, exit: exit._tag }))
  ).pipe(
    Actor.orDie
  )
)

/** An endpoint that ends its own actor. */
export const leave = Actor.fn("leave", { module, payload: { key: Schema.Int, cleanup: Schema.Int } })((
  { cleanup, key }
) =>
  handled(
    key,
    cleanup,
    Effect.flatMap(Actor.current, ({ name }) =>
      Effect.andThen(
        record({ _tag: "Ending", actor: name, by: name, reason: `exit ${key}`, bound: defaults.finalizers }),
        Actor.exit(`exit ${key}`)
      ))
  )
)

/** An endpoint that logs some lines in order. */
export const chat = Actor.fn("chat", { module, payload: { key: Schema.Int, lines: Schema.Int } })(({ key, lines }) =>
  handled(
    key,
    0,
    Effect.forEach(Array.from({ length: lines }), (_, line) => Effect.log(`line ${key} ${line}`), { discard: true })
  )
)

/** An endpoint whose handler logs to a log sink of its own, which throws. */
export const grumble = Actor.fn("grumble", { module, payload: { key: Schema.Int } })(({ key }) =>
  handled(key, 0, Effect.log(`grumble ${key}`)).pipe(
    Effect.provide(Logger.layer([Logger.make<unknown, void>(() => {
      throw new Error("the sink of the handler threw")
    })]))
  )
)

export const endpoints = [grumble, far, retire, seek, leave, chat, watch] as const
