/**
 * Listens at a network address: at one host, and at a free port of a range. The address that other actors get may
 * contain another host.
 */
import { TransportError } from "@furrow/actor/Transport"
import * as Address from "@furrow/protocol/Address"
import * as Effect from "effect/Effect"
import type * as Net from "node:net"
import * as Socket from "./socket.ts"

/** The settings of the address at which actors listen, which every actor of a tree gets. */
export interface Place {
  readonly host: string
  /**
   * The first and the last port of the range at which an actor may listen. By default an actor listens at any free port
   * of its host.
   */
  readonly ports?: readonly [first: number, last: number] | undefined
  /**
   * The host in the addresses that other actors get and dial. By default the addresses for other actors contain the
   * setting `host`.
   */
  readonly advertise?: string | undefined
}

const isPort = (port: unknown): boolean => Number.isInteger(port) && (port as number) > 0 && (port as number) < 65_536

const isWildcard = (host: string): boolean => /^[0:.]+$/.test(host) && !/[1-9a-f]/i.test(host)

/** Returns the fault in the settings of a listening address in words, or undefined for valid settings. */
export const problemOf = ({ advertise, host, ports }: Place): string | undefined => {
  const kind = host.includes(":") ? "ip6" : "ip4"
  if (!Address.parse(`/${kind}/${host}/tcp/0`, { bind: true }).ok) {
    return `an actor listens at an IPv4 or IPv6 literal, and ${
      JSON.stringify(host)
    } is none. A name goes into \`advertise\``
  }
  if (ports !== undefined && !(isPort(ports[0]) && isPort(ports[1]) && ports[0] <= ports[1])) {
    return `the range of ports ${JSON.stringify(ports)} is none: give the first and the last, from 1 to 65535`
  }
  if (advertise === undefined) {
    return isWildcard(host)
      ? `${host} is every host of this machine, and no host that others can dial: say which one by \`advertise\``
      : undefined
  }
  const dialled = Address.format({ _tag: "Tcp", host: advertise, port: 1 })
  return Address.parse(dialled).ok && !isWildcard(advertise)
    ? undefined
    : `others cannot dial ${JSON.stringify(advertise)}: advertise an IPv4 or IPv6 literal, or the name of a host`
}

/**
 * Listens at the first free port of a range of ports. The function `serve`, which opens a port, must not wait for a
 * peer.
 */
export const listen = <S extends Net.Server>(
  { advertise, host, ports }: Place,
  tag: "Tcp" | "Tls",
  serve: (options: Net.ListenOptions) => Effect.Effect<S, Socket.SystemError>
): Effect.Effect<readonly [server: S, address: string], TransportError> => {
  const addressOf = (port: number) => Address.format({ _tag: tag, host: advertise ?? host, port })
  const [first, last] = ports ?? [0, 0]
  const attempt = (port: number): Effect.Effect<S, TransportError> =>
    Effect.catch(serve({ host, port }), (error) => {
      if (error.code === "EADDRINUSE" && port < last) return attempt(port + 1)
      const at = Address.format({ _tag: tag, host, port })
      return Effect.fail(
        error.code === "EADDRINUSE" && last > 0
          ? new TransportError({
            gone: false,
            reason:
              `listening at ${host} failed: every port from ${first} to ${last} is taken. Give the tree a larger ` +
              "range: each actor that is dialled needs one"
          })
          : Socket.cannotListen(at, error)
      )
    })
  return Effect.map(
    attempt(first),
    (server) => [server, addressOf((server.address() as Net.AddressInfo).port)] as const
  )
}
