/**
 * An address is a text that says how an actor is reached, in one of these forms:
 *
 *   /unix/<absolute path>     /ip4/<literal>/tcp/<port>     /ip6/<literal>/tcp/<port>     /memory/<key>
 *                             /dns4/<name>/tcp/<port>       each with /tls behind it where the connection is TLS
 *
 * The process that dials an address resolves the host name in it, so a host name may mean different computers for
 * different diallers. The function `parse` keeps an address letter by letter, so the function `format` returns the text
 * that the function `parse` has read.
 *
 * @since 0.1.0
 */

/**
 * A parsed address of an actor: a Unix socket, a TCP host and port with or without TLS, or a key in memory.
 *
 * @category models
 * @since 0.1.0
 */
export type Address = Unix | Tcp | Tls | Memory

/**
 * A Unix socket in the file system; the field `path` is an absolute path.
 *
 * @category models
 * @since 0.1.0
 */
export interface Unix {
  readonly _tag: "Unix"
  readonly path: string
}
/**
 * A TCP address; the field `host` is an IPv4 or IPv6 literal or a host name. A listener asks with port 0 for any free
 * port; a dialler cannot use port 0.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tcp {
  readonly _tag: "Tcp"
  readonly host: string
  readonly port: number
}
/**
 * A TCP address whose connections use TLS.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tls {
  readonly _tag: "Tls"
  readonly host: string
  readonly port: number
}
/**
 * The address of a listener in the memory of this process.
 *
 * @category models
 * @since 0.1.0
 */
export interface Memory {
  readonly _tag: "Memory"
  readonly key: string
}

/**
 * The result of the function `parse`: the parsed address, or the fault of the text together with the form that is
 * expected.
 *
 * @category models
 * @since 0.1.0
 */
export type Parsed =
  | { readonly ok: true; readonly value: Address }
  | { readonly ok: false; readonly issue: string }

/**
 * The use of an address: an actor dials the address, or listens at the address.
 *
 * @category models
 * @since 0.1.0
 */
export interface ParseOptions {
  /** True for the address of a listener, which may have port 0 and may not have a host name. */
  readonly bind?: boolean | undefined
}

/**
 * Parses the text of one address; the issue of a failed parse names the fault and the form that is expected.
 *
 * @example
 * ```ts
 * Address.parse("/ip4/10.0.0.4/tcp/4711") // { ok: true, value: { _tag: "Tcp", host: "10.0.0.4", port: 4711 } }
 * Address.parse("/ip4/10.0.0.4/tcp/0").ok // false
 * Address.parse("/ip4/10.0.0.4/tcp/0", { bind: true }).ok // true
 * ```
 * @category codecs
 * @since 0.1.0
 */
export const parse = (text: string, options: ParseOptions = {}): Parsed => {
  const [before, protocol = "", ...rest] = text.split("/")
  if (before !== "" || protocol === "") {
    return bad(text, "an address begins with a slash and a protocol", Object.values(forms))
  }
  switch (protocol) {
    case "unix":
      return parseUnix(text)
    case "ip4":
    case "ip6":
    case "dns4":
      return parseTcp(text, protocol, rest, options.bind === true)
    case "memory":
      return parseMemory(text, rest)
    default:
      return bad(text, `unsupported protocol "${protocol}"`, Object.values(forms))
  }
}

/**
 * Returns an address as text, which the function `parse` can read.
 *
 * @example
 * ```ts
 * Address.format({ _tag: "Unix", path: "/run/anna.sock" }) // "/unix/run/anna.sock"
 * ```
 * @category codecs
 * @since 0.1.0
 */
export const format = (address: Address): string => {
  switch (address._tag) {
    case "Unix":
      return `/unix${address.path}`
    case "Tcp":
      return `/${kindOf(address.host)}/${address.host}/tcp/${address.port}`
    case "Tls":
      return `/${kindOf(address.host)}/${address.host}/tcp/${address.port}/tls`
    case "Memory":
      return `/memory/${address.key}`
  }
}

/**
 * True when only this computer can reach the address: a socket in the file system, a listener in memory, or a host of
 * the loopback network. An address with a host name counts as reachable from other computers.
 *
 * @example
 * ```ts
 * Address.isLoopback({ _tag: "Unix", path: "/run/anna.sock" }) // true
 * Address.isLoopback({ _tag: "Tcp", host: "db.example", port: 4711 }) // false
 * ```
 * @category predicates
 * @since 0.1.0
 */
export const isLoopback = (address: Address): boolean => "host" in address ? isLoopbackHost(address.host) : true

/**
 * True when an IPv4 or IPv6 literal is a host of the loopback network.
 *
 * @example
 * ```ts
 * Address.isLoopbackHost("127.0.0.1") // true
 * Address.isLoopbackHost("10.0.0.4") // false
 * ```
 * @category predicates
 * @since 0.2.0
 */
export const isLoopbackHost = (host: string): boolean => {
  const ip4 = readIp4(host)
  if (ip4 !== undefined) return ip4[0] === 127
  const ip6 = readIp6(host)
  if (ip6 === undefined || ip6.slice(0, 5).some((group) => group !== 0)) return false
  // An IPv6 literal that contains an IPv4 address reaches the same host as the IPv4 address alone.
  if (ip6[5] === 0xffff) return ip6[6]! >> 8 === 127
  return ip6[5] === 0 && ip6[6] === 0 && ip6[7] === 1
}

// ---- forms --------------------------------------------------------------------------------------------------------

const forms = {
  unix: "/unix/<absolute path>",
  ip4: "/ip4/<IPv4 literal>/tcp/<port>[/tls]",
  ip6: "/ip6/<IPv6 literal>/tcp/<port>[/tls]",
  dns4: "/dns4/<name>/tcp/<port>[/tls]",
  memory: "/memory/<key>"
} as const

const bad = (text: string, issue: string, expected: ReadonlyArray<string>): Parsed => ({
  ok: false,
  issue: `${JSON.stringify(text)}: ${issue}. Write ${expected.join(" or ")}`
})

const good = (value: Address): Parsed => ({ ok: true, value })

const parseUnix = (text: string): Parsed => {
  const path = text.slice("/unix".length)
  if (path === "" || path.endsWith("/")) return bad(text, "the path names no file", [forms.unix])
  return path.includes("\0")
    ? bad(text, "a path cannot hold the character 0", [forms.unix])
    : good({ _tag: "Unix", path })
}

const parseMemory = (text: string, rest: ReadonlyArray<string>): Parsed => {
  const [key = "", ...more] = rest
  if (key === "") return bad(text, "the key is missing", [forms.memory])
  return more.length > 0
    ? bad(text, `unsupported protocol combination memory/${more[0]}`, [forms.memory])
    : good({ _tag: "Memory", key })
}

type HostKind = keyof typeof hosts

const hosts = {
  ip4: { what: "IPv4 literal", isHost: (host: string) => readIp4(host) !== undefined },
  ip6: { what: "IPv6 literal", isHost: (host: string) => readIp6(host) !== undefined },
  dns4: { what: "name of a host", isHost: (host: string) => isName(host) }
} as const

const kindOf = (host: string): HostKind => host.includes(":") ? "ip6" : readIp4(host) === undefined ? "dns4" : "ip4"

const parseTcp = (text: string, kind: HostKind, rest: ReadonlyArray<string>, bind: boolean): Parsed => {
  const [host = "", transport, port = "", ...above] = rest
  const expected = [forms[kind]]
  if (transport !== "tcp" || above.length > 1 || (above.length === 1 && above[0] !== "tls")) {
    const combination = [kind, transport ?? "nothing", ...above.filter((_, i) => i % 2 === 0)].join("/")
    return bad(text, `unsupported protocol combination ${combination}`, expected)
  }
  const { isHost, what } = hosts[kind]
  if (!isHost(host)) return bad(text, `${JSON.stringify(host)} is no ${what}`, expected)
  const number = readDecimal(port, 65535)
  if (number === undefined) return bad(text, `${JSON.stringify(port)} is no port from 1 to 65535`, expected)
  if (bind) {
    return kind === "dns4"
      ? bad(text, "a name is for dialling only: several machines may have it", [forms.ip4, forms.ip6])
      : good({ _tag: above.length === 1 ? "Tls" : "Tcp", host, port: number })
  }
  return number === 0
    ? bad(text, "port 0 is for listening only: no actor answers there", expected)
    : good({ _tag: above.length === 1 ? "Tls" : "Tcp", host, port: number })
}

// ---- literals -----------------------------------------------------------------------------------------------------

/** Reads a decimal number without sign, spaces and leading zeros, because some parsers read a leading zero as octal. */
const readDecimal = (text: string, max: number): number | undefined =>
  /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= max ? Number(text) : undefined

const readIp4 = (text: string): ReadonlyArray<number> | undefined => {
  const parts = text.split(".").map((part) => readDecimal(part, 255))
  return parts.length === 4 ? all(parts) : undefined
}

/**
 * A host name in an address consists of labels of letters, digits and hyphens. The last label of a host name is no
 * number, so that no name looks like an IPv4 literal.
 */
const isName = (text: string): boolean =>
  text.length <= 253 &&
  /^(?:[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?\.)*(?!\d+$)[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/i.test(text)

/**
 * Returns the eight groups of an IPv6 literal. A literal with a zone (`%eth0`) is refused, because a zone names a
 * network interface of one computer.
 */
const readIp6 = (text: string): ReadonlyArray<number> | undefined => {
  const halves = text.split("::")
  if (halves.length > 2) return undefined
  const [head, tail] = halves.map((half, i) => readGroups(half, i === halves.length - 1))
  if (head === undefined || halves.length === 1) return head?.length === 8 ? head : undefined
  // "::" in an IPv6 literal stands for at least one group of zeros.
  if (tail === undefined || head.length + tail.length > 7) return undefined
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail]
}

const readGroups = (text: string, isLast: boolean): ReadonlyArray<number> | undefined => {
  if (text === "") return []
  return all(
    text.split(":").flatMap((group, i, groups): ReadonlyArray<number | undefined> => {
      if (/^[0-9a-fA-F]{1,4}$/.test(group)) return [Number.parseInt(group, 16)]
      const ip4 = isLast && i === groups.length - 1 ? readIp4(group) : undefined
      return ip4 === undefined ? [undefined] : [ip4[0]! << 8 | ip4[1]!, ip4[2]! << 8 | ip4[3]!]
    })
  )
}

const all = (values: ReadonlyArray<number | undefined>): ReadonlyArray<number> | undefined =>
  values.every((value) => value !== undefined) ? values : undefined
