/**
 * Tests the duties that every `Discovery` has towards its tree. A name is held from its claim on, and is listed from
 * the time its actor is ready until the actor is gone. A watcher of the registry gets every change in order, and
 * costs a bounded amount of memory.
 *
 * To test a new Discovery, pass to `contract` a function that makes the Discovery. Each test case of this suite opens
 * the Discovery for a tree of its own, with the registrar of this tree below the Discovery. No test case checks
 * whether a parent may report about an actor, because the runtime itself checks this permission. A test case compares
 * only the entries of its own tree, because an engine may hold entries of other trees.
 *
 * @since 0.1.0
 */
import { type ActorError, NameTaken } from "@furrow/actor/ActorError"
import {
  type Change,
  type Directory,
  Discovery,
  type Entry,
  makeRegistrar,
  type TreeRegistrar
} from "@furrow/actor/Discovery"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Assert from "node:assert/strict"
import * as Crypto from "node:crypto"
import type { Case, Contract } from "./Contract.ts"
import * as Eventually from "./Eventually.ts"
import { equal, settled } from "./internal/recorder.ts"
import * as Leaks from "./Leaks.ts"

/**
 * Makes a Discovery that is not open yet. The Scope in which the Discovery is made closes the resources that all
 * trees of the Discovery share, such as a connection to an engine.
 *
 * @category models
 * @since 0.1.0
 */
export type MakeDiscovery = Effect.Effect<Discovery["Service"], unknown, Scope.Scope>

/**
 * Makes a Discovery from its Layer. The returned effect fails when the Layer of the Discovery cannot be built.
 *
 * @example
 * ```ts check
 * DiscoverySuite.contract(DiscoverySuite.fromLayer(Discovery.layerTree)).length > 0 // true
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const fromLayer = <E>(layer: Layer.Layer<Discovery, E>): MakeDiscovery =>
  Effect.flatMap(
    Effect.scope,
    (scope) => Effect.map(Layer.buildWithScope(layer, scope), (context) => Context.get(context, Discovery))
  )

/** The tree for which a test case opens a Discovery. */
class Tree {
  private readonly id = Crypto.randomUUID().slice(0, 8)
  readonly root: Entry = this.entry("root")
  readonly ended = new Set<string>()
  /** The number of watchers that the registrar of the test case's tree has now. */
  watching = 0
  readonly isGone = ({ actor }: Entry) => Effect.sync(() => this.ended.has(actor.uuid))
  readonly registrar: TreeRegistrar
  private readonly discovery: Discovery["Service"]

  constructor(discovery: Discovery["Service"]) {
    this.discovery = discovery
    const below = makeRegistrar({ root: this.root, isGone: this.isGone })
    const counted = Effect.acquireRelease(
      Effect.sync(() => ++this.watching),
      () => Effect.sync(() => --this.watching)
    )
    this.registrar = {
      ...below,
      watch: (name) => Stream.unwrap(Effect.as(counted, below.watch(name)))
    }
  }

  get open() {
    const { isGone, registrar, root } = this
    const addresses = Effect.succeed(["/memory/suite"])
    return this.discovery.open({ root, registrar, isGone, tree: "suite", host: "here", addresses })
  }

  /** Returns a name that no other tree has, because an engine may know the names of other trees. */
  name(of: string): string {
    return `${of}-${this.id}`
  }

  entry(
    of: string,
    options: { readonly below?: Entry; readonly unique?: boolean; readonly role?: string } = {}
  ): Entry {
    const uuid = Crypto.randomUUID()
    return {
      actor: { name: this.name(of), uuid, pid: 0 },
      path: [...options.below?.path ?? this.root?.path ?? [], uuid],
      service: null,
      exposed: [],
      unique: options.unique ?? false,
      ...(options.role === undefined ? {} : { role: { name: options.role, holdMillis: 1000 } })
    }
  }

  /**
   * The names of the actors in the entries of the test case's tree, in order, without the suffix that makes them
   * unique.
   */
  short(entries: ReadonlyArray<Entry>): ReadonlyArray<string> {
    return entries.filter(({ path }) => path[0] === this.root.actor.uuid).map(({ actor }) => this.plain(actor.name))
  }

  plain(name: string): string {
    return name.slice(0, -this.id.length - 1)
  }

  /** Formats a change of this tree that a watcher has received as text. */
  told(change: Change): string | undefined {
    if (change._tag === "Snapshot") return `all ${this.short(change.entries).toSorted().join(" ")}`
    if (change.entry.path[0] !== this.root.actor.uuid) return undefined
    return change._tag === "Up"
      ? `up ${this.plain(change.entry.actor.name)}`
      : `${change.why} ${this.plain(change.entry.actor.name)}`
  }
}

/** The tools of a test case: its tree, and the directory that the Discovery has opened for this tree. */
interface Opened {
  readonly tree: Tree
  readonly directory: Directory
}

let pids = 1000

/** Adds an actor to the registry of the test case's tree, and reports the actor as ready. */
const come = ({ directory, tree }: Opened, of: string, options: Parameters<Tree["entry"]>[1] = {}) =>
  Effect.gen(function*() {
    const entry = tree.entry(of, options)
    yield* directory.claim(entry)
    const pid = ++pids
    yield* directory.ready(entry.actor.uuid, pid)
    return { ...entry, actor: { ...entry.actor, pid } }
  })

const listed = ({ directory, tree }: Opened, of?: string) =>
  Effect.map(directory.list(of === undefined ? undefined : tree.name(of)), (entries) => tree.short(entries))

/** Reads the changes of a watch without delay, until the Scope closes or `stop` is called. */
const reading = ({ directory, tree }: Opened, of?: string) =>
  Effect.gen(function*() {
    const heard: Array<string> = []
    const changes = directory.watch(of === undefined ? undefined : tree.name(of))
    const fiber = yield* Effect.forkScoped(Stream.runForEach(changes, (change) =>
      Effect.sync(() => {
        const told = tree.told(change)
        if (told !== undefined) heard.push(told)
      })))
    yield* Eventually.holds("a watch begins with the entries that are there", () => heard.length > 0)
    const hears = (...expected: ReadonlyArray<string>) =>
      Effect.andThen(
        Effect.ignore(Eventually.holds("it hears the last one", () => heard.length >= expected.length)),
        Effect.sync(() => equal(heard, expected))
      )
    return { heard, hears, stop: Fiber.interrupt(fiber) }
  })

const taken = (claim: Effect.Effect<void, ActorError>) =>
  Effect.map(Effect.flip(claim), (error) => {
    Assert.ok(error instanceof NameTaken, `it failed with ${String(error)}`)
    return error
  })

type Body = (opened: Opened) => Effect.Effect<unknown, unknown, Scope.Scope>

const names: Record<string, Body> = {
  "the root is listed from the beginning": (opened) =>
    Effect.gen(function*() {
      equal(yield* listed(opened), ["root"])
    }),
  "a claimed name is listed once its actor is ready, with the pid it has then": (opened) =>
    Effect.gen(function*() {
      const { directory, tree } = opened
      const entry = tree.entry("new")
      yield* directory.claim(entry)
      equal(yield* listed(opened), ["root"])
      yield* directory.ready(entry.actor.uuid, 4711)
      const [found, ...others] = yield* directory.list(tree.name("new"))
      equal([found, others], [{ ...entry, actor: { ...entry.actor, pid: 4711 } }, []])
    }),
  "two actors may share a name, and the one that was ready last is listed first": (opened) =>
    Effect.gen(function*() {
      const { directory, tree } = opened
      const [early, late] = [tree.entry("twin"), tree.entry("twin")]
      for (const entry of [early, late]) yield* directory.claim(entry)
      for (const entry of [late, early]) yield* directory.ready(entry.actor.uuid, ++pids)
      const found = yield* directory.list(tree.name("twin"))
      equal(found.map(({ actor }) => actor.uuid), [early.actor.uuid, late.actor.uuid])
    }),
  "a claim of a name that is held alone fails with NameTaken, which names the holder": (opened) =>
    Effect.gen(function*() {
      const { directory, tree } = opened
      const { actor } = yield* come(opened, "only", { unique: true })
      for (const unique of [true, false]) {
        const error = yield* taken(directory.claim(tree.entry("only", { unique })))
        equal(error.wanted, actor.name)
        equal([error.actor.uuid, error.actor.pid], [actor.uuid, actor.pid])
      }
      equal(yield* listed(opened, "only"), ["only"])
    }),
  "a claim of a name alone fails while others share it, also where they are still starting": (opened) =>
    Effect.gen(function*() {
      const { directory, tree } = opened
      yield* directory.claim(tree.entry("shared"))
      yield* taken(directory.claim(tree.entry("shared", { unique: true })))
      yield* come(opened, "shared")
    }),
  "one of many claims for a name alone succeeds": ({ directory, tree }) =>
    Effect.gen(function*() {
      const claims = Array.from({ length: 20 }, () => directory.claim(tree.entry("one", { unique: true })))
      const exits = yield* Effect.forEach(claims, Effect.exit, { concurrency: "unbounded" })
      equal(exits.filter(Exit.isSuccess).length, 1)
    }),
  "a name is free again when its holder is gone, also where it was never ready": (opened) =>
    Effect.gen(function*() {
      const { directory, tree } = opened
      const starting = tree.entry("only", { unique: true })
      yield* directory.claim(starting)
      yield* directory.gone(starting.actor.uuid)
      const ready = yield* come(opened, "only", { unique: true })
      yield* directory.gone(ready.actor.uuid)
      equal(yield* listed(opened, "only"), [])
      yield* come(opened, "only", { unique: true })
      equal(yield* listed(opened, "only"), ["only"])
    }),
  "players of one role hold a name together, and a successor is listed in the place of the actor before it": (opened) =>
    Effect.gen(function*() {
      const { directory, tree } = opened
      const first = yield* come(opened, "role", { unique: true, role: "clerk" })
      const next = tree.entry("role", { unique: true, role: "clerk" })
      yield* directory.claim(next)
      equal((yield* directory.list(tree.name("role"))).map(({ actor }) => actor.uuid), [first.actor.uuid])
      yield* directory.ready(next.actor.uuid, ++pids, first.actor.uuid)
      equal((yield* directory.list(tree.name("role"))).map(({ actor }) => actor.uuid), [next.actor.uuid])
      yield* taken(directory.claim(tree.entry("role", { unique: true })))
      yield* directory.gone(first.actor.uuid)
      equal((yield* directory.list(tree.name("role"))).map(({ actor }) => actor.uuid), [next.actor.uuid])
      yield* taken(directory.claim(tree.entry("role", { unique: true })))
    }),
  "a claim that is made twice is one claim": (opened) =>
    Effect.gen(function*() {
      const { directory, tree } = opened
      const entry = tree.entry("twice", { unique: true })
      yield* directory.claim(entry)
      yield* directory.claim(entry)
      yield* directory.ready(entry.actor.uuid, ++pids)
      equal(yield* listed(opened), ["twice", "root"])
    }),
  "a list of one name holds no other": (opened) =>
    Effect.gen(function*() {
      for (const  of of["a", "b", "a"]) yield* come(opened, of)
      equal(yield* listed(opened, "a"), ["a", "a"])
      equal(yield* listed(opened, "nobody"), [])
      equal(yield* listed(opened), ["a", "b", "a", "root"])
    }),
  "the end of an actor takes everybody below it off the list": (opened) =>
    Effect.gen(function*() {
      const above = yield* come(opened, "above")
      const below = yield* come(opened, "below", { below: above })
      yield* come(opened, "deepest", { below })
      yield* come(opened, "beside")
      yield* opened.directory.gone(above.actor.uuid)
      equal(yield* listed(opened), ["beside", "root"])
    }),
  "a word of an actor that is not there changes nothing": (opened) =>
    Effect.gen(function*() {
      const { directory, tree } = opened
      const { actor } = yield* come(opened, "ended")
      yield* directory.gone(actor.uuid)
      for (const uuid of [actor.uuid, tree.entry("never").actor.uuid]) {
        yield* directory.gone(uuid)
        yield* directory.ready(uuid, ++pids)
        yield* directory.stale(uuid)
      }
      equal(yield* listed(opened), ["root"])
    }),
  "an actor whose parent is not there is not listed": (opened) =>
    Effect.gen(function*() {
      const { directory, tree } = opened
      const parent = tree.entry("parent")
      const orphan = tree.entry("orphan", { below: parent })
      Assert.ok(Exit.isFailure(yield* Effect.exit(directory.claim(orphan))), "its claim succeeds")
      yield* Effect.exit(directory.ready(orphan.actor.uuid, ++pids))
      equal(yield* listed(opened), ["root"])
    }),
  "a stale actor is forgotten with everybody below it, but only if it is gone": (opened) =>
    Effect.gen(function*() {
      const { directory, tree } = opened
      const alive = yield* come(opened, "alive")
      const dead = yield* come(opened, "dead")
      yield* come(opened, "below", { below: dead })
      tree.ended.add(dead.actor.uuid).add(tree.root.actor.uuid)
      for (const { actor } of [alive, dead, tree.root]) yield* directory.stale(actor.uuid)
      equal(yield* listed(opened), ["alive", "root"])
    }),
  "the registrar of the tree lists the same actors as the directory": (opened) =>
    Effect.gen(function*() {
      const { directory, tree } = opened
      const one = yield* come(opened, "one")
      yield* come(opened, "two", { below: one })
      equal(tree.short(yield* tree.registrar.list(undefined)), ["two", "one", "root"])
      yield* directory.gone(one.actor.uuid)
      equal(tree.short(yield* tree.registrar.list(undefined)), ["root"])
    }),
  "the functions of a directory work on a copy of it": ({ directory, tree }) =>
    Effect.gen(function*() {
      const copy = { ...directory }
      const { actor } = yield* come({ directory: copy, tree }, "copied")
      yield* copy.stale(actor.uuid)
      equal(yield* listed({ directory: copy, tree }), ["copied", "root"])
      const { hears } = yield* reading({ directory: copy, tree })
      yield* copy.gone(actor.uuid)
      yield* hears("all copied root", "ended copied")
    })
}

/** A number of registry changes that is larger than the number that any watcher may leave unread. */
const many = 5000

const watches: Record<string, Body> = {
  "a watch begins with every actor that is there": (opened) =>
    Effect.gen(function*() {
      yield* come(opened, "there")
      yield* opened.directory.claim(opened.tree.entry("starting"))
      const { hears } = yield* reading(opened)
      yield* settled
      yield* hears("all root there")
    }),
  "a watch tells each change in order, the deepest first where several end": (opened) =>
    Effect.gen(function*() {
      const { directory, tree } = opened
      const { hears } = yield* reading(opened)
      const above = yield* come(opened, "above")
      const below = yield* come(opened, "below", { below: above })
      yield* come(opened, "deepest", { below })
      yield* directory.gone(above.actor.uuid)
      const dead = yield* come(opened, "dead")
      tree.ended.add(dead.actor.uuid)
      yield* directory.stale(dead.actor.uuid)
      yield* hears(
        "all root",
        "up above",
        "up below",
        "up deepest",
        "ended deepest",
        "ended below",
        "ended above",
        "up dead",
        "stale dead"
      )
    }),
  "a watch of one name tells of no other": (opened) =>
    Effect.gen(function*() {
      yield* come(opened, "other")
      const { hears } = yield* reading(opened, "one")
      for (const  of of["other", "one"]) {
        const { actor } = yield* come(opened, of)
        yield* opened.directory.gone(actor.uuid)
      }
      yield* settled
      yield* hears("all ", "up one", "ended one")
    }),
  "every watcher hears everything": (opened) =>
    Effect.gen(function*() {
      const watchers = yield* Effect.forEach([1, 2, 3], () => reading(opened))
      yield* watchers[0]!.stop
      yield* come(opened, "new")
      for (const { hears } of watchers.slice(1)) yield* hears("all root", "up new")
      equal(watchers[0]!.heard, ["all root"])
    }),
  "a watcher that reads slowly gets a new snapshot instead of what it has missed": (opened) =>
    Effect.gen(function*() {
      const { directory } = opened
      const pull = yield* Stream.toPull(directory.watch(undefined))
      const there = new Set<string>()
      let heard = 0
      const read = Effect.map(pull, (changes) => {
        for (const change of changes) {
          heard++
          if (change._tag === "Snapshot") {
            there.clear()
            for (const { actor } of change.entries) there.add(actor.uuid)
          } else if (change._tag === "Up") there.add(change.entry.actor.uuid)
          else there.delete(change.entry.actor.uuid)
        }
      })
      yield* read
      const kept = yield* come(opened, "kept")
      for (let i = 0; i < many / 2; i++) yield* directory.gone((yield* come(opened, "passing")).actor.uuid)
      // Waits until the tested discovery has read as many changes ahead of the slow watcher as it ever reads.
      yield* settled
      yield* directory.gone(kept.actor.uuid)
      const last = yield* come(opened, "last")
      const caughtUp = Effect.andThen(read, Effect.sync(() => there.has(last.actor.uuid)))
      yield* Eventually.succeeds(Effect.flatMap(caughtUp, (is) => is ? Effect.void : Effect.fail("it is behind")), {
        what: "the watcher catches up",
        every: 0
      })
      equal(there, new Set((yield* directory.list(undefined)).map(({ actor }) => actor.uuid)))
      Assert.ok(heard < many / 2, `${heard} of ${many} changes were kept for it`)
    }),
  "a watcher that stops is forgotten": (opened) =>
    Effect.gen(function*() {
      // A Discovery that follows the registrar has one watch of its own, from the beginning or from its first watcher
      // on.
      yield* Effect.flatMap(reading(opened), ({ stop }) => stop)
      yield* settled
      const before = opened.tree.watching
      const watchers = yield* Effect.forEach([1, 2, 3], () => reading(opened))
      yield* Effect.forEach(watchers, ({ stop }) => stop)
      yield* settled
      equal(opened.tree.watching, before)
    })
}

/** The test case in which the Discovery itself is closed. */
const leftBehind = (discovery: Discovery["Service"]) =>
  Effect.gen(function*() {
    const tree = new Tree(discovery)
    const temporary = { prefix: `furrow-suite-${Crypto.randomUUID()}` }
    yield* Leaks.withoutLeaks(
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const directory = yield* Scope.provide(tree.open, scope)
        const opened = { directory, tree }
        yield* come(opened, "left")
        yield* Effect.scoped(Effect.flatMap(reading(opened), ({ stop }) => stop))
        yield* Scope.close(scope, Exit.void)
      }),
      { within: "5 seconds", temporary }
    )
    yield* settled
    equal(tree.watching, 0)
  })

/**
 * Returns the test cases for the Discovery that `make` makes. A test case fails when the Discovery breaks its duty,
 * and ends by itself within seconds.
 *
 * @example
 * ```ts check
 * const make = DiscoverySuite.fromLayer(Discovery.layerTree)
 * for (const { run, title } of DiscoverySuite.contract(make)) it.live(title, () => run)
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const contract = (make: MakeDiscovery): Contract => [
  ...Object.entries<Body>({ ...names, ...watches }).map(([title, body]): Case => ({
    title,
    run: Effect.asVoid(Effect.scoped(Effect.gen(function*() {
      const tree = new Tree(yield* make)
      return yield* body({ tree, directory: yield* tree.open })
    })))
  })),
  {
    title: "a Scope that closes leaves nothing of what was opened in it",
    run: Effect.scoped(Effect.flatMap(make, leftBehind))
  }
]
