/** Tests the door of an actor for observers: who gets in, what is seen, and which files are left. */
import { assert, describe, it } from "@effect/vitest"
import * as Actor from "@furrow/actor/Actor"
import type { ActorInspection, Observer } from "@furrow/actor/Inspect"
import * as NodeActor from "@furrow/node/NodeActor"
import * as NodeInspect from "@furrow/node/NodeInspect"
import * as Eventually from "@furrow/testing/Eventually"
import * as WithActors from "@furrow/testing/WithActors"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { ask, wait } from "./fixtures/hatch.ts"
import { withActors } from "./support.ts"

const patient = { within: "25 seconds" } as const

const look = (pid: number) =>
  Effect.scoped(Effect.flatMap(NodeInspect.observe(pid, patient), (observer) => observer.snapshot))

/** Inspects the actor until the answer is as expected. */
const sees = (observer: Observer, check: (seen: ActorInspection) => void) =>
  Eventually.succeeds(Effect.map(observer.snapshot, check), patient)

const dialogsOf = (seen: ActorInspection, endpoint: string) =>
  seen.channels.flatMap(({ dialogs, peer }) => dialogs.map((dialog) => ({ ...dialog, peer: peer?.name })))
    .filter((dialog) => dialog.endpoint === endpoint)

/** Returns the files of doors in the folder of temporary files. */
const doorFiles = (): ReadonlyArray<string> => {
  const base = Path.join(process.env["TMPDIR"]!, `furrow-${process.geteuid!()}`)
  if (!Fs.existsSync(base)) return []
  return (Fs.readdirSync(base, { recursive: true }) as ReadonlyArray<string>).filter((path) => path.includes("/+"))
}

const secret = "the-payload-is-secret"

describe.skipIf(process.platform !== "linux")("The door of an actor lets tools look into the actor", () => {
  it.live("G246: a tool sees both ends of every dialog and the work that has opened the dialog, but no payload", () =>
    withActors(Effect.gen(function*() {
      const b = yield* Actor.startScoped("b", { expose: [wait] })
      const a = yield* Actor.startScoped("a", { expose: [ask] })
      yield* Effect.forkScoped(a.run(ask({ name: "b", secret })))
      const [atA, atB] = [
        yield* NodeInspect.observe(a.actor.pid, patient),
        yield* NodeInspect.observe(b.actor.pid, patient)
      ]
      yield* sees(atB, (seen) => assert.lengthOf(dialogsOf(seen, "wait"), 1))
      const [seenA, seenB] = [yield* atA.snapshot, yield* atB.snapshot]
      const [asked] = dialogsOf(seenA, "wait")
      const [served] = dialogsOf(seenB, "wait")
      const [outer] = dialogsOf(seenA, "ask")
      assert.deepStrictEqual([asked!.side, asked!.peer, served!.side, served!.peer], ["caller", "b", "callee", "a"])
      assert.strictEqual(asked!.id, served!.id)
      assert.deepStrictEqual(asked!.within, {
        peer: outer!.peer === undefined ? "" : seenA.ancestors[0]!.uuid,
        id: outer!.id
      })
      assert.isNotNull(served!.fiber)
      assert.isAtLeast(asked!.ageMillis, 0)
      assert.deepStrictEqual(seenA.ancestors.map(({ name }) => name), ["root"])
      assert.isAbove(seenA.process!.rssBytes, 1_000_000)
      const others = [yield* atA.metrics, yield* atA.fibers, yield* atB.metrics, yield* atB.fibers]
      assert.notInclude(JSON.stringify([seenA, seenB, others]), secret)
      // An actor shows only the stacks of its children.
      assert.match(String(yield* Effect.flip(atA.stack(b.actor.pid))), /is no child of a/)
    })))

  it.live("G246: the measured delay of an idle event loop is shorter than the time between two samples of the delay", () =>
    withActors(Effect.gen(function*() {
      const a = yield* Actor.startScoped("a", { expose: [wait] })
      const observer = yield* NodeInspect.observe(a.actor.pid, patient)
      // Each look begins the next measurement, which needs a few samples.
      const later = Effect.andThen(Eventually.pause("100 millis"), observer.snapshot)
      yield* observer.snapshot
      yield* Eventually.succeeds(
        Effect.map(later, ({ process }) => assert.isBelow(process!.loopDelayMillis, 10)),
        patient
      )
    })))

  it.live("G246: a tool sees the names that actors wait for, and the children of the root", () =>
    withActors(Effect.gen(function*() {
      const a = yield* Actor.startScoped("a", { expose: [ask] })
      yield* Effect.forkScoped(a.run(ask({ name: "nobody-has-it", secret })))
      const observer = yield* NodeInspect.observe(a.actor.pid, patient)
      yield* sees(observer, ({ names }) => assert.deepStrictEqual(names.map(({ name }) => name), ["nobody-has-it"]))
    })))

  it.live("G247: an actor has no door before a knock, and the key of its door is private and differs from the secret", () =>
    withActors(Effect.gen(function*() {
      const a = yield* Actor.startScoped("a", { expose: [wait] })
      assert.deepStrictEqual(doorFiles(), [])
      yield* NodeInspect.observe(a.actor.pid, patient)
      const files = doorFiles()
      assert.deepStrictEqual(files.map((path) => Path.basename(path).replace(/@\d+/, "")).sort(), ["+a.key", "+a.sock"])
      const base = Path.join(process.env["TMPDIR"]!, `furrow-${process.geteuid!()}`)
      for (const file of files) assert.strictEqual(Fs.lstatSync(Path.join(base, file)).mode & 0o777, 0o600)
      process.kill(a.actor.pid, "SIGKILL")
      yield* Effect.exit(a.wait)
      yield* Eventually.succeeds(Effect.sync(() => assert.deepStrictEqual(doorFiles(), [])), patient)
    })))

  it.live("G247: the door of an actor refuses an observer without the door's key", () =>
    withActors(Effect.gen(function*() {
      const a = yield* Actor.startScoped("a", { expose: [wait] })
      yield* look(a.actor.pid)
      const file = doorFiles().find((path) => path.endsWith(".key"))!
      const key = Path.join(process.env["TMPDIR"]!, `furrow-${process.geteuid!()}`, file)
      Fs.writeFileSync(key, new Uint8Array(32))
      const error = yield* Effect.flip(look(a.actor.pid))
      assert.strictEqual(error._tag, "ActorUnreachable")
      assert.include(error.message, "the dialler's proof is wrong")
    })))

  it.live("G248: a tree with the option observe \"off\" ignores knocks at all its actors", () =>
    WithActors.provide(NodeActor.layer({ observe: "off" }))(Effect.gen(function*() {
      const a = yield* Actor.startScoped("a", { expose: [wait] })
      for (const pid of [a.actor.pid, process.pid]) {
        process.kill(pid, "SIGURG")
        const error = yield* Effect.flip(look(pid))
        assert.include(error.message, "observe")
      }
      assert.deepStrictEqual(doorFiles(), [])
      assert.deepStrictEqual((yield* NodeInspect.candidates).filter(({ parent }) => parent === process.pid), [])
    })))
})
