/** Tests large payloads between processes: they are sent in parts, and delay nothing else on their connection. */
import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorError } from "@furrow/actor"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { hang, mirror, nod, torn } from "./fixtures/large.ts"
import { withActors } from "./support.ts"

const expose = [hang, mirror, nod, torn] as const
type Portal = Actor.Portal<typeof expose[number]>

const withBob = <A, E>(body: (bob: Portal) => Effect.Effect<A, E, Actor.ActorRuntime>) =>
  withActors(Actor.nursery(Effect.flatMap(Actor.start("bob", { expose }), body)))

const MiB = 1024 * 1024
const patterned = (size: number, seed: number) =>
  Uint8Array.from({ length: size }, (_, i) => (i >>> 10) + i + seed & 255)

describe("A large payload of a call is sent in parts between other words", () => {
  it.live("a large payload arrives whole in both directions while other large and small calls are made", () =>
    withBob((bob) =>
      Effect.gen(function*() {
        const sent = [5 * MiB, 2 * MiB, 70_000, 64 * 1024, 12 * MiB + 17, 1_200_000].map(patterned)
        const small = Effect.forever(bob.run(nod()))
        const echoes = Effect.forEach(sent, (bytes) => bob.run(mirror({ bytes })), { concurrency: "unbounded" })
        const heard = yield* Effect.raceFirst(echoes, small)
        heard.forEach((bytes, i) => assert.isTrue(Buffer.compare(bytes, sent[i]!) === 0, `${sent[i]!.length} bytes`))
      })
    ))

  it.live("G229: a large payload arrives with the value that it had when its call began, although its sender changes the value later", () =>
    withBob((bob) =>
      Effect.gen(function*() {
        const bytes = new Uint8Array(24 * MiB).fill(1)
        const call = yield* Effect.forkChild(bob.run(torn({ bytes })), { startImmediately: true })
        bytes.fill(2)
        // Detaches the buffer, whose memory then belongs to another one.
        structuredClone(bytes, { transfer: [bytes.buffer] })
        assert.strictEqual(yield* Fiber.join(call), 0)
        assert.isTrue(yield* bob.run(nod()))
      })
    ))

  it.live("G225: the cancel of another call overtakes a large payload on the same connection", () =>
    withBob((bob) =>
      Effect.gen(function*() {
        const hanging = yield* Effect.forkChild(bob.run(hang()), { startImmediately: true })
        yield* bob.run(nod())
        let isThere = false
        const large = yield* Effect.forkChild(
          Effect.tap(
            bob.run(torn({ bytes: new Uint8Array(60 * MiB) })),
            () => Effect.sync(() => void (isThere = true))
          ),
          { startImmediately: true }
        )
        yield* Fiber.interrupt(hanging)
        assert.isFalse(isThere)
        assert.strictEqual(yield* Fiber.join(large), 0)
      })
    ))

  it.live("G228: a call that is cancelled while its large payload is being sent has not begun, and the connection stays usable", () =>
    withBob((bob) =>
      Effect.gen(function*() {
        for (const size of [60, 20, 3]) {
          const call = yield* Effect.forkChild(bob.run(torn({ bytes: new Uint8Array(size * MiB) })), {
            startImmediately: true
          })
          yield* Fiber.interrupt(call)
          const exit = yield* Fiber.await(call)
          assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
          assert.isTrue(yield* bob.run(nod()))
        }
      })
    ))

  it.live("a call whose actor dies before the call's large payload has arrived fails with an ActorLost that says that the call has not begun", () =>
    withBob((bob) =>
      Effect.gen(function*() {
        const call = yield* Effect.forkChild(Effect.flip(bob.run(torn({ bytes: new Uint8Array(60 * MiB) }))), {
          startImmediately: true
        })
        process.kill(bob.actor.pid, "SIGKILL")
        const error = yield* Fiber.join(call)
        assert.instanceOf(error, ActorError.ActorLost)
        assert.strictEqual((error as ActorError.ActorLost).began, "no")
      })
    ).pipe(Effect.exit))
})
