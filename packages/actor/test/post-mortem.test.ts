/** Why an actor died, as a table: the words of its end and the traces of it, and the kind of its death. */
import { assert, describe, it } from "@effect/vitest"
import { ActorError } from "@furrow/actor"
import * as PostMortem from "@furrow/actor/internal/supervision/PostMortem"
import type { Evidence } from "@furrow/actor/Spawner"

const none: Evidence = { calls: [] }
const killed = { _tag: "Killed", signal: "SIGKILL", reason: "it was late" } as const
const signalled = (signal: string) => ({ _tag: "Signalled", signal }) as const
const exited = (code: number) => ({ _tag: "Exited", code }) as const
const asleep = (at: string): Evidence => ({ calls: [], state: { is: "asleep", at } })

const known = (how: ActorError.Lost, more: Partial<PostMortem.Known> = {}): PostMortem.Known => ({
  how,
  evidence: none,
  failure: undefined,
  step: undefined,
  killedIn: undefined,
  ...more
})

const rows: ReadonlyArray<readonly [PostMortem.Known, ActorError.Death | undefined]> = [
  [known({ _tag: "OutOfMemory" }), "heap"],
  [known(signalled("SIGABRT"), { evidence: { calls: [], heap: { used: 95, limit: 100 } } }), "heap"],
  [known(signalled("SIGABRT"), { evidence: { calls: [], heap: { used: 40, limit: 100 } } }), "abort"],
  [known(exited(134)), "abort"],
  [known(signalled("SIGKILL"), { evidence: { calls: [], memoryKill: true } }), "memory"],
  [known(signalled("SIGTERM"), { evidence: { calls: [], memoryKill: true } }), "signal"],
  [known(signalled("SIGKILL")), "signal"],
  [known(signalled("SIGSEGV")), "crash"],
  [known(signalled("SIGKILL"), { evidence: undefined }), undefined],
  [known(killed, { killedIn: "silence", evidence: { calls: [], state: { is: "busy" } } }), "owner"],
  [known(killed, { killedIn: "silence", evidence: asleep("ep_poll") }), "blocked"],
  [known(killed, { killedIn: "silence", evidence: { ...asleep("ep_poll"), last: { what: "release" } } }), "blocked"],
  [known(killed, { killedIn: "finalizers", evidence: asleep("ep_poll") }), "release"],
  [known(killed, { killedIn: "finalizers", evidence: asleep("pipe_read") }), "blocked"],
  [known(killed, { killedIn: "silence", evidence: { calls: [], last: { what: "release" } } }), "release"],
  [known(exited(0), { unfinished: true }), "release"],
  [known(exited(143), { killedIn: "finalizers" }), "release"],
  [known(exited(0), { unfinished: true, killedIn: "silence", evidence: asleep("ep_poll") }), "blocked"],
  [known(exited(143), { killedIn: "silence", evidence: asleep("ep_poll") }), "blocked"],
  [known(exited(70), { failure: "RangeError" }), "exception"],
  [known(exited(70), { failure: "RangeError", evidence: { calls: [], last: { what: "rejection" } } }), "rejection"],
  [known(exited(3), { evidence: { calls: [], last: { what: "exit", place: "/a.ts:3" } } }), "exit"],
  [known(exited(0)), "exit"],
  [known(exited(1), { step: "import", failure: "Error" }), "import"],
  [known(exited(1), { step: "layer", failure: "Error" }), "layer"],
  [known({ _tag: "ConnectionClosed" }), undefined],
  [known({ _tag: "Unreported" }), undefined]
]

describe("A post-mortem shows the death and the open calls of an actor", () => {
  for (const [given, death] of rows) {
    it(`G257: a post-mortem finds the kind of an actor's death from the exit and the record (case: ${death ?? "unknown"} from ${JSON.stringify(given)})`, () => {
      assert.strictEqual(PostMortem.deathOf(given), death)
      const hint = PostMortem.hintOf(given)
      assert.strictEqual(hint?.death, death)
      if (hint !== null) assert.match(hint.text, /^[A-Z][^\n]{40,}[^.]$/)
    })
  }

  const call = (endpoint: string, caller: string, dialog: number, millis: number) => ({
    endpoint,
    caller,
    dialog,
    millis,
    recorded: true
  })
  const asked = (dialog: number, endpoint: string, millis: number) => ({ dialog, endpoint, millis })

  it("G256: the calls in a post-mortem are the calls of the actor's record, except calls of its parent that were answered", () => {
    const calls = [call("hash", "root@1", 1, 30), call("old", "root@1", 3, 500), call("hold", "peer@9", 3, 90)]
    assert.deepStrictEqual(PostMortem.doingOf(calls, [asked(1, "hash", 31), asked(5, "next", 2)], "root@1"), [
      { endpoint: "hold", caller: "peer@9", millis: 90, recorded: true },
      { endpoint: "hash", caller: "root@1", millis: 31, recorded: true },
      { endpoint: "next", caller: "root@1", millis: 2, recorded: false }
    ])
  })

  it("G256: if an actor left no record, its post-mortem lists the calls of the parent, and marks each call as not recorded", () => {
    const doing = PostMortem.doingOf(undefined, [asked(1, "hash", 400)], "root@1")
    assert.deepStrictEqual(doing, [{ endpoint: "hash", caller: "root@1", millis: 400, recorded: false }])
    const message = (doing: ActorError.ActorLost["doing"]) =>
      new ActorError.ActorLost({
        actor: { name: "a", uuid: "a", pid: 2 },
        how: exited(3),
        began: "maybe",
        stderr: ["last line"],
        failure: null,
        doing,
        hint: { death: "exit", text: "Its own code called process.exit(3)" }
      }).message
    assert.strictEqual(
      message(doing),
      "a@2 is lost: its process exited with code 3. It had been asked for hash (root@1, 0.4 s). Its own code called " +
        "process.exit(3)\nits last lines on stderr:\n  | last line"
    )
    assert.include(message([{ ...doing[0]!, recorded: true }]), "It was serving hash (root@1, 0.4 s)")
  })

  it("G256: a post-mortem keeps a bounded number of calls, and keeps the oldest calls", () => {
    const many = Array.from({ length: 100 }, (_, i) => asked(i, "hash", i))
    const doing = PostMortem.doingOf(undefined, many, "root@1")
    assert.lengthOf(doing, 16)
    assert.strictEqual(doing[0]!.millis, 99)
  })
})
