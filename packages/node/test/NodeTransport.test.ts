import { assert, describe, it } from "@effect/vitest"
import type { ActorId } from "@furrow/actor/internal/errors/ActorError"
import * as Merged from "@furrow/actor/internal/transport/Network"
import type { Connection } from "@furrow/actor/internal/transport/Transport"
import { authenticator } from "@furrow/node/internal/authenticate"
import * as NodeTransport from "@furrow/node/NodeTransport"
import * as ConnectionSuite from "@furrow/testing/ConnectionSuite"
import * as Eventually from "@furrow/testing/Eventually"
import * as FaultyTransport from "@furrow/testing/FaultyTransport"
import * as Folder from "@furrow/testing/Folder"
import * as Leaks from "@furrow/testing/Leaks"
import * as Program from "@furrow/testing/Program"
import * as TransportSuite from "@furrow/testing/TransportSuite"
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Path from "node:path"
import * as Networks from "./fixtures/networks.ts"
import { Loop } from "./fixtures/platform.ts"
import { fixture } from "./support.ts"

const isLinux = process.platform === "linux"

/** A network whose files are removed when the Scope closes. */
const network = (transport: "unix" | "tcp") =>
  Effect.acquireRelease(
    Effect.sync(() => Networks.network({ transport })),
    (network) => Effect.sync(() => Networks.close(network))
  )

const actor = (name: string, pid = process.pid): ActorId => ({
  name,
  uuid: "3f0e6c1a-5b7d-4c2e-9a8b-1d2c3e4f5a6b",
  pid
})

const socketOf = (address: string) => address.slice("/unix".length)

const listen = (transport: ReturnType<typeof Networks.make>, who: ActorId) =>
  Effect.acquireRelease(
    transport.listen(who, (guest) => guest.destroy()),
    (listener) => Effect.sync(() => listener.close())
  )

const transports = {
  unix: TransportSuite.fromLayer(NodeTransport.layerUnix),
  tcp: TransportSuite.fromLayer(NodeTransport.layerTcp),
  "a transport of the program's": TransportSuite.fromLayer(Loop({ host: "127.0.0.1" }))
}

/** Removes the folder of a socket with its parents, as the end of a login does. */
const takeAway = (address: string) => Fs.rmSync(Path.dirname(socketOf(address)), { recursive: true })

for (const [transport, make] of Object.entries(transports)) {
  describe(`A transport passes all tests of the suite for transports (over ${transport})`, () => {
    const options = transport === "unix" ? { takeAway } : {}
    for (const { run, title } of TransportSuite.contract(make, options)) it.live(title, () => Leaks.withoutLeaks(run))
  })

  describe(`A connection passes all tests of the suite for connections at the end that dialled (over ${transport})`, () => {
    const pair = TransportSuite.dialled(make)
    for (const { run, title } of ConnectionSuite.contract(pair)) it.live(title, () => Leaks.withoutLeaks(run))
  })

  describe(`A connection passes all tests of the suite for connections at the end that accepted (over ${transport})`, () => {
    const pair = Effect.map(TransportSuite.dialled(make), ([near, far]) => [far, near] as const)
    for (const { run, title } of ConnectionSuite.contract(pair)) it.live(title, () => Leaks.withoutLeaks(run))
  })

  describe(`A connection keeps the order of its bytes even if one end is slow and splits and joins chunks (over ${transport})`, () => {
    const pair = Effect.map(TransportSuite.dialled(make), ([near, far]) =>
      [
        FaultyTransport.wrap(near, { seed: 7, delay: 1, split: 0.3, join: 0.3 }).connection,
        far
      ] as const)
    const kept = ConnectionSuite.contract(pair).filter(({ title }) =>
      /in the order|both directions|comes late/.test(title)
    )
    for (const { run, title } of kept) it.live(title, () => run)
  })
}

describe("A tree that listens at Unix sockets makes and removes its socket files", () => {
  it.live("a tree with Unix sockets makes no socket before one of its actors listens, and leaves no socket when it is closed", () =>
    Effect.gen(function*() {
      const network = Networks.network({ transport: "unix" })
      const runtime = Path.dirname(network.folder)
      assert.isFalse(Fs.existsSync(runtime))
      yield* Effect.scoped(Effect.gen(function*() {
        const { address } = yield* listen(Networks.make(network), actor("frank"))
        assert.strictEqual(address, `/unix${network.folder}/frank@${process.pid}.sock`)
        assert.match(Path.basename(network.folder), new RegExp(`^${process.pid}-[0-9a-f]{8}$`))
        const modes = [runtime, network.folder, socketOf(address)].map((path) => Fs.statSync(path).mode & 0o777)
        assert.deepStrictEqual(modes, [0o700, 0o700, 0o600])
      }))
      assert.deepStrictEqual(Fs.readdirSync(network.folder), [])
      Networks.close(network)
      assert.isFalse(Fs.existsSync(runtime))
      Networks.close(network)
    }))

  it.live("a tree that listens at Unix sockets leaves the runtime folder in place for other trees", () =>
    Effect.scoped(Effect.gen(function*() {
      const [one, two] = [yield* network("unix"), yield* network("unix")]
      yield* listen(Networks.make(one), actor("frank"))
      const { address } = yield* listen(Networks.make(two), actor("frank"))
      Networks.close(one)
      assert.isFalse(Fs.existsSync(one.folder))
      ;(yield* Networks.make(one).dial(address)).destroy()
    })))

  it.live("a tree that listens at Unix sockets does not remove a runtime folder that an option named", () =>
    Effect.scoped(Effect.gen(function*() {
      const runtimeFolder = yield* Folder.make()
      const network = Networks.network({ transport: "unix", runtimeFolder })
      yield* Effect.scoped(listen(Networks.make(network), actor("frank")))
      Networks.close(network)
      assert.deepStrictEqual(Fs.readdirSync(runtimeFolder), [])
    })))

  it.live("a tree replaces the socket of a dead process, and refuses the address at which another actor listens", () =>
    Effect.scoped(Effect.gen(function*() {
      const transport = Networks.make(yield* network("unix"))
      const first = yield* listen(transport, actor("frank"))
      const error = yield* Effect.flip(listen(transport, actor("frank")))
      assert.isFalse(error.gone)
      assert.match(error.message, /frank@\d+\.sock is taken \(EADDRINUSE\): another listener is there already/)

      const path = socketOf(first.address)
      const left = `${path}.left`
      Fs.linkSync(path, left)
      first.close()
      Fs.renameSync(left, path)
      assert.isTrue((yield* Effect.flip(transport.dial(first.address))).gone)
      const again = yield* listen(transport, actor("frank"))
      ;(yield* transport.dial(again.address)).destroy()
    })))

  it.live("a tree that should listen at the path of a file that is no socket fails, and leaves the file in place", () =>
    Effect.scoped(Effect.gen(function*() {
      const { folder, ...rest } = yield* network("unix")
      const transport = Networks.make({ folder, ...rest })
      yield* listen(transport, actor("somebody"))
      const path = Path.join(folder, `frank@${process.pid}.sock`)
      Fs.writeFileSync(path, "mine")
      const error = yield* Effect.flip(listen(transport, actor("frank")))
      assert.match(error.message, /there is a file that is no socket. Remove it/)
      assert.strictEqual(Fs.readFileSync(path, "utf8"), "mine")
    })))

  it.live("a tree makes its folder of sockets again after the folder was removed", () =>
    Effect.scoped(Effect.gen(function*() {
      const given = yield* network("unix")
      const transport = Networks.make(given)
      yield* listen(transport, actor("one"))
      Fs.rmSync(given.folder, { recursive: true })
      const two = yield* listen(transport, actor("two"))
      ;(yield* transport.dial(two.address)).destroy()
    })))

  it.live("a tree with two transports dials each address by the transport that listens at the address", () =>
    Effect.scoped(Effect.gen(function*() {
      const [unix, tcp] = [
        Networks.make(yield* network("unix")),
        Networks.make(yield* network("tcp"))
      ]
      const [atUnix, atTcp] = [yield* listen(unix, actor("here")), yield* listen(tcp, actor("there"))]
      const both = Merged.make([unix, tcp], undefined)
      for (const { address } of [atUnix, atTcp]) (yield* both.dial([address])).destroy()
      assert.deepStrictEqual(
        [unix.dials(atTcp.address), tcp.dials(atUnix.address), unix.dials(atUnix.address), tcp.dials(atTcp.address)],
        [false, false, true, true]
      )
      assert.isFalse((yield* Effect.flip(unix.dial(atTcp.address))).gone)
    })))

  it("a tree accepts no actor of another tree, and never signs the same challenge twice", () => {
    const secret = (byte: number) => new Uint8Array(32).fill(byte)
    const [one, again, two] = [authenticator(secret(1)), authenticator(secret(1)), authenticator(secret(2))]
    const said = new TextEncoder().encode("who I am")
    assert.deepStrictEqual(one.mac(said), again.mac(said))
    assert.notDeepEqual(one.nonce, again.nonce)
    assert.notDeepEqual(one.mac(said), two.mac(said))
  })
})

describe("A dial to a Unix socket that cannot succeed fails with the reason", () => {
  it.live("dialling a path that is too long for a Unix socket fails with an error that says so, and dials no other path", () =>
    Effect.scoped(Effect.gen(function*() {
      const transport = Networks.make(yield* network("unix"))
      const error = yield* Effect.flip(transport.dial(`/unix/${"x".repeat(200)}`))
      assert.isFalse(error.gone)
      assert.match(error.message, /has room for \d+ bytes here/)
    })))

  it.live.skipIf(!isLinux)(
    "dialling an actor that lives but accepts no connections fails with an error that does not call the actor dead",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const folder = yield* Folder.make()
        const path = Path.join(folder, "full.sock")
        // A stopped process with a listener that has room for one connection and never accepts.
        const program = yield* Effect.acquireRelease(
          Effect.sync(() =>
            ChildProcess.spawn(process.execPath, [
              "-e",
              `
            require("node:net").createServer(() => {}).listen({ path: ${JSON.stringify(path)}, backlog: 1 }, () => {
              process.kill(process.pid, "SIGSTOP")
            })`
            ], { stdio: "ignore" })
          ),
          (program) => Effect.sync(() => program.kill("SIGKILL"))
        )
        const stopped = () => /^\S+ \(.*\) T/.test(Fs.readFileSync(`/proc/${program.pid}/stat`, "utf8"))
        yield* Eventually.holds("it is stopped", stopped)
        const transport = Networks.make(yield* network("unix"))
        const dial = Effect.acquireRelease(
          transport.dial(`/unix${path}`),
          (connection) => Effect.sync(() => connection.destroy())
        )
        // A dial that fits into the queue is connected; another one waits until there is room.
        let [connected, failed] = [0, 0]
        yield* Effect.forkScoped(
          Effect.forEach(
            Array.from({ length: 6 }),
            () => Effect.match(dial, { onSuccess: () => connected++, onFailure: () => failed++ }),
            { concurrency: "unbounded" }
          )
        )
        yield* Eventually.holds("its queue is full", () => connected >= 1)
        yield* Eventually.pause("100 millis")
        assert.isBelow(connected, 6)
        program.kill("SIGCONT")
        yield* Eventually.holds("all get in", () => connected === 6)
        assert.strictEqual(failed, 0)
      }))
  )

  // Only root can change its user.
  it.live.skipIf(process.geteuid!() !== 0)(
    "a dial to a Unix socket that this user may not open fails with an error that says which users may connect",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const given = yield* network("unix")
        const { address } = yield* listen(Networks.make(given), actor("frank"))
        const stranger = yield* Program.start(fixture("dialler.ts"), { args: [address, "65534"] })
        yield* stranger.says(/said: .*\n/)
        assert.match(stranger.stdout(), /gone: false\nsaid: .*EACCES.*both actors have to run as the same user/)
      }))
  )
})

describe("A process without free file descriptors gets an error that names the limit", () => {
  it.live("a process without free file descriptors can neither listen nor dial, its error names the limit, and it does not take actors for dead", () =>
    Effect.scoped(Effect.gen(function*() {
      const { address } = yield* listen(Networks.make(yield* network("unix")), actor("frank"))
      const program = yield* Program.start(fixture("dialler.ts"), {
        args: [address, "full"],
        through: ["/bin/sh", "-c", "ulimit -n 64; exec \"$@\"", "sh"]
      })
      assert.deepStrictEqual(yield* program.ended(), { code: 0, signal: null })
      const said = program.stdout().trim().split("\n")
      assert.lengthOf(said.filter((line) => line === "gone: false"), 3)
      for (const line of said.filter((line) => line.startsWith("said: "))) {
        assert.match(line, /EMFILE.*too many open files; .*ulimit -n/)
      }
    })))
})

describe("A listener for connections", () => {
  it.live("a listener for connections does not keep its process alive", () =>
    Effect.scoped(Effect.gen(function*() {
      for (const transport of ["unix", "tcp"]) {
        const program = yield* Program.start(fixture("listener.ts"), { args: [transport] })
        assert.deepStrictEqual(yield* program.ended(), { code: 0, signal: null })
        assert.match(program.stdout(), /listening at \//)
      }
    })))
})

describe("A connection whose reader has not begun to read stops its writer", () => {
  /** Writes until the connection is full. The limit `most` is reached only by a reader that should not read. */
  const most = 64 * 1024 * 1024
  const fill = (connection: Connection) => {
    const chunk = new Uint8Array(1024 * 1024)
    let written = 0
    while (written < most) {
      written += chunk.length
      if (!connection.write([chunk])) break
    }
    return written
  }

  for (const [name, turn] of [["accepted", 0], ["dialled", 1]] as const) {
    it.live(`a connection whose reader has not begun to read stops the writer at the other end (the ${name} side writes)`, () =>
      Effect.scoped(Effect.gen(function*() {
        const ends = yield* TransportSuite.dialled(Effect.map(network("unix"), Networks.make))
        const [writer, reader] = [ends[turn], ends[1 - turn]!]
        let drains = 0
        writer.start({ data: () => {}, drain: () => drains++, end: () => {} })
        const written = fill(writer)
        assert.isBelow(written, most)
        yield* Eventually.pause("100 millis")
        assert.strictEqual(drains, 0, "somebody took in what nobody reads")
        let received = 0
        reader.start({ data: (bytes) => (received += bytes.length), drain: () => {}, end: () => {} })
        yield* Eventually.holds("all of it arrives", () => received === written && drains === 1)
      })))
  }
})

describe("The socket files of dead actors are removed", () => {
  const dead = () => ChildProcess.spawnSync("true").pid

  /** Leaves the socket of a process that could not remove it. */
  const leave = (folder: string, name: string, pid: number) =>
    Effect.callback<string>((resume) => {
      const path = Path.join(folder, `${name}@${pid}.sock`)
      const server = Net.createServer().listen({ path: `${path}.x` }, () => {
        Fs.linkSync(`${path}.x`, path)
        server.close(() => resume(Effect.succeed(path)))
      })
    })

  it.live("the parent of a dead actor removes the sockets of this actor and of all other dead actors", () =>
    Effect.scoped(Effect.gen(function*() {
      const given = yield* network("unix")
      const transport = Networks.make(given)
      const { address } = yield* listen(transport, actor("alive"))
      const child = actor("child", dead())
      const left = [
        yield* leave(given.folder, "child", child.pid),
        yield* leave(given.folder, "below", dead())
      ]
      transport.forget!(child)
      assert.deepStrictEqual(left.map((path) => Fs.existsSync(path)), [false, false])
      assert.isTrue(Fs.existsSync(socketOf(address)))
    })))

  it.live("the files of a dead actor's sockets are removed soon after the actor's death, even where the process was not reaped", () =>
    Effect.scoped(Effect.gen(function*() {
      const given = yield* network("unix")
      const transport = Networks.make(given)
      yield* listen(transport, actor("alive"))
      // A shell that has become `sleep` reaps no child, so the other process stays a zombie.
      const shell = yield* Effect.acquireRelease(
        Effect.sync(() =>
          ChildProcess.spawn("/bin/sh", ["-c", "sleep 1000 & echo $!; exec sleep 1000"], {
            stdio: ["ignore", "pipe", "ignore"]
          })
        ),
        (shell) => Effect.sync(() => shell.kill("SIGKILL"))
      )
      let said = ""
      shell.stdout.on("data", (chunk) => {
        said += chunk
      })
      const below = Number(yield* Eventually.holds("it says who is below", () => /\d+\n/.exec(said)?.[0]))
      const left = yield* leave(given.folder, "below", below)
      transport.forget!(actor("child", dead()))
      assert.isTrue(Fs.existsSync(left), "it is still alive")
      process.kill(below, "SIGKILL")
      yield* Eventually.holds("its socket is removed", () => !Fs.existsSync(left))
    })))

  it.live("after each death of an actor, the socket files of dead actors are removed from the tree's folder, even if another removal is already planned", () =>
    Effect.scoped(Effect.gen(function*() {
      const given = yield* network("unix")
      const transport = Networks.make(given)
      yield* listen(transport, actor("alive"))
      for (const child of ["one", "two"]) transport.forget!(actor(child, dead()))
      for (const look of ["the look after the first death", "the look after the second"]) {
        const left = yield* leave(given.folder, "below", dead())
        yield* Eventually.holds(look, () => !Fs.existsSync(left), { within: "4 seconds" })
      }
    })))

  it.live("the death of an actor removes no files where the tree has made no folder, or has already removed its folder", () =>
    Effect.scoped(Effect.gen(function*() {
      const given = yield* network("unix")
      Networks.make(given).forget!(actor("child", dead()))
      assert.isFalse(Fs.existsSync(given.folder))
      const long = Networks.network({ transport: "unix", runtimeFolder: `/${"long/".repeat(40)}` })
      Networks.make(long).forget!(actor("child", dead()))
      Networks.close(long)
    })))

  it.live("the next tree that listens at Unix sockets removes the folder of a tree whose root is dead", () =>
    Effect.scoped(Effect.gen(function*() {
      const runtimeFolder = yield* Folder.make()
      const folderOf = (pid: number, suffix = "0123abcd") => {
        const folder = Path.join(runtimeFolder, `${pid}-${suffix}`)
        Fs.mkdirSync(folder, { mode: 0o700 })
        return folder
      }
      const gone = [folderOf(dead()), folderOf(dead())]
      yield* leave(gone[0]!, "actor", dead())
      Fs.writeFileSync(Path.join(gone[1]!, "a file"), "")
      const kept = [folderOf(process.ppid), folderOf(process.pid), folderOf(1)]
      // Neither of these files has the name of a tree's folder.
      for (const name of ["notes", `${dead()}-notes`]) {
        kept.push(Path.join(runtimeFolder, name))
        Fs.mkdirSync(kept.at(-1)!)
      }
      // The link has the name of a dead tree, and its target does not belong to the tree.
      const elsewhere = yield* Folder.make({ "precious": "yes" })
      Fs.symlinkSync(elsewhere, Path.join(runtimeFolder, `${dead()}-0123abcd`))
      // The root of this tree is not visible from this process, but an actor answers at its socket.
      const unseen = folderOf(dead())
      const server = Net.createServer().listen({ path: Path.join(unseen, `actor@${dead()}.sock`) })
      yield* Effect.addFinalizer(() => Effect.sync(() => void server.close()))
      yield* Eventually.holds("it listens", () => server.listening)

      const tree = Networks.network({ transport: "unix", runtimeFolder })
      yield* listen(Networks.make(tree), actor("frank"))
      assert.deepStrictEqual(gone.filter((path) => Fs.existsSync(path)), [])
      assert.deepStrictEqual(kept.filter((path) => !Fs.existsSync(path)), [])
      assert.isTrue(Fs.existsSync(Path.join(elsewhere, "precious")))
      assert.isTrue(Fs.existsSync(unseen))
    })))
})

describe("The warden of a tree with Unix sockets removes the folder of a killed root", () => {
  const sockets = (folder: string) => Fs.existsSync(folder) ? Fs.readdirSync(folder).length : 0

  it.live.skipIf(!isLinux)(
    "the warden removes the folder of a tree whose root was killed with SIGKILL",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const runtimeFolder = yield* Folder.make({ "neighbour": "" })
        const root = yield* Program.start(fixture("killedRoot.ts"), { args: ["warden", runtimeFolder] })
        const folder = (yield* root.says(/folder (.*)\n/))[1]!
        yield* Eventually.holds("root and actor listen", () => sockets(folder) === 2)
        yield* root.signal("SIGKILL")
        yield* Eventually.holds("the folder is gone", () => !Fs.existsSync(folder))
        assert.deepStrictEqual(Fs.readdirSync(runtimeFolder), ["neighbour"])
        yield* Eventually.holds("nobody is left", () => root.left().length === 0)
      }))
  )

  it.live.skipIf(!isLinux)(
    "the warden follows no symbolic link, neither in the place of the tree's folder nor in that of the runtime folder",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const elsewhere = yield* Folder.make({ "precious": "" })
        const runtimeFolder = yield* Folder.make()
        for (const linked of ["tree", "runtime"]) {
          const root = yield* Program.start(fixture("killedRoot.ts"), { args: ["warden", runtimeFolder] })
          const folder = (yield* root.says(/folder (.*)\n/))[1]!
          yield* Eventually.holds("root and actor listen", () => sockets(folder) === 2)
          if (linked === "tree") {
            Fs.rmSync(folder, { recursive: true })
            Fs.symlinkSync(elsewhere, folder)
          } else {
            Fs.rmSync(runtimeFolder, { recursive: true })
            Fs.mkdirSync(Path.join(elsewhere, Path.basename(folder)))
            Fs.symlinkSync(elsewhere, runtimeFolder)
          }
          yield* root.signal("SIGKILL")
          yield* Eventually.holds("nobody is left", () => root.left().length === 0)
          assert.isTrue(Fs.existsSync(Path.join(folder, linked === "tree" ? "precious" : ".")), linked)
        }
      }))
  )

  it.live("the next tree removes the folder of a killed root whose warden was killed too", () =>
    Effect.scoped(Effect.gen(function*() {
      const runtimeFolder = yield* Folder.make()
      const root = yield* Program.start(fixture("killedRoot.ts"), { args: ["thread", runtimeFolder] })
      const folder = (yield* root.says(/folder (.*)\n/))[1]!
      yield* Eventually.holds("root and actor listen", () => sockets(folder) === 2)
      process.kill(root.left().find(({ command }) => command.includes("furrow-warden"))!.pid, "SIGKILL")
      yield* root.signal("SIGKILL")
      yield* root.ended()
      yield* Eventually.holds("nobody is left", () => root.left().length === 0)
      assert.strictEqual(sockets(folder), 2)
      const tree = Networks.network({ transport: "unix", runtimeFolder })
      yield* listen(Networks.make(tree), actor("frank"))
      assert.isFalse(Fs.existsSync(folder))
    })))
})
