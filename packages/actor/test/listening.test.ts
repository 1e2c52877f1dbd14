import { assert, describe, it } from "@effect/vitest"
import { Peers } from "@furrow/actor/internal/discovery/Peers"
import { makeEvents } from "@furrow/actor/internal/inspect/ActorEvent"
import * as Network from "@furrow/actor/internal/transport/Network"
import { type Listener, TransportError } from "@furrow/actor/internal/transport/Transport"
import * as Effect from "effect/Effect"
import { idOf } from "./support/Wire.ts"

/** An actor whose transport listens when this says so. */
const listening = (listen: () => Effect.Effect<Listener, TransportError>) =>
  Effect.map(Effect.context<never>(), (context) =>
    new Peers({
      self: idOf("self"),
      network: Network.make([{
        listen,
        dials: () => false,
        dial: () => Effect.die("nobody dials here")
      }], undefined),
      events: makeEvents(),
      context,
      locate: () => Effect.die("nobody is looked for here"),
      relative: () => undefined,
      serve: () => {
        throw new Error("nobody is served here")
      },
      cancelActor: () => {}
    }))

const refused = new TransportError({ gone: false, reason: "the folder is somebody else's" })

describe("an actor that cannot listen", () => {
  it.effect.each<readonly [when: string, first: Effect.Effect<void>]>([
    ["at once", Effect.void],
    ["after a while", Effect.yieldNow]
  ])("whoever asks where it listens hears why, where that is known $0", ([, first]) =>
    Effect.gen(function*() {
      let attempts = 0
      const peers = yield* listening(() =>
        Effect.suspend(() => {
          attempts++
          return Effect.andThen(first, Effect.fail(refused))
        })
      )
      assert.strictEqual((yield* Effect.flip(peers.addresses)).reason, refused.reason)
      // It may have been helped meanwhile: the next one who asks makes it try again.
      assert.strictEqual((yield* Effect.flip(peers.addresses)).reason, refused.reason)
      assert.strictEqual(attempts, 2)
    }))
})
