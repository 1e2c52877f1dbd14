import { assert, describe, it } from "@effect/vitest"
import * as NodeDiscovery from "@furrow/node/NodeDiscovery"
import * as DriverSuite from "@furrow/testing/DriverSuite"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fixture } from "./support.ts"

const driver = (folder: string) => DriverSuite.fromLayer(NodeDiscovery.layerHost({ folder }))

/** A folder that is removed after its users have ended. */
const folder = Folder.make()

describe.skipIf(process.platform === "win32")(
  "The names of one user on one host are kept in files of this user",
  () => {
    describe("The discovery driver for the programs of one user on one host passes all tests of discovery drivers", () => {
      for (const { run, title } of DriverSuite.contract(Effect.flatMap(folder, driver))) {
        it.live(title, () => run, 120_000)
      }
    })

    describe("The names of one user on one host are found from a process that does not hold the names", () => {
      const asked = Effect.gen(function*() {
        const at = yield* folder
        const first = yield* driver(at)
        yield* first.get("anything")
        return yield* driver(at)
      })
      for (const { run, title } of DriverSuite.contract(asked)) it.live(title, () => run, 120_000)
    })

    it.live("G239: the names on a host are in files that only their user can read", () =>
      Effect.gen(function*() {
        const at = yield* folder
        const first = yield* driver(at)
        yield* first.renew({ id: "a", ttlMillis: 60_000 })
        const host = Path.join(at, "host")
        const modes = [host, ...Fs.readdirSync(host).map((name) => Path.join(host, name))].map((path) =>
          `${Path.basename(path)} ${(Fs.statSync(path).mode & 0o777).toString(8)}`
        )
        assert.deepStrictEqual(modes, ["host 700", "held 700", "keys.json 600", "keys.sock 600"])
      }))

    it.live("G304: a change of one name of a host writes the files of that name and of the leases, but of no other name", () =>
      Effect.gen(function*() {
        const at = yield* folder
        const first = yield* driver(at)
        const lease = { id: "a", ttlMillis: 60_000 }
        yield* first.renew(lease)
        for (let n = 0; n < 100; n++) yield* first.create(`name-${n}`, "x".repeat(1_000), lease)
        const files = () =>
          new Map(
            Fs.globSync("{keys.json,held/*}", { cwd: Path.join(at, "host") })
              .map((name) => [name, Fs.statSync(Path.join(at, "host", name)).ino] as const)
          )
        const before = files()
        assert.strictEqual(before.size, 101)
        const granted = yield* first.create("name-7", "y", lease)
        const after = files()
        const written = [...after].filter(([name, inode]) => before.get(name) !== inode)
        assert.strictEqual(written.length, 2)
        assert.isBelow(Fs.statSync(Path.join(at, "host", "keys.json")).size, 200)
        assert(granted._tag === "Granted")
        yield* first.remove("name-7", granted.token)
        assert.strictEqual(files().size, 100)
      }))

    it.live("G239: a name is neither listed nor kept as a file after its lease has ended while no process held the names of the host", () =>
      Effect.gen(function*() {
        const at = yield* folder
        yield* Effect.scoped(Effect.gen(function*() {
          const first = yield* driver(at)
          const [short, long] = [{ id: "short", ttlMillis: 200 }, { id: "long", ttlMillis: 60_000 }]
          for (const lease of [short, long]) {
            yield* first.renew(lease)
            yield* first.create(`name of ${lease.id}`, "", lease)
          }
        }))
        const held = Path.join(at, "host", "held")
        assert.strictEqual(Fs.readdirSync(held).length, 2)
        yield* Eventually.holds(
          "the short lease is over, and its file is gone",
          () =>
            Effect.scoped(Effect.gen(function*() {
              const { list } = yield* driver(at)
              const { held: names } = yield* list("name of ")
              return names.map(({ key }) => key).join() === "name of long" && Fs.readdirSync(held).length === 1
            }))
        )
      }))

    it.live("G239: the names on a host stay when the process that holds them ends", () =>
      Effect.gen(function*() {
        const at = yield* folder
        const scope = yield* Scope.make()
        const first = yield* Scope.provide(driver(at), scope)
        yield* first.renew({ id: "first", ttlMillis: 60_000 })
        const second = yield* driver(at)
        const lease = { id: "second", ttlMillis: 60_000 }
        assert.isFalse(yield* second.renew(lease))
        const created = yield* second.create("key", "value", lease)
        assert(created._tag === "Granted")
        yield* Scope.close(scope, Exit.void)
        assert.isTrue(yield* Effect.retry(second.renew(lease), { times: 5 }))
        const held = yield* second.get("key")
        assert.deepStrictEqual(held, Option.some({ key: "key", value: "value", token: created.token, lease: "second" }))
        const third = yield* driver(at)
        const taken = yield* third.create("key", "other", { id: "first", ttlMillis: 60_000 })
        assert.strictEqual(taken._tag, "Taken")
      }))
  }
)

/** Starts programs that take part in an election, with the resource to which their leader writes. */
const electors = (count: number, ttlMillis: number) =>
  Effect.gen(function*() {
    const at = yield* folder
    const resource = Path.join(at, "resource")
    Fs.writeFileSync(resource, "")
    const args = [at, resource, String(ttlMillis)]
    return yield* Effect.forEach(
      Array.from({ length: count }),
      () => Program.start(fixture("mains/elector.ts"), { args }),
      { concurrency: "unbounded" }
    )
  })

const tokenOf = ({ stdout }: Program.Program) => Number(/leads (\d+)(?![^]*leads)/.exec(stdout())?.[1] ?? 0)

/** Waits for the program that leads with a larger token than `before`. */
const leaderAfter = (programs: ReadonlyArray<Program.Program>, before = 0) =>
  Eventually.holds("one of them leads", () => programs.find((program) => tokenOf(program) > before), {
    within: "60 seconds"
  })

describe.skipIf(process.platform === "win32")(
  "Programs of one host that take part in an election have one leader",
  () => {
    it.live(
      "G237, G239: an election on one host gets a new leader with a larger fencing token when the old leader is killed, even if its process held the names",
      () =>
        Effect.gen(function*() {
          let programs = yield* electors(3, 6_000)
          let token = 0
          while (programs.length > 0) {
            const leader = yield* leaderAfter(programs, token)
            token = tokenOf(leader)
            programs = programs.filter((program) => program !== leader)
            assert.isTrue(programs.every((program) => tokenOf(program) < token))
            yield* leader.signal("SIGKILL")
            yield* leader.ended()
          }
        }),
      120_000
    )

    it.live(
      "G238: a frozen leader of an election on one host writes nothing after the next leader has begun to write",
      () =>
        Effect.gen(function*() {
          // Another program holds the names, and goes on.
          const at = yield* folder
          const resource = Path.join(at, "resource")
          Fs.writeFileSync(resource, "")
          const holder = yield* driver(at)
          yield* holder.get("anything")
          const args = [at, resource, "6000"]
          const first = yield* Program.start(fixture("mains/elector.ts"), { args })
          const token = tokenOf(yield* leaderAfter([first]))
          const second = yield* Program.start(fixture("mains/elector.ts"), { args })
          yield* second.says(/up/, { within: "60 seconds" })
          yield* first.signal("SIGSTOP")
          assert.isAbove(tokenOf(yield* leaderAfter([second], token)), token)
          yield* second.says(/written/, { within: "60 seconds" })
          const before = first.stdout().length
          yield* first.signal("SIGCONT")
          yield* first.says(/stops/, { within: "60 seconds" })
          assert.notInclude(first.stdout().slice(before), "written")
          const highest = Fs.readFileSync(resource, "utf8").trim().split("\n").map(Number)
          assert.deepStrictEqual(highest, highest.toSorted((a, b) => a - b))
        }),
      180_000
    )
  }
)
