/**
 * A probe asks which actor listens at an address; both sides of the probe prove that they know the secret of the tree,
 * as other peers do. Calls to the found actor use another connection than the probe.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { hello } from "../channel/Greeting.ts"
import { PeerChannel } from "../channel/PeerChannel.ts"
import type { ActorId } from "../errors/ActorError.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import type { Address, Connection } from "../transport/Transport.ts"
import { refusalOf } from "./Greetings.ts"
import { authOf, type NotThere, type PeersOptions } from "./Peers.ts"

type Options = Pick<PeersOptions, "context" | "events" | "network" | "self">

const greeted = ({ context, events, network, self }: Options, connection: Connection) =>
  Effect.callback<ActorId, NotThere>((resume) => {
    const auth = authOf(network, connection)
    const handshake = { side: "dialler", hello: hello(self, "probe"), auth } as const
    const channel = new PeerChannel({ connection, role: "peer", context, handshake, events })
    channel.onHandshake((result) => {
      const actor = channel.peer
      channel.destroy()
      if (result._tag === "Open") return resume(Effect.succeed(actor))
      const why = result._tag === "Refused" ? "refused" : "transport"
      resume(Effect.fail({ gone: false, why, reason: refusalOf(result) }))
    })
    return Effect.sync(() => channel.destroy())
  })

/** Returns the identity of the actor that listens at the first address that answers. */
export const identify = (options: Options, addresses: ReadonlyArray<Address>): Effect.Effect<ActorId, NotThere> => {
  const { connect } = Context.get(options.context, Timeouts)
  const reason = `no answer within ${connect} ms (Timeouts.connect)`
  return Effect.timeoutOrElse(
    Effect.flatMap(options.network.dial(addresses), (connection) => greeted(options, connection)),
    { duration: connect, orElse: () => Effect.fail<NotThere>({ gone: false, why: "timeout", reason }) }
  )
}
