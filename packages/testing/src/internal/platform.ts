/** Builds Layers of a platform as the runtime builds them, for suites that test one service of the platform. */
import * as Credentials from "@furrow/actor/Credentials"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Crypto from "node:crypto"

/** The credentials of a tree that only one suite uses. */
export const credentials: Layer.Layer<Credentials.Credentials> = Layer.effect(
  Credentials.Credentials,
  Effect.sync(() => ({
    ...Credentials.make({ tree: "suite" }),
    run: `${process.pid}-${Crypto.randomBytes(4).toString("hex")}`
  }))
)
