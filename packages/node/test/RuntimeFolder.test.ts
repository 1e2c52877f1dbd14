import { assert, describe, it } from "@effect/vitest"
import { TransportError } from "@furrow/actor/internal/transport/Transport"
import * as Folder from "@furrow/testing/Folder"
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as RuntimeFolder from "../src/internal/runtimeFolder.ts"
import * as Networks from "./fixtures/networks.ts"
import "./support.ts"

const isRoot = process.geteuid!() === 0
const somebodyElse = 65_534

const mode = (path: string) => Fs.lstatSync(path).mode & 0o777

/** Returns the refusal of a runtime folder, and checks that the attempt has changed nothing. */
const refusal = (runtime: string) => {
  const before = Fs.lstatSync(runtime)
  try {
    RuntimeFolder.prepare(Path.join(runtime, "1-0123abcd"))
  } catch (error) {
    assert.instanceOf(error, TransportError)
    assert.isFalse(error.gone)
    assert.include(error.message, runtime)
    assert.include(error.message, "or choose another folder with the option `folder` of NodeTransport.layerUnix")
    const after = Fs.lstatSync(runtime)
    assert.deepStrictEqual([after.mode, after.uid, after.ino], [before.mode, before.uid, before.ino])
    if (after.isDirectory()) assert.deepStrictEqual(Fs.readdirSync(runtime), [])
    return error.message
  }
  throw new Error(`${runtime} was taken`)
}

const within = <A>(files: Readonly<Record<string, string>>, body: (folder: string) => A) =>
  Effect.scoped(Effect.map(Folder.make(files), body))

/** Returns a runtime folder whose path has a number of bytes. */
const treeOf = (length: number) => `/${"x".repeat(length - 1)}`

describe("The file name of an actor's socket is made from the actor's name", () => {
  const tree = "/tmp/furrow-0/12345-0123abcd"
  const name = (name: string, pid = 77) => Path.relative(tree, RuntimeFolder.socketPath(tree, { name, pid }))

  it("the file name of a socket contains the actor's name where that name is short and plain", () => {
    for (const plain of ["frank", "worker-3", "Counter", "a.b", "x@y", "_1", "web:main"]) {
      assert.strictEqual(name(plain), `${plain}@77.sock`)
    }
  })

  it("the file name of a socket contains a hash where the actor's name is long, has many bytes, or looks like a path", () => {
    const odd = [
      "",
      ".",
      "..",
      "../x",
      "a/b",
      "/etc",
      "a\0b",
      "a\nb",
      "\x7f",
      " ",
      "-rf",
      ".hidden",
      "~",
      "é".repeat(100),
      "名".repeat(3),
      "x".repeat(200),
      "a\\b"
    ]
    const found = odd.map((odd) => name(odd))
    for (const path of found) assert.match(path, /^~[0-9a-f]{12}@77\.sock$/)
    assert.strictEqual(new Set(found).size, odd.length, "two names share a socket")
    assert.deepStrictEqual(odd.map((odd) => name(odd)), found)
  })

  it("the sockets of two actors have different file names even if one actor's name looks like the hash of the other actor's name", () => {
    const short = name("a/b").slice(0, -"@77.sock".length)
    assert.notStrictEqual(name(short), name("a/b"))
  })

  it("the path of a socket may have as many bytes as the kernel allows, 107 on Linux and 103 on Darwin", () => {
    for (const [platform, most] of [["linux", 107], ["darwin", 103]] as const) {
      const room = most - Buffer.byteLength("/@77.sock")
      const path = (characters: number, length: number) =>
        RuntimeFolder.socketPath(treeOf(length), { name: "x".repeat(characters), pid: 77 }, platform)
      assert.strictEqual(path(40, room - 40), `${treeOf(room - 40)}/${"x".repeat(40)}@77.sock`)
      assert.match(path(41, room - 40), /\/~[0-9a-f]{12}@77\.sock$/)
      assert.strictEqual(Buffer.byteLength(path(41, room - 13)), most)
      assert.throws(
        () => path(41, room - 12),
        /room for .* choose a shorter folder with the option `folder` of NodeTransport.layerUnix/
      )
    }
  })

  it.live.skipIf(process.platform !== "linux")(
    "a socket can be made at a path of the largest length that the kernel allows, and at no longer path",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const folder = yield* Folder.make()
        const room = 107 - Buffer.byteLength(`/${process.pid}-0123abcd/@${process.pid}.sock`) - 20
        const runtimeFolder = Path.join(folder, "x".repeat(room - Buffer.byteLength(folder) - 1))
        const transport = Networks.make(Networks.network({ transport: "unix", runtimeFolder }))
        const actor = { name: "y".repeat(20), uuid: "", pid: process.pid }
        const listener = yield* transport.listen(actor, (guest) => guest.destroy())
        assert.strictEqual(Buffer.byteLength(listener.address.slice("/unix".length)), 107)
        ;(yield* transport.dial(listener.address)).destroy()
        listener.close()

        const long = Networks.network({ transport: "unix", runtimeFolder: Path.join(folder, "x".repeat(100)) })
        const error = yield* Effect.flip(Networks.make(long).listen(actor, () => {}))
        assert.isFalse(error.gone)
        assert.match(error.message, /has room for 107 bytes here, and .* has \d+: choose a shorter folder/)
        assert.isFalse(Fs.existsSync(Path.dirname(long.folder)))
      }))
  )
})

describe("The runtime folder", () => {
  const settings = (values: { readonly [name: string]: string | undefined }, body: () => void) => {
    const before = Object.keys(values).map((name) => [name, process.env[name]] as const)
    const set = (name: string, value: string | undefined) => {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
    for (const [name, value] of Object.entries(values)) set(name, value)
    try {
      body()
    } finally {
      for (const [name, value] of before) set(name, value)
    }
  }
  const own = () => Path.dirname(Networks.network().folder)

  it.effect("the runtime folder is in XDG_RUNTIME_DIR where this user owns that folder, and otherwise among the temporary files", () =>
    within({ "file": "" }, (folder) => {
      const otherwise = Path.join(Os.tmpdir(), `furrow-${process.geteuid!()}`)
      settings({ XDG_RUNTIME_DIR: folder }, () => assert.strictEqual(own(), Path.join(folder, "furrow")))
      const link = Path.join(folder, "link")
      Fs.symlinkSync(folder, link)
      for (const given of [undefined, "", "relative", Path.join(folder, "missing"), Path.join(folder, "file"), link]) {
        settings({ XDG_RUNTIME_DIR: given }, () => assert.strictEqual(own(), otherwise))
      }
      if (isRoot) {
        Fs.chownSync(folder, somebodyElse, somebodyElse)
        settings({ XDG_RUNTIME_DIR: folder }, () => assert.strictEqual(own(), otherwise))
      }
      assert.deepStrictEqual(Fs.readdirSync(folder).sort(), ["file", "link"])
    }))

  it("a relative path of the runtime folder is resolved from the folder in which the root was started", () => {
    assert.strictEqual(
      Path.dirname(Networks.network({ runtimeFolder: "some/where" }).folder),
      Path.resolve("some/where")
    )
  })

  it.effect("the runtime folder is made with all missing folders above it, readable only by its user, whatever the umask is", () =>
    within({}, (folder) => {
      const before = process.umask(0)
      try {
        const tree = Path.join(folder, "a", "b", "1-0123abcd")
        assert.isTrue(RuntimeFolder.prepare(tree))
        assert.isFalse(RuntimeFolder.prepare(tree))
        for (const path of [tree, Path.dirname(tree), Path.join(folder, "a")]) assert.strictEqual(mode(path), 0o700)
      } finally {
        process.umask(before)
      }
    }))

  it.effect("a runtime folder that other users may read is closed to them, and so is the folder of a tree", () =>
    within({}, (folder) => {
      const runtime = Path.join(folder, "furrow")
      const tree = Path.join(runtime, "1-0123abcd")
      Fs.mkdirSync(tree, { recursive: true })
      for (const path of [runtime, tree]) Fs.chmodSync(path, path === tree ? 0o777 : 0o755)
      RuntimeFolder.prepare(tree)
      assert.deepStrictEqual([mode(runtime), mode(tree)], [0o700, 0o700])
    }))

  it.effect("a runtime folder is refused where its path is that of a file", () =>
    within({ "furrow": "mine" }, (folder) => {
      assert.match(refusal(Path.join(folder, "furrow")), /: it is not a folder. Move it away/)
      assert.strictEqual(Fs.readFileSync(Path.join(folder, "furrow"), "utf8"), "mine")
    }))

  it.effect("a runtime folder below the path of a file is refused", () =>
    within({ "file": "mine" }, (folder) => {
      const runtime = Path.join(folder, "file", "furrow")
      assert.throws(
        () => RuntimeFolder.prepare(Path.join(runtime, "1-0123abcd")),
        TransportError,
        `${Path.join(folder, "file")} is not a folder. Move it away`
      )
    }))

  it.effect("a runtime folder that is a symbolic link is refused, even a link of the superuser, and the link's target is not touched", () =>
    within({ "there/file": "" }, (folder) => {
      const runtime = Path.join(folder, "furrow")
      const there = Path.join(folder, "there")
      Fs.chmodSync(there, 0o755)
      for (const target of [there, Path.join(folder, "nowhere")]) {
        Fs.symlinkSync(target, runtime)
        assert.match(refusal(runtime), /: it is a symbolic link. Remove the link/)
        Fs.unlinkSync(runtime)
      }
      assert.strictEqual(mode(there), 0o755)
      assert.deepStrictEqual(Fs.readdirSync(folder), ["there"])
      assert.deepStrictEqual(Fs.readdirSync(there), ["file"])
    }))

  it.effect("a runtime folder behind a symbolic link is refused, unless the link belongs to the superuser", () =>
    within({ "there/file": "" }, (folder) => {
      const there = Path.join(folder, "there")
      const link = Path.join(folder, "link")
      const tree = Path.join(link, "furrow", "1-0123abcd")
      Fs.symlinkSync("there", link)
      if (isRoot) {
        RuntimeFolder.prepare(tree)
        assert.strictEqual(mode(Path.join(there, "furrow", "1-0123abcd")), 0o700)
        Fs.rmSync(Path.join(there, "furrow"), { recursive: true })
        Fs.lchownSync(link, somebodyElse, somebodyElse)
      }
      assert.throws(
        () => RuntimeFolder.prepare(tree),
        TransportError,
        `${link} is a symbolic link, and not one of root's. Use the path it stands for`
      )
      assert.deepStrictEqual(Fs.readdirSync(there), ["file"])
    }))

  it.effect("a runtime folder behind a cycle of symbolic links is refused", () =>
    within({}, (folder) => {
      const link = Path.join(folder, "link")
      Fs.symlinkSync(Path.join(link, "on"), link)
      assert.throws(
        () => RuntimeFolder.prepare(Path.join(link, "furrow", "1-0123abcd")),
        TransportError,
        "symbolic link"
      )
    }))

  // Only root can give a folder to another user.
  it.effect.skipIf(!isRoot)(
    "a runtime folder of another user is refused, and so is the folder of a tree",
    () =>
      within({}, (folder) => {
        const runtime = Path.join(folder, "furrow")
        Fs.mkdirSync(runtime, { mode: 0o755 })
        Fs.chownSync(runtime, somebodyElse, somebodyElse)
        assert.match(
          refusal(runtime),
          /: it belongs to user 65534, and this process is user 0's. Have its owner remove it/
        )

        const tree = Path.join(folder, "other", "1-0123abcd")
        Fs.mkdirSync(tree, { recursive: true, mode: 0o755 })
        Fs.chownSync(tree, somebodyElse, somebodyElse)
        assert.throws(() => RuntimeFolder.prepare(tree), TransportError, "it belongs to user 65534")
        assert.strictEqual(mode(tree), 0o755)
      })
  )

  it.effect("the runtime folder is made again where another process removes it while the folder of a tree is being made", () =>
    within({}, (folder) => {
      const tree = Path.join(folder, "furrow", "1-0123abcd")
      // Another tree ends repeatedly, and removes the folder of all trees each time.
      const other = ChildProcess.spawn("/bin/sh", ["-c", `while :; do rmdir ${Path.dirname(tree)} 2>/dev/null; done`], {
        stdio: "ignore"
      })
      try {
        for (let i = 0; i < 300; i++) {
          RuntimeFolder.prepare(tree)
          Fs.rmdirSync(tree)
        }
      } finally {
        other.kill("SIGKILL")
      }
    }))

  // The test is skipped for root, who may write everywhere.
  it.effect.skipIf(isRoot)(
    "a runtime folder is refused where this user may not write to its parent folder",
    () =>
      within({}, (folder) => {
        Fs.chmodSync(folder, 0o500)
        assert.throws(
          () => RuntimeFolder.prepare(Path.join(folder, "furrow", "1-0123abcd")),
          TransportError,
          "Make it usable for this process"
        )
      })
  )
})

describe("The pid of a process counts as used while the process exists", () => {
  it("a pid counts as free when no process has it, and as used where the system gives no answer", () => {
    assert.isTrue(RuntimeFolder.isDead(ChildProcess.spawnSync("true").pid))
    assert.isFalse(RuntimeFolder.isDead(process.pid))
    assert.isFalse(RuntimeFolder.isDead(1))
    assert.isFalse(RuntimeFolder.isDead(9_999_999_999))
  })
})
