/**
 * In this example one fiber cancels a dialog, while the fiber that opened the dialog waits in its body.
 *
 * The example has three fibers: the watchman in his actor, the opener of the dialog in this process, and a fiber that
 * has only `dialog.cancel`. When the cancel of the third fiber returns, the watchman's finalizers have run in the
 * watchman's actor. The fiber that waits in the dialog's body is interrupted by the cancel, and learns who cancelled
 * the dialog. The actor of the watchman goes on as before after the cancel of its dialog.
 *
 * Prints:
 *
 *     the lantern is lit
 *     outside: cancelling, because the sun is up
 *     outside: cancelled
 *     the opener: ContextCancelled by root, the sun is up
 *     the watchman's diary: lit, put out because the sun is up
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** The events that this process has recorded; each actor records its own events. */
const diary: Array<string> = []

export const watch = Actor.dialog("watch", { module: import.meta.url, started: Schema.String })((_, dialog) =>
  Effect.gen(function*() {
    diary.push("lit")
    yield* dialog.started("lit")
    return yield* Effect.never
  }).pipe(
    Actor.orDie,
    Effect.onExit((exit) =>
      Effect.sync(() => {
        const by = Exit.isFailure(exit) ? Actor.cancelledBy(exit.cause) : Option.none()
        if (Option.isSome(by)) diary.push(`put out because ${by.value.reason}`)
      })
    )
  )
)

export const readDiary = Actor.fn("readDiary", { module: import.meta.url, success: Schema.Array(Schema.String) })(
  () => Effect.sync(() => diary)
)

NodeActor.runMain(Actor.nursery(Effect.gen(function*() {
  const watchman = yield* Actor.start("watchman", { expose: [watch, readDiary] })
  const open = yield* Deferred.make<(reason: string) => Effect.Effect<void>>()

  const outside = Effect.gen(function*() {
    const cancel = yield* Deferred.await(open)
    yield* Console.log("outside: cancelling, because the sun is up")
    yield* cancel("the sun is up")
    yield* Console.log("outside: cancelled")
  })
  const cancelling = yield* Effect.forkChild(outside)

  const opener = watchman.open(
    watch(),
    Effect.fnUntraced(function*(dialog) {
      yield* Console.log(`the lantern is ${dialog.first}`)
      yield* Deferred.succeed(open, dialog.cancel)
      return yield* Effect.never
    })
  )
  const woken = yield* Effect.exit(opener)
  yield* Fiber.join(cancelling)
  yield* Effect.catchTag(
    woken,
    "ContextCancelled",
    ({ _tag, by, reason }) => Console.log(`the opener: ${_tag} by ${by.name}, ${reason}`)
  )
  yield* Console.log(`the watchman's diary: ${(yield* watchman.run(readDiary())).join(", ")}`)
})))
