/**
 * Certificates of a run of attacks over TLS: the right certificate of the tree's host, and wrong certificates that an
 * attacker could have. Each run of attacks makes new certificates.
 */
import * as Certificates from "@furrow/testing/Certificates"
import * as Fs from "node:fs"
import type * as Tls from "node:tls"

const hosts = ["127.0.0.1"]

/**
 * The number of bytes at the beginning of a private key that a search for the leaked key skips, because all Ed25519
 * keys begin alike.
 */
const keyOffset = 18

const shown = ({ key, pem }: Certificates.Signed): Tls.SecureContextOptions => ({
  cert: pem,
  key: key.export({ type: "pkcs8", format: "pem" }) as string
})

export interface Run {
  /** Paths of the files that hold the certificate and the key of the tree's host. */
  readonly files: Certificates.Files
  /** The random bytes of the private key of the tree's host. */
  readonly secret: Uint8Array
  /** A certificate that the tree's authority has signed for a holder that is no member of the tree. */
  readonly right: Tls.ConnectionOptions
  /** Wrong certificates that a stranger shows to a listener of the tree, each under the name of its fault. */
  readonly wrong: Readonly<Record<string, Tls.ConnectionOptions>>
  /** Wrong certificates that an impostor shows to a dialler of the tree, each under the name of its fault. */
  readonly impostors: Readonly<Record<string, Tls.SecureContextOptions>>
  /** The certificate and the authority of a relay, which both ends of the relay's TLS connections trust. */
  readonly relay: Tls.SecureContextOptions
}

/** Makes the certificates of a run of attacks, and writes the files of the tree's host into a new folder. */
export const make = (folder: string): Run => {
  Fs.mkdirSync(folder, { mode: 0o700 })
  const authority = Certificates.sign({ name: "authority" })
  const stranger = Certificates.sign({ name: "another authority" })
  const host = Certificates.sign({ name: "host", hosts, by: authority })
  const expired = shown(Certificates.sign({ name: "m", hosts, by: authority, hours: [-3, -1] }))
  const foreign = shown(Certificates.sign({ name: "m", hosts, by: stranger }))
  const own = shown(Certificates.sign({ name: "m", hosts }))
  const right = shown(Certificates.sign({ name: "m", hosts, by: authority }))
  const elsewhere = Certificates.sign({ name: "m", hosts: ["127.0.0.2", "db1.internal"], by: authority })
  return {
    files: Certificates.write(folder, authority, host),
    secret: new Uint8Array(host.key.export({ type: "pkcs8", format: "der" }).subarray(keyOffset)),
    right,
    wrong: {
      "no certificate": {},
      "another authority": foreign,
      "signed by itself": own,
      "signed by a host": shown(Certificates.sign({ name: "m", hosts, by: host })),
      "expired": expired,
      "not valid yet": shown(Certificates.sign({ name: "m", hosts, by: authority, hours: [1, 3] })),
      "TLS 1.2": { ...right, maxVersion: "TLSv1.2" }
    },
    impostors: {
      "another host's": shown(elsewhere),
      "another authority's": foreign,
      "its own authority's": own,
      "expired": expired
    },
    relay: { ...right, ca: authority.pem }
  }
}
