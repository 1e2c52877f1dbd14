/** A pool of actors whose module cannot be imported at first: the pool must work again after the module is mended. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Pool from "effect/Pool"
import * as Fs from "node:fs"
import { count } from "./flaky.ts"

const acquire = Actor.startScoped("counter", {
  expose: [count],
  env: { set: { IN_ACTOR: "yes" } },
  stderr: "ignore"
})

NodeActor.runMain(Effect.scoped(Effect.gen(function*() {
  const pool = yield* Pool.make({ acquire, size: 1 })
  const use = Effect.scoped(Effect.flatMap(Pool.get(pool), (counter) => counter.run(count())))
  const show = Effect.flatMap(
    Effect.match(use, { onSuccess: String, onFailure: ({ _tag }) => _tag }),
    (answer) => Console.log(answer)
  )
  yield* show
  yield* show
  const imports = Fs.readFileSync("imports", "utf8").length
  yield* Console.log(`no more than one start a use: ${imports <= 3 || `${imports} starts`}`)
  Fs.writeFileSync("mended", "")
  yield* Effect.ignore(use)
  yield* show
})))
