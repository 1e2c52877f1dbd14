import { assert, describe, it } from "@effect/vitest"
import * as Actor from "@furrow/actor/Actor"
import * as MemoryActor from "@furrow/actor/MemoryActor"
import * as Timeouts from "@furrow/actor/Timeouts"
import * as NodeTransport from "@furrow/node/NodeTransport"
import * as Certificates from "@furrow/testing/Certificates"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import * as Os from "node:os"
import { redirected } from "./fixtures/between.ts"
import * as Cutter from "./fixtures/cutter.ts"
import { attach, plant, visit } from "./fixtures/peers.ts"
import { evidence } from "./support.ts"

/** An address of this host that is not on the loopback. */
const outside = Object.values(Os.networkInterfaces()).flat().find((at) =>
  at?.internal === false && at.family === "IPv4"
)

const authority = Certificates.sign({ name: "authority" })

const transports = {
  tls: {
    host: "127.0.0.1",
    layer: Effect.map(Folder.make(), (folder) => {
      const host = Certificates.sign({ name: "host", hosts: ["127.0.0.1"], by: authority })
      return NodeTransport.layerTls({ host: "127.0.0.1", ...Certificates.write(folder, authority, host) })
    })
  },
  tcp: {
    host: outside?.address,
    layer: Effect.sync(() => NodeTransport.layerTcp({ host: outside!.address, insecure: "I know" }))
  }
}

/**
 * Starts two actors whose connection goes through a proxy, with an open call, stream and dialog from one to the other.
 */
const overCable = (host: string, layer: (typeof transports)["tls"]["layer"], cut: Cutter.Cut) =>
  Effect.gen(function*() {
    const cable = yield* Cutter.cable
    const file = yield* evidence
    const moved = (address: string) => {
      const parts = address.split("/")
      return Effect.map(cable.to(host, Number(parts[4])), (port) => parts.with(4, String(port)).join("/"))
    }
    const transport = redirected(yield* layer, moved)
    return yield* Actor.nursery(Effect.gen(function*() {
      const { a, b } = yield* plant(["a", "b"])
      const open = yield* Effect.forkChild(a!.run(attach({ name: "b", file, label: "open" })))
      const runs = () => Fs.existsSync(file) && Fs.readFileSync(file, "utf8").match(/ runs/g)?.length === 3
      yield* Eventually.holds("all three are open", runs, { within: "30 seconds" })
      cable.cut(cut)
      const ended = yield* Fiber.join(open)
      const dialled = cable.count()
      cable.cut("neither")
      const again = yield* a!.run(visit({ to: b!.ref as never, n: 3 }))
      return { ended, again, dialledAgain: cable.count() > dialled }
    })).pipe(
      Effect.provide(MemoryActor.layer.pipe(Layer.provide(transport))),
      Timeouts.provide({ silence: 1_000 })
    )
  })

for (const [name, { host, layer }] of Object.entries(transports)) {
  describe.skipIf(host === undefined)(
    `Every open call between two actors fails when the network connection between them is cut (over ${name})`,
    () => {
      const rows = [["both", "Silent"], ["there", "ConnectionClosed"], ["back", "Silent"]] as const
      for (const [cut, how] of rows) {
        it.live(
          `G236: when a network connection is cut, every open call over it fails with ActorLost, and the actors connect again after the repair (over ${name}, cut: ${cut})`,
          () =>
            Effect.gen(function*() {
              const { again, dialledAgain, ended } = yield* overCable(host!, layer, cut)
              assert.deepStrictEqual(ended, ["call", "stream", "dialog"].map((verb) => `${verb}: ActorLost b: ${how}`))
              assert.deepStrictEqual([again, dialledAgain], [process.pid, true])
            }),
          60_000
        )
      }
    }
  )
}
