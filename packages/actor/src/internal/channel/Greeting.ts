/**
 * The `Hello` and the `Welcome` with which a side of a connection presents itself. They differ only in the actor and,
 * for a `Hello`, in the role in which it dials.
 *
 * @since 0.1.0
 */
import { capability } from "@furrow/protocol/Arrival"
import { defaultMaxFrame } from "@furrow/protocol/Frame"
import { type Hello, version, type Welcome } from "@furrow/protocol/Message"
import type { ActorId } from "../errors/ActorError.ts"

const common = { version, capabilities: [capability], maxFrame: defaultMaxFrame }

/** The `Hello` of this side. The handshake adds a nonce where a secret has to be proven. */
export const hello = (actor: ActorId, role: Hello["role"]): Hello => ({
  _tag: "Hello",
  ...common,
  actor,
  role,
  nonce: null
})

/** The `Welcome` of this side. The handshake adds the proof that the secret is known. */
export const welcome = (actor: ActorId): Welcome => ({ _tag: "Welcome", ...common, actor, proof: null })
