/**
 * Checks that an actor has only one copy of each module: imported alone, from the barrel, with `require`, and by
 * modules of Effect outside of the bundle.
 */
import { Actor } from "@furrow/actor"
import * as ActorModule from "@furrow/actor/Actor"
import * as Envelope from "@furrow/protocol/Envelope"
import * as Barrel from "effect"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as HttpClientError from "effect/http/HttpClientError"
import * as Layer from "effect/Layer"
import * as RcRef from "effect/RcRef"
import * as Ref from "effect/Ref"
import * as RpcClientError from "effect/rpc/RpcClientError"
import * as Schema from "effect/Schema"
import { createRequire } from "node:module"

class Greeting extends Context.Service<Greeting, string>()("identity/Greeting") {}

const required = createRequire(import.meta.url)("effect/Effect") as typeof Effect

const facts = Effect.gen(function*() {
  const data: object = Object.getPrototypeOf(Data.Error.prototype)
  return {
    "the barrel's Effect": Barrel.Effect.succeed === Effect.succeed,
    "the barrel's Schema": Barrel.Schema.Struct === Schema.Struct,
    "the barrel's RcRef": Barrel.RcRef.make === RcRef.make,
    "the barrel's Ref": Barrel.Ref.make === Ref.make,
    "a required Effect": required.succeed === Effect.succeed,
    "the barrel of actors": Actor.fn === ActorModule.fn,
    "errors of Effect's http": Object.prototype.isPrototypeOf.call(data, HttpClientError.HttpClientError.prototype),
    "errors of Effect's rpc": RpcClientError.RpcClientError.ast._tag === "Declaration",
    "the protocol": typeof Envelope === "object",
    "a Ref": (yield* Effect.flatMap(Ref.make(1), Ref.get)) === 1,
    "a Layer": (yield* Effect.provide(Greeting, Layer.succeed(Greeting, "hello"))) === "hello"
  }
})

export const identity = Actor.fn("identity", {
  module: import.meta.url,
  success: Schema.Struct({ effect: Schema.String, actor: Schema.String, differ: Schema.Array(Schema.String) })
})(() =>
  Effect.map(facts, (facts) => ({
    effect: import.meta.resolve("effect/Effect"),
    actor: import.meta.resolve("@furrow/actor"),
    differ: Object.entries(facts).filter(([, holds]) => !holds).map(([name]) => name)
  }))
)

const thrower = (): never => {
  throw new Error("thrown on purpose")
}

/** Returns the place where an error of the user's code is thrown, as the stack shows it. */
export const stack = Actor.fn("stack", { module: import.meta.url, success: Schema.String })(() =>
  Effect.map(Effect.flip(Effect.try({ try: thrower, catch: (error) => error as Error })), (error) => error.stack ?? "")
)
