/**
 * In this example errors of an actor arrive in the caller with their own types.
 *
 * An error that an endpoint's contract declares arrives as an instance of its class, and is caught by its tag. A defect
 * of an actor arrives as `RemoteActorError` with the stacks of the caller and the actor, and the chain of causes.
 *
 * Prints:
 *
 *     typed: NegativeRoot of -4, caught by its tag, an instance of its class: true
 *     defect: RemoteActorError, because of a SyntaxError far away; in full:
 *     RemoteActorError: Error in squareRoot@<pid>: the table of roots is broken
 *     <...>
 *         at askForRoot (<...>/remote-error.ts:<line>)
 *     <...>
 *       [cause]: Error: the table of roots is broken
 *           at readTable (<...>/remote-error.ts:<line>)
 *     <...>
 *         [cause]: SyntaxError: Unexpected end of JSON input
 *     <...>
 */
import { Actor, ActorError } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

export class NegativeRoot extends Schema.TaggedError<NegativeRoot>()("NegativeRoot", { of: Schema.Finite }) {}

/** A mistake in the code of an actor is not an expected error of a call, so the contract does not declare it. */
const readTable = (): number => {
  try {
    return JSON.parse("[1, 4, 9,") as number
  } catch (cause) {
    throw new Error("the table of roots is broken", { cause })
  }
}

export const squareRoot = Actor.fn("squareRoot", {
  module: import.meta.url,
  payload: { of: Schema.Finite, fromTable: Schema.Boolean },
  success: Schema.Finite,
  error: NegativeRoot
})(Effect.fnUntraced(function*({ fromTable, of }) {
  if (of < 0) return yield* new NegativeRoot({ of })
  return fromTable ? readTable() : Math.sqrt(of)
}))

/**
 * The function `Effect.fn` adds the name of the wrapped function and the line at which it was called to the stack of an
 * error.
 */
const askForRoot = Effect.fn("askForRoot")(function*(of: number, fromTable: boolean) {
  return yield* Actor.runInActor(squareRoot({ of, fromTable }))
})

const typed = askForRoot(-4, false).pipe(
  Effect.asVoid,
  Effect.catchTag("NegativeRoot", (error) =>
    Console.log(
      `typed: ${error._tag} of ${error.of}, caught by its tag, an instance of its class: ` +
        `${error instanceof NegativeRoot}`
    ))
)

const defect = askForRoot(9, true).pipe(
  Effect.asVoid,
  Effect.catchCause((cause) => {
    const error = Cause.squash(cause)
    if (!(error instanceof ActorError.RemoteActorError)) return Effect.die(error)
    return Console.log(
      `defect: ${error._tag}, because of a ${error.boxed.cause?.type} far away; in full:\n${Cause.pretty(cause)}`
    )
  })
)

NodeActor.runMain(Effect.andThen(typed, defect))
