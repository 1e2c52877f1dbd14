/**
 * Makes the hosts of a test network on one computer: network namespaces that a router joins. The router of the test
 * network drops the packets of a cut link without an answer, as a broken cable does.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"

/** The error of a failed command for the test network, with the output of the command. */
export class NetworkError
  extends Data.TaggedError("NetworkError")<{ readonly command: string; readonly said: string }>
{
  override get message(): string {
    return `"${this.command}" failed: ${this.said}`
  }
}

/** One host of the test network, which is a network namespace with a name. */
export interface Host {
  readonly name: string
  /** The IPv4 address of a host in the test network. */
  readonly address: string
  /** The command that runs a program on one host of the test network. */
  readonly through: ReadonlyArray<string>
}

export interface Network<Name extends string> {
  readonly hosts: Readonly<Record<Name, Host>>
  /**
   * Drops all further packets that the host `from` sends to the host `to`. Packets in the opposite direction of a cut
   * still arrive.
   */
  readonly cut: (from: Host, to: Host) => Effect.Effect<void, NetworkError>
  /** Restores all links of the test network that were cut. */
  readonly heal: Effect.Effect<void, NetworkError>
}

/** Returns the reason why this computer cannot have hosts of a test network, or undefined where it can. */
export const cannot = (): string | undefined => {
  if (process.platform !== "linux") return "network namespaces are Linux's"
  if (process.geteuid?.() !== 0) return "network namespaces need root"
  const { error, status } = ChildProcess.spawnSync("ip", ["netns", "list"])
  if (error !== undefined) return "there is no command `ip` (Debian has it in iproute2)"
  return status === 0 ? undefined : "`ip netns` fails here"
}

const run = (command: string, input = ""): Effect.Effect<void, NetworkError> =>
  Effect.suspend(() => {
    const [file = "", ...args] = command.split(" ")
    const { error, status, stderr } = ChildProcess.spawnSync(file, args, { encoding: "utf8", input })
    return status === 0
      ? Effect.void
      : Effect.fail(new NetworkError({ command, said: error?.message ?? stderr.trim() }))
  })

const runAll = (commands: ReadonlyArray<string>) =>
  Effect.forEach(commands, (command) => run(command), { discard: true })

/**
 * Processes in a network namespace keep the namespace alive after its name is removed, so the processes are killed
 * first.
 */
const remove = (name: string) =>
  Effect.suspend(() => {
    const { stdout } = ChildProcess.spawnSync("ip", ["netns", "pids", name], { encoding: "utf8" })
    for (const pid of (stdout ?? "").split("\n").filter((line) => line !== "")) {
      try {
        process.kill(Number(pid), "SIGKILL")
      } catch {
        // The kill of a process in a network namespace has no effect where the process has already ended.
      }
    }
    return Effect.ignore(run(`ip netns del ${name}`))
  })

const namespace = (name: string) => Effect.acquireRelease(run(`ip netns add ${name}`), () => remove(name))

const prefix = "furrow"

/** Returns the names of the namespaces that test networks on this computer have. */
export const namespaces = (): ReadonlyArray<string> => {
  try {
    return Fs.readdirSync("/var/run/netns").filter((name) => name.startsWith(`${prefix}-`))
  } catch {
    return []
  }
}

/** Removes the network namespaces that killed test processes have left behind. */
const sweep = Effect.suspend(() =>
  Effect.forEach(namespaces().filter((name) => !Fs.existsSync(`/proc/${name.split("-")[1]}`)), remove, {
    discard: true
  })
)

/**
 * The number of test networks that this process has made, which is contained in the names of their network namespaces.
 */
let networks = 0

/**
 * Returns the first three bytes of the addresses of a host in the test network. Several test networks may use the same
 * addresses, because no packet leaves the namespaces of a network.
 */
const subnet = (host: number) => `10.77.${host}`

/**
 * Makes hosts with the given names, and a router that joins the hosts. The namespaces of the test network, their links
 * and their processes are removed when the Scope closes.
 */
export const make = <const Name extends string>(
  names: ReadonlyArray<Name>
): Effect.Effect<Network<Name>, NetworkError, Scope.Scope> =>
  Effect.gen(function*() {
    yield* sweep
    const own = `${prefix}-${process.pid}-${++networks}`
    const router = `${own}-router`
    yield* namespace(router)
    const hosts: Partial<Record<Name, Host>> = {}
    for (const [index, name] of names.entries()) {
      const place = `${own}-${name}`
      const [gateway, address, link] = [`${subnet(index + 1)}.1`, `${subnet(index + 1)}.2`, `to-${index + 1}`]
      yield* namespace(place)
      yield* runAll([
        `ip link add ${link} netns ${router} type veth peer name eth0 netns ${place}`,
        `ip -n ${router} addr add ${gateway}/24 dev ${link}`,
        `ip -n ${router} link set ${link} up`,
        `ip -n ${place} addr add ${address}/24 dev eth0`,
        `ip -n ${place} link set eth0 up`,
        `ip -n ${place} link set lo up`,
        `ip -n ${place} route add default via ${gateway}`
      ])
      hosts[name] = { name, address, through: ["ip", "netns", "exec", place] }
    }
    yield* run(`ip netns exec ${router} tee /proc/sys/net/ipv4/ip_forward`, "1")
    const rules = new Set<string>()
    const cut = (from: Host, to: Host) => {
      const rule = `from ${from.address} to ${to.address} blackhole`
      if (rules.has(rule)) return Effect.void
      return Effect.tap(run(`ip -n ${router} rule add ${rule}`), () => Effect.sync(() => void rules.add(rule)))
    }
    const heal = Effect.suspend(() =>
      Effect.forEach([...rules], (rule) =>
        Effect.tap(
          run(`ip -n ${router} rule del ${rule}`),
          () => Effect.sync(() => void rules.delete(rule))
        ), { discard: true })
    )
    return { hosts: hosts as Record<Name, Host>, cut, heal }
  })
