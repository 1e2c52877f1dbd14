/** The calls that echo a payload, as procedures of Effect's rpc. */
import * as Effect from "effect/Effect"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import { Row, User } from "../payloads.ts"

export class Echoes extends RpcGroup.make(
  Rpc.make("user", { payload: User, success: User }),
  Rpc.make("text", { payload: { value: Schema.String }, success: Schema.String }),
  Rpc.make("bytes", { payload: { value: Schema.Uint8Array }, success: Schema.Uint8Array }),
  Rpc.make("rows", { payload: { value: Schema.Array(Row) }, success: Schema.Array(Row) })
) {}

const same = <A>({ value }: { readonly value: A }) => Effect.succeed(value)

export const handlers = Echoes.toLayer({
  user: (payload) => Effect.succeed(payload),
  text: same,
  bytes: same,
  rows: same
})
