/**
 * In whose name an owner ends what it owns.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import * as Effect from "effect/Effect"
import { Timeouts } from "../contract/Timeouts.ts"
import { cancellationOf } from "../dialog/Env.ts"
import type { Listed, Tree } from "../supervision/Tree.ts"

/** Ours, for `reason`; or, when we are ending ourselves, the name and reason of whoever wants us to. */
export const inTheNameOf = (tree: Tree, reason: string): Effect.Effect<Cancellation> =>
  Effect.withFiber((fiber) => {
    const inherited = cancellationOf(fiber, tree.env, fiber.getRef(Timeouts).finalizers)
    return Effect.succeed(inherited.reason === "interrupted" ? { ...inherited, reason } : inherited)
  })

/** Ends what we own, and waits until it is gone. */
export const endOwned = (tree: Tree, child: Listed, reason: string): Effect.Effect<void> =>
  Effect.flatMap(inTheNameOf(tree, reason), (cancellation) => child.end(cancellation))
