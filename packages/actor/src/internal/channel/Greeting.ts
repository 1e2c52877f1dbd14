/**
 * Makes the `Hello` and the `Welcome` with which the two sides of a connection present themselves.
 *
 * @since 0.1.0
 */
import { capability } from "@furrow/protocol/Arrival"
import { defaultMaxFrame } from "@furrow/protocol/Frame"
import { type Hello, version, type Welcome } from "@furrow/protocol/Message"
import type { ActorId } from "../errors/ActorError.ts"

const common = { version, capabilities: [capability], maxFrame: defaultMaxFrame }

/**
 * Makes the `Hello` of a dialler. The handshake adds a nonce to the `Hello` if the dialler must prove that it knows the
 * secret of the tree.
 */
export const hello = (actor: ActorId, role: Hello["role"]): Hello => ({
  _tag: "Hello",
  ...common,
  actor,
  role,
  nonce: null
})

/**
 * Makes the `Welcome` of an acceptor. The handshake adds to the `Welcome` the proof that the acceptor knows the secret
 * of the tree.
 */
export const welcome = (actor: ActorId): Welcome => ({ _tag: "Welcome", ...common, actor, proof: null })
