/** Tests trees of one host in processes of their own: what they find, how they call, and how they lose each other. */
import { assert, describe, it } from "@effect/vitest"
import { RuntimeLayerError } from "@furrow/actor/ActorRuntime"
import * as NodeCredentials from "@furrow/node/NodeCredentials"
import * as Certificates from "@furrow/testing/Certificates"
import * as Folder from "@furrow/testing/Folder"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Fs from "node:fs"
import * as Path from "node:path"
import type { Settings } from "./fixtures/mains/forest.ts"
import { fixture } from "./support.ts"

const ttl = 4_000
const late = { within: "60 seconds" } as const

const authority = Certificates.sign({ name: "authority" })
const host = Certificates.sign({ name: "host", hosts: ["127.0.0.1"], by: authority })

/** Values that all trees of one test share. */
const meadow = (transport: Settings["transport"]) =>
  Effect.gen(function*() {
    const folder = yield* Folder.make()
    const files = Certificates.write(folder, authority, host)
    return (name: string, settings: Partial<Settings> = {}) =>
      Program.start(fixture("mains/forest.ts"), {
        args: [JSON.stringify(
          {
            name,
            folder,
            secret: Path.join(folder, "secret"),
            ttl,
            transport,
            files,
            starts: [],
            ...settings
          } satisfies Settings
        )]
      })
  })

/** The kernel closes the connections of a killed root before it kills the actors below, so an actor may cancel its calls in between. */
const lost = /^failed (?:ActorLost ConnectionClosed|ContextCancelled )$/m

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(effect, () => performance.now() - start)
  })

for (const transport of ["unix", "tcp", "tls"] as const) {
  describe.skipIf(process.platform === "win32")(
    `Two trees on the same host find and call each other (over ${transport})`,
    () => {
      it.live(
        `G263: two programs on one host call each other, and when one is killed, calls to it fail at once and its names end with its lease (over ${transport})`,
        () =>
          Effect.gen(function*() {
            const tree = yield* meadow(transport)
            const right = yield* tree("right", { starts: [{ name: "bert" }] })
            yield* right.says(/up\n/, late)
            const left = yield* tree("left", { calls: "bert" })
            for (const told of ["half 2", "typed 3", "count 1 2 3", "cancelled Failure", "deep 10"]) {
              yield* left.says(new RegExp(`^${told}$`, "m"), late)
            }
            yield* right.says(/interrupted/, late)
            yield* right.says(/hangs[^]*hangs/, late)
            yield* right.signal("SIGKILL")
            const lostAfter = yield* timed(left.says(lost, late))
            yield* left.says(/^ended (?:Lost|Cancelled)$/m, late)
            const down = yield* timed(left.says(/^down bert$[^]*^down right$|^down right$[^]*^down bert$/m, late))
            // A loaded machine is late, and not by a whole lease.
            assert.isBelow(lostAfter + down, 2 * ttl + 1_000)
          }),
        180_000
      )
    }
  )
}

describe.skipIf(process.platform === "win32")(
  "Two trees of the same host share names, and notice each other's ends",
  () => {
    it.live(
      "G263: a stopped tree over TLS is lost because of its silence, and is listed again after it is continued",
      () =>
        Effect.gen(function*() {
          const tree = yield* meadow("tls")
          // The first tree holds the names of the host, so another one is stopped.
          const left = yield* tree("left", { calls: "bert", silence: 4_000 })
          yield* left.says(/up\n/, late)
          const right = yield* tree("right", { starts: [{ name: "bert" }] })
          yield* left.says(/^deep 10$/m, late)
          yield* right.says(/hangs[^]*hangs/, late)
          const processes = [right.pid, ...right.left().map(({ pid }) => pid)]
          for (const pid of processes) process.kill(pid, "SIGSTOP")
          yield* left.says(/^failed ActorLost Silent$/m, late)
          yield* left.says(/^down bert$/m, late)
          for (const pid of processes) process.kill(pid, "SIGCONT")
          yield* left.says(/^down bert$[^]*^up bert$/m, late)
        }),
      180_000
    )

    it.live(
      "G301: two programs over TLS use an actor again after their connection was closed as unused, and learn of its death at the next use",
      () =>
        Effect.gen(function*() {
          const tree = yield* meadow("tls")
          // The first one holds the names of the host: it is not the one that is killed.
          const left = yield* tree("left", { rests: "bert", idle: 1_500, silence: 4_000 })
          yield* left.says(/up\n/, late)
          const right = yield* tree("right", { starts: [{ name: "bert" }], idle: 1_500, silence: 4_000 })
          for (const told of ["rested 1", "rested 1 2", "rested 3"]) {
            yield* left.says(new RegExp(`^${told}$`, "m"), late)
          }
          yield* right.signal("SIGKILL")
          yield* left.says(/^down bert$/m, late)
          yield* left.signal("SIGWINCH")
          yield* left.says(/^failed ActorUnreachable unbegun$/m, late)
        }),
      180_000
    )

    it.live(
      "G265: two programs that start an actor with the same unique name share one actor, and the name is free after the actor was killed",
      () =>
        Effect.gen(function*() {
          const tree = yield* meadow("unix")
          const starts = [{ name: "only", unique: true }]
          const first = yield* tree("first", { starts })
          yield* first.says(/^started only$/m, late)
          const second = yield* tree("second", { starts })
          yield* second.says(/^refused only NameTaken$/m, late)
          yield* first.signal("SIGKILL")
          yield* second.says(/^down only$/m, late)
          const third = yield* tree("third", { starts })
          yield* third.says(/^started only$/m, late)
        }),
      180_000
    )

    it.live(
      "G265: a program that ends and is started again gets its unique names at once",
      () =>
        Effect.gen(function*() {
          const tree = yield* meadow("unix")
          // Longer than the test may take: no lease ends meanwhile.
          const settings = { ttl: 600_000, starts: [{ name: "only", unique: true }] }
          for (let run = 0; run < 2; run++) {
            const program = yield* tree("again", settings)
            yield* program.says(/^started only$/m, late)
            yield* program.signal("SIGTERM")
            yield* program.ended(late)
          }
        }),
      180_000
    )

    it.live(
      "G291: a portal to a supervised actor of another program follows each restart after a kill of the actor",
      () =>
        Effect.gen(function*() {
          const tree = yield* meadow("tls")
          const right = yield* tree("right", { supervises: "keeper" })
          yield* right.says(/up\n/, late)
          const left = yield* tree("left", { kills: "keeper" })
          yield* left.says(/^answered by 3$/m, late)
        }),
      180_000
    )

    for (const transport of ["tcp", "tls"] as const) {
      it.live(
        `G267: an actor calls the root of another tree by the address of the root, although no engine connects the trees (over ${transport})`,
        () =>
          Effect.gen(function*() {
            const tree = yield* meadow(transport)
            const alone = yield* tree("alone", { isAlone: true, starts: [{ name: "bert" }] })
            const [, at] = yield* alone.says(/listens (\S+)[^]*up\n/, late)
            const left = yield* tree("left", { isAlone: true, at: at!, calls: "bert" })
            for (const told of ["half 2", "typed 3", "count 1 2 3", "cancelled Failure"]) {
              yield* left.says(new RegExp(`^${told}$`, "m"), late)
            }
            yield* alone.says(/hangs[^]*hangs/, late)
            yield* alone.signal("SIGKILL")
            yield* left.says(lost, late)
          }),
        180_000
      )
    }

    it.live(
      "G266: trees with different secrets connect by certificates where both trees trust them, and not otherwise",
      () =>
        Effect.gen(function*() {
          const tree = yield* meadow("tls")
          const folder = yield* Folder.make()
          const trust = "certificate" as const
          const right = yield* tree("right", { trust, starts: [{ name: "bert" }] })
          const other = { secret: Path.join(folder, "other"), isAlone: true, calls: "bert" }
          const [, at] = yield* right.says(/listens (\S+)[^]*up\n/, late)
          const left = yield* tree("left", { ...other, trust, at: at! })
          yield* left.says(/^half 2$/m, late)
          const stranger = yield* tree("stranger", { ...other, at: at! })
          const { code } = yield* stranger.ended(late)
          assert.strictEqual(code, 1)
          assert.match(stranger.stderr() + stranger.stdout(), /both sides must hold the secret of one tree/)
        }),
      180_000
    )
  }
)

describe.skipIf(process.platform === "win32")("Programs read the secret of their trees from a file", () => {
  const at = Effect.map(Folder.make(), (folder) => Path.join(folder, "secret"))
  const reason = (path: string) =>
    Effect.map(Effect.flip(NodeCredentials.fromFile(path)), (error) => {
      assert.instanceOf(error, RuntimeLayerError)
      return error.reason
    })

  it.live("G268: programs that make the file of a secret concurrently all read the same secret, which other users cannot read", () =>
    Effect.gen(function*() {
      const path = yield* at
      const all = yield* Effect.forEach(
        Array.from({ length: 8 }),
        () => NodeCredentials.fromFile(path, { tree: "shop", create: true }),
        { concurrency: "unbounded" }
      )
      const [first, ...rest] = all.map(({ secret }) => Buffer.from(Redacted.value(secret)).toString())
      assert.isTrue(rest.every((secret) => secret === first))
      assert.isAtLeast(first!.length, 32)
      assert.strictEqual(Fs.statSync(path).mode & 0o777, 0o600)
      assert.strictEqual(all[0]?.tree, "shop")
      assert.deepStrictEqual(Fs.readdirSync(Path.dirname(path)), ["secret"])
    }))

  it.live("G268: a file of a secret that other users can read, that is too short or that is missing is refused without showing the secret", () =>
    Effect.gen(function*() {
      const path = yield* at
      assert.match(yield* reason(path), /cannot be read \(ENOENT\)/)
      Fs.writeFileSync(path, "s3cret-and-much-longer-than-needed-here", { mode: 0o644 })
      assert.match(yield* reason(path), /others can read it/)
      Fs.chmodSync(path, 0o600)
      yield* NodeCredentials.fromFile(path)
      Fs.writeFileSync(path, "s3cret")
      const short = yield* reason(path)
      assert.match(short, /it has 6 bytes/)
      assert.notInclude(short, "s3cret")
      Fs.rmSync(path)
      Fs.symlinkSync("/dev/zero", path)
      assert.match(yield* reason(path), /no file/)
    }))
})
