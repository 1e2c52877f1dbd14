/** Tests the warden and its watch as shells: the groups in these tests belong to any processes, not to actors. */
import { assert, describe, it } from "@effect/vitest"
import * as Eventually from "@furrow/testing/Eventually"
import * as Leaks from "@furrow/testing/Leaks"
import * as Processes from "@furrow/testing/Processes"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { losesDeathSignal } from "../src/internal/guard.ts"
import { startOf } from "../src/internal/processStat.ts"
import { killLeftIn, send } from "../src/internal/signals.ts"
import * as Warden from "../src/internal/warden.ts"
import "./support.ts"

const linux = process.platform === "linux"

/** A warden for one test, which ends with the Scope. */
const warden = Effect.acquireRelease(Effect.sync(() => Warden.open([])), (warden) => Effect.sync(() => warden.close()))

/** A process that leads a group and is killed with the Scope; its script runs first. */
const leader = (script = "exec sleep 1000", ...fds: ReadonlyArray<number>) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      ChildProcess.spawn("/bin/sh", ["-c", script], { detached: true, stdio: ["ignore", "ignore", "ignore", ...fds] })
        .pid!
    ),
    (pid) =>
      Effect.sync(() => {
        for (const target of [pid, -pid]) {
          if (linux || target > 0) send(target, "SIGKILL")
        }
      })
  )

/**
 * Returns the line that registers a group below a parent, with its real start time or that of an older process with the
 * same number.
 */
const registration = (group: number, parent: number, start = startOf(group)) => `+ ${group} ${parent} ${start}`

/** The number of a parent that does not exist. */
const parent = 7

/** Waits until the warden has read all earlier lines, by a last line whose effect is visible. */
const heard = (warden: Warden.Warden) =>
  Effect.gen(function*() {
    const sign = yield* leader()
    Warden.tell(warden.registry, registration(sign, parent))
    Warden.tell(warden.registry, `k ${sign} KILL`)
    yield* Processes.gone([sign])
  })

const test = (title: string, body: Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live.skipIf(!linux)(title, () => Leaks.withoutLeaks(Effect.scoped(body)))

describe("The warden of a tree kills the processes that its actors have left", () => {
  test(
    "the warden kills the actors below an actor that has ended, but no other process",
    Effect.gen(function*() {
      const { registry } = yield* warden
      const [child, below, other] = yield* Effect.all([leader(), leader(), leader()])
      Warden.tell(registry, registration(child, parent))
      Warden.tell(registry, registration(below, child))
      Warden.tell(registry, registration(other, parent + 1))
      Warden.tell(registry, `- ${parent}`)
      yield* Processes.gone([child, below])
      assert.isTrue(Processes.isAlive(other))
    })
  )

  test(
    "G75: the warden does not kill a process group whose number belongs to another process by now",
    Effect.gen(function*() {
      const own = yield* warden
      const [innocent, stillOurs] = yield* Effect.all([leader(), leader()])
      Warden.tell(own.registry, registration(innocent, parent, "1"))
      Warden.tell(own.registry, registration(stillOurs, parent))
      Warden.tell(own.registry, `k ${innocent} KILL`)
      Warden.tell(own.registry, `- ${parent}`)
      yield* Processes.gone([stillOurs])
      Warden.tell(own.registry, registration(innocent, parent, "1"))
      yield* heard(own)
      own.close()
      yield* Eventually.holds("the warden has ended", () => Processes.titled("furrow-warden").length === 0)
      assert.isTrue(Processes.isAlive(innocent))
    })
  )

  test(
    "the warden distinguishes two actors with the same pid, and kills the processes of the first actor when the second begins",
    Effect.gen(function*() {
      const own = yield* warden
      const [reused, belowFirst, belowSecond] = yield* Effect.all([leader(), leader(), leader()])
      Warden.tell(own.registry, registration(reused, parent, "1"))
      Warden.tell(own.registry, registration(belowFirst, reused))
      Warden.tell(own.registry, registration(reused, parent))
      Warden.tell(own.registry, registration(belowSecond, reused))
      yield* Processes.gone([belowFirst])
      yield* heard(own)
      assert.isTrue(Processes.isAlive(reused) && Processes.isAlive(belowSecond))
      Warden.tell(own.registry, `- ${reused}`)
      yield* Processes.gone([reused, belowSecond])
    })
  )

  test(
    "the warden kills the processes that the leader of a process group has left when the leader has ended",
    Effect.gen(function*() {
      const { registry } = yield* warden
      const group = yield* leader("sleep 1000 & sleep 1")
      const start = startOf(group)
      yield* Processes.gone([group])
      assert.strictEqual(send(-group, 0), "sent")
      Warden.tell(registry, registration(group, parent, start))
      Warden.tell(registry, `- ${group}`)
      yield* Eventually.holds("the group is empty", () => send(-group, 0) === "nobody")
    })
  )

  test(
    "the warden signals an actor where the kernel does not let the actor's parent send the signal",
    Effect.gen(function*() {
      const { registry } = yield* warden
      const polite = yield* leader("trap 'exit 0' TERM; sleep 1000 & wait")
      yield* Eventually.holds("it waits", () => Processes.descendants(polite).length === 1)
      Warden.tell(registry, registration(polite, parent))
      Warden.tell(registry, `k ${polite} TERM`)
      yield* Processes.gone([polite])
    })
  )

  test(
    "the warden kills all processes of a tree when the root has ended, although an actor that computes still holds the pipe to the warden",
    Effect.gen(function*() {
      const own = yield* warden
      const orphan = yield* leader("while :; do :; done", own.registry)
      Warden.tell(own.registry, registration(orphan, parent))
      own.close()
      yield* Processes.gone([orphan])
    })
  )

  test(
    "the warden at once kills an actor whose start is reported after the end of the root",
    Effect.gen(function*() {
      const own = yield* warden
      const late = yield* leader()
      // The process waits for the end of the root, and then registers another group, as an actor does whose start was
      // in progress.
      const script = `while [ -e /proc/$1 ]; do sleep 0.05; done; echo "+ $2 ${parent} -" >&3; exec sleep 1000`
      const watch = Processes.titled("furrow-watch")[0]!.pid
      yield* leader(script.replace("$1", String(watch)).replace("$2", String(late)), own.registry)
      own.close()
      yield* Processes.gone([late])
    })
  )
})

describe("A process group whose leader was reaped is killed only while no other process has its number", () => {
  test(
    "G75: a process group whose leader was reaped is not killed where another process has its number by now",
    Effect.gen(function*() {
      const innocent = yield* leader()
      assert.strictEqual(killLeftIn(innocent), "nobody")
      assert.isTrue(Processes.isAlive(innocent))
    })
  )

  test(
    "a process group whose leader was reaped is killed where it still has a process",
    Effect.gen(function*() {
      const group = yield* leader("sleep 1000 & sleep 1")
      yield* Eventually.holds("the leader is reaped", () => send(group, 0) === "nobody")
      assert.strictEqual(killLeftIn(group), "sent")
      yield* Eventually.holds("the group is empty", () => send(-group, 0) === "nobody")
      assert.strictEqual(killLeftIn(group), "nobody")
    })
  )
})

describe("The kernel sends no signal at a parent's death to an actor whose executable the kernel treats as privileged", () => {
  const auxv = (secure: bigint | undefined) => {
    const file = Path.join(Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-auxv-")), "auxv")
    const entries = [[6n, 4096n], ...secure === undefined ? [] : [[23n, secure]], [0n, 0n]]
    Fs.writeFileSync(file, new Uint8Array(BigUint64Array.from(entries.flat()).buffer))
    return file
  }

  it("an actor gets no signal of the kernel at its parent's death if the kernel treats the actor's executable as privileged", () => {
    assert.isTrue(losesDeathSignal(auxv(1n)))
    assert.isFalse(losesDeathSignal(auxv(0n)))
    assert.isFalse(losesDeathSignal(auxv(undefined)))
    assert.isFalse(losesDeathSignal("/nowhere/auxv"))
    assert.isFalse(losesDeathSignal())
  })
})
