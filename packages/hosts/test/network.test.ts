import { assert, describe, it } from "@effect/vitest"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import * as Path from "node:path"
import * as Network from "../src/network.ts"

const problem = Network.cannot()

/** A program on one host that sends a number to another host every 20 ms, and prints each number that it receives. */
const talker = `
import { createSocket } from "node:dgram"
const [own, other] = process.argv.slice(2)
const socket = createSocket("udp4")
let sent = 0
socket.on("message", (data) => console.log("heard " + data))
socket.on("error", (error) => console.log(error.message))
socket.bind(4711, own, () => setInterval(() => socket.send(String(++sent), 4711, other, () => {}), 20))
`

/** Returns the largest number that a program has received. */
const heard = (program: Program.Program) => Number(/heard (\d+)\s*$/.exec(program.stdout())?.[1] ?? 0)

const rises = (what: string, program: Program.Program) =>
  Effect.suspend(() => {
    const before = heard(program)
    return Eventually.holds(what, () => heard(program) > before, { within: "30 seconds" })
  })

/** Fails if one side receives more numbers while another side receives three more. */
const stands = (silent: Program.Program, lively: Effect.Effect<void, Eventually.NotInTime>) =>
  Effect.gen(function*() {
    // A packet that was sent before the cut may still arrive, so the count begins later.
    yield* lively
    const before = heard(silent)
    yield* lively.pipe(Effect.repeat({ times: 2 }))
    assert.strictEqual(heard(silent), before)
  })

describe.skipIf(problem !== undefined)(
  "A test network of network namespaces drops packets between its hosts while it is cut",
  () => {
    it.live(
      "a cut of the test network drops packets in one direction only, until the cut is healed, and no network namespace is left",
      () =>
        Effect.gen(function*() {
          yield* Effect.scoped(Effect.gen(function*() {
            const { cut, heal, hosts } = yield* Network.make(["east", "west"])
            const folder = yield* Folder.make({ "talker.mjs": talker })
            const start = (host: Network.Host, other: Network.Host) =>
              Program.start(Path.join(folder, "talker.mjs"), {
                args: [host.address, other.address],
                through: host.through
              })
            const [east, west] = [yield* start(hosts.east, hosts.west), yield* start(hosts.west, hosts.east)]
            const [eastHears, westHears] = [rises("east hears west", east), rises("west hears east", west)]
            yield* Effect.all([eastHears, westHears])

            yield* cut(hosts.east, hosts.west)
            yield* stands(west, eastHears)
            yield* heal
            yield* Effect.all([eastHears, westHears])

            yield* cut(hosts.west, hosts.east)
            yield* stands(east, westHears)
            yield* heal
            yield* Effect.all([eastHears, westHears])
          }))
          assert.deepStrictEqual(Network.namespaces().filter((name) => name.startsWith(`furrow-${process.pid}-`)), [])
        }),
      120_000
    )
  }
)
