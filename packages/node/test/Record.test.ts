/** Tests the record of an actor as bytes, the counters of the kernel, and the folder of post-mortems. */
import { assert, describe, it } from "@effect/vitest"
import { Autopsy } from "@furrow/node/internal/autopsy"
import * as Graves from "@furrow/node/internal/graves"
import { gravesFolder } from "@furrow/node/internal/gravesMode"
import { counterFiles, killsIn, MemoryKills } from "@furrow/node/internal/memoryKills"
import * as RecordFile from "@furrow/node/internal/recordFile"
import * as Folder from "@furrow/testing/Folder"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Path from "node:path"

const owner: RecordFile.Owner = {
  pid: 7,
  parent: 3,
  name: "a",
  uuid: "uuid-a",
  above: ["root@1", "b@3"],
  started: "4711",
  origin: 1000
}

/** A pid that no process has. */
const nobody = 2 ** 22 + 1

const Steps = Schema.Array(Schema.Union([
  Schema.Struct({ begin: Schema.Literals(["hash", "hold", "quick"]), caller: Schema.Literals(["root@1", "c@9"]) }),
  Schema.Struct({ end: Schema.Int })
]))

describe("The record of an actor shows the actor's calls after its death", () => {
  it.prop(
    "G255: the record that an actor keeps of its calls shows open calls by endpoint and caller, and the actor's last steps",
    { steps: Steps },
    ({ steps }) => {
      const page = new RecordFile.Page(owner)
      const open: Array<{ place: number; endpoint: string; caller: string; dialog: number; since: number }> = []
      const told: Array<string> = []
      steps.forEach((step, i) => {
        if ("begin" in step) {
          const place = page.begin(page.number(step.begin), page.number(step.caller), i, i)
          open.push({ place, endpoint: step.begin, caller: step.caller, dialog: i, since: 1000 + i })
          told.push(`begun ${step.begin}`)
        } else if (open.length > 0) {
          const [ended] = open.splice(Math.abs(step.end) % open.length, 1)
          page.end(ended!.place, i)
          if (ended!.place < RecordFile.maxCalls) told.push(`ended ${ended!.endpoint}`)
        }
      })
      page.written(steps.length)
      const record = RecordFile.read(page.bytes)!
      const kept = open.filter(({ place }) => place < RecordFile.maxCalls).map(({ place: _, ...call }) => call)
      assert.deepStrictEqual(record.calls, kept)
      assert.strictEqual(record.beyond, open.length - kept.length)
      assert.deepStrictEqual(record.steps.map(({ endpoint, what }) => `${what} ${endpoint}`), told.slice(-64))
      assert.deepInclude(record, {
        pid: 7,
        parent: 3,
        name: "a",
        uuid: "uuid-a",
        started: "4711",
        writtenAt: 1000 + steps.length
      })
      assert.deepStrictEqual(record.above, owner.above)
    }
  )

  it("G255: the record that an actor keeps of its calls counts the open calls for which the record has no place", () => {
    const page = new RecordFile.Page(owner)
    const places = Array.from({ length: RecordFile.maxCalls + 5 }, (_, i) => page.begin(page.number("hash"), 0, i, i))
    assert.deepInclude(RecordFile.read(page.bytes), { beyond: 5, begun: RecordFile.maxCalls + 5 })
    for (const place of places) page.end(place, 100)
    const record = RecordFile.read(page.bytes)!
    assert.deepStrictEqual([record.beyond, record.calls], [0, []])
  })

  it("G255: the record that an actor keeps of its calls names an endpoint `others` when the record has no room for another name", () => {
    const page = new RecordFile.Page(owner)
    for (let i = 0; i < 1000; i++) page.begin(page.number(`endpoint-with-a-long-name-${i}`), 0, i, i)
    const { calls } = RecordFile.read(page.bytes)!
    assert.strictEqual(calls[0]!.endpoint, "endpoint-with-a-long-name-0")
    assert.include(new Set(RecordFile.read(page.bytes)!.steps.map(({ endpoint }) => endpoint)), "(other)")
  })

  it("G255: bytes of another format are not read as the record that an actor keeps of its calls", () => {
    assert.isUndefined(RecordFile.read(new Uint8Array(0)))
    assert.isUndefined(RecordFile.read(new Uint8Array(RecordFile.recordBytes)))
    const cut = new RecordFile.Page(owner).bytes.subarray(0, RecordFile.fixedBytes)
    assert.isUndefined(RecordFile.read(cut))
  })
})

describe("The kernel's count of processes that it killed for memory is read from its files", () => {
  const events = "low 0\nhigh 12\nmax 40\noom 3\noom_kill 2\noom_group_kill 0\n"
  const control = "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"

  it("G257: the kernel's count of kills for memory is read from the files of both cgroup versions, and from the file of the host", () => {
    assert.strictEqual(killsIn(events), 2)
    assert.strictEqual(killsIn(control), 5)
    assert.strictEqual(killsIn("pgfault 8\noom_kill 1\nnuma_hit 3\n"), 1)
    assert.isUndefined(killsIn("oom_kill_disable 0\nunder_oom 0\n"))
  })

  it("G257: the files with the counts of kills for memory are those of a process's control groups and of the groups above", () => {
    assert.deepStrictEqual(counterFiles("0::/system.slice/shop.service\n"), [[
      "/sys/fs/cgroup/system.slice/shop.service/memory.events",
      "/sys/fs/cgroup/system.slice/memory.events",
      "/sys/fs/cgroup/memory.events"
    ]])
    assert.deepStrictEqual(counterFiles("9:name=systemd:/\n4:memory:/docker/abc\n3:cpu,cpuacct:/\n"), [[
      "/sys/fs/cgroup/memory/docker/abc/memory.oom_control",
      "/sys/fs/cgroup/memory/docker/memory.oom_control",
      "/sys/fs/cgroup/memory/memory.oom_control"
    ]])
    assert.deepStrictEqual(counterFiles("0::/\n"), [["/sys/fs/cgroup/memory.events"]])
  })

  for (const [version, text] of [["1", control], ["2", events]] as const) {
    it.live.skipIf(process.platform !== "linux")(
      `G257: a process that is killed while the count of kills in a control group of version ${version} rises counts as killed for memory`,
      () =>
        Effect.scoped(Effect.gen(function*() {
          const file = Path.join(yield* Folder.make(), "counter")
          const death = (rises: boolean) =>
            Effect.promise(async () => {
              Fs.writeFileSync(file, text)
              const child = ChildProcess.spawn("sleep", ["600"], { stdio: "ignore" })
              const watched = new Autopsy(undefined, new MemoryKills([file])).watch(child.pid!)
              const ended = once(child, "exit")
              if (rises) Fs.writeFileSync(file, text.replace(/^oom_kill \d+/m, "oom_kill 9"))
              child.kill("SIGKILL")
              await ended
              return watched.ended("uuid", "SIGKILL").memoryKill
            })
          assert.deepStrictEqual([yield* death(true), yield* death(false)], [true, false])
        }))
    )
  }
})

describe("The folder of the post-mortems of dead actors keeps the newest post-mortems", () => {
  const story = (pid: number) => ({
    actor: { name: "a", uuid: `a${pid}`, pid },
    above: ["root@1"],
    how: { _tag: "Exited", code: 3 } as const,
    death: "exit" as const,
    hint: "Its own code called process.exit(3)",
    doing: []
  })

  it("G258: the folder for post-mortems of dead actors comes from the option graves, or else from the environment, and an unusable path is reported", () => {
    const of = (option: unknown, variable?: string) => gravesFolder(option, { FURROW_GRAVES: variable }, "/usual")
    assert.deepStrictEqual(of(undefined), { folder: "/usual", warning: undefined })
    assert.strictEqual(of(undefined, "/var/graves").folder, "/var/graves")
    assert.strictEqual(of("/other", "/var/graves").folder, "/other")
    assert.isUndefined(of("off", "/var/graves").folder)
    assert.match(
      of("graves").warning!,
      /^the option graves is "graves": use an absolute path, or off\. It is \/usual now/
    )
  })

  it.live("G258: the newest post-mortems of dead actors in a folder are kept up to a limit of number, readable only by their user", () =>
    Effect.scoped(Effect.gen(function*() {
      const folder = Path.join(yield* Folder.make(), "graves")
      for (let i = 1; i <= Graves.maxGraves + 20; i++) Graves.bury(folder, story(i), undefined, undefined)
      const kept = Graves.list(folder)
      assert.lengthOf(kept, Graves.maxGraves)
      assert.include(kept.map(({ actor }) => actor.pid), Graves.maxGraves + 20)
      const files = Fs.readdirSync(folder)
      assert.lengthOf(files, Graves.maxGraves)
      for (const file of files) assert.strictEqual(Fs.statSync(Path.join(folder, file)).mode & 0o777, 0o600)
      assert.strictEqual(Fs.statSync(folder).mode & 0o777, 0o700)
      Graves.clear(folder)
      assert.isFalse(Fs.existsSync(folder))
    })))

  it.live("G258: the newest post-mortems of dead actors in a folder are kept up to a limit of bytes", () =>
    Effect.scoped(Effect.gen(function*() {
      const folder = Path.join(yield* Folder.make(), "graves")
      const long = { ...story(1), hint: "x".repeat(Graves.maxGraveBytes / 4) }
      for (let i = 1; i <= 8; i++) {
        Graves.bury(folder, { ...long, actor: { ...long.actor, pid: i } }, undefined, undefined)
      }
      const bytes = Fs.readdirSync(folder).map((file) => Fs.statSync(Path.join(folder, file)).size)
      assert.isAtMost(
        bytes.reduce((a, b) => a + b, 0),
        Graves.maxGraveBytes
      )
      assert.isAtLeast(bytes.length, 2)
    })))

  it.live("G258: an actor's record becomes a post-mortem when actor and parent have ended, while other records stay and broken records are removed", () =>
    Effect.scoped(Effect.gen(function*() {
      const folder = yield* Folder.make()
      const put = (pid: number, parent: number) => {
        const page = new RecordFile.Page({ ...owner, pid, parent, started: "-" })
        page.begin(page.number("hold"), page.number("root@1"), 1, 0)
        Fs.writeFileSync(RecordFile.recordPath(folder, pid), page.bytes)
      }
      put(nobody, nobody)
      put(nobody + 1, process.pid)
      put(process.pid, nobody)
      Fs.writeFileSync(RecordFile.recordPath(folder, nobody + 2), "broken")
      const [grave, ...others] = Graves.list(folder)
      assert.deepStrictEqual(others, [])
      assert.deepInclude(grave, { death: "parent", above: ["root@1", "b@3"] })
      assert.match(grave!.hint!, /^Its parent b@3 was lost/)
      assert.deepStrictEqual(grave!.doing.map(({ endpoint }) => endpoint), ["hold"])
      assert.sameMembers(Fs.readdirSync(folder), [`${grave!.id}.json`, `${nobody + 1}.record`, `${process.pid}.record`])
    })))
})
