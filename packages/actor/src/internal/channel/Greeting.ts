/**
 * How a side of a connection presents itself: the same for all of this runtime but for who it is, and as what it dials.
 *
 * @since 0.1.0
 */
import { capability } from "@furrow/protocol/Arrival"
import { defaultMaxFrame } from "@furrow/protocol/Frame"
import { type Hello, version, type Welcome } from "@furrow/protocol/Message"
import type { ActorId } from "../errors/ActorError.ts"

const common = { version, capabilities: [capability], maxFrame: defaultMaxFrame }

/** The handshake puts a nonce in where there is something to prove. */
export const hello = (actor: ActorId, role: Hello["role"]): Hello => ({
  _tag: "Hello",
  ...common,
  actor,
  role,
  nonce: null
})

/** The handshake puts the proof in. */
export const welcome = (actor: ActorId): Welcome => ({ _tag: "Welcome", ...common, actor, proof: null })
