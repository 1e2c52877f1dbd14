/** Proves to a peer that an actor knows the secret of its tree. */
import type { Authenticator } from "@furrow/protocol/Handshake"
import * as Builtins from "./builtins.ts"

const nonceBytes = 32

/**
 * Returns the authenticator of one connection, which proves that an actor knows the secret of its tree. The random
 * nonce of each authenticator is new, so that no greeting is signed twice.
 */
export const authenticator = (secret: Uint8Array): Authenticator => ({
  nonce: new Uint8Array(Builtins.crypto().randomBytes(nonceBytes)),
  mac: (data) => new Uint8Array(Builtins.crypto().createHmac("sha256", secret).update(data).digest())
})
