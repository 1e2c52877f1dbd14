/**
 * Lets trees see each other: each tree publishes its listed actors at an engine, under one lease, and follows what the
 * other trees have published.
 *
 * The tree's own registrar still decides about the names of the tree. The publishing of a tree delays no start: changes
 * are sent in batches, and after an outage of the engine all actors are published again. A start waits for the engine
 * only if its name must be unique among all trees.
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { NameTaken } from "../errors/ActorError.ts"
import { RuntimeLayerError } from "../errors/RuntimeLayerError.ts"
import { DiscoveryDriver, type Token } from "../leases/Driver.ts"
import { part } from "../leases/hinted.ts"
import { layerLeases, Leases } from "../leases/Leases.ts"
import type { Entry, Listing } from "../settings/ActorRef.ts"
import { logWarning } from "../settings/Log.ts"
import type { Directory, RootAddress } from "./Directory.ts"
import { Discovery, type DiscoveryTree, layerTree } from "./Discovery.ts"
import * as Following from "./Following.ts"
import * as TreePages from "./TreePages.ts"
import { twice, WideNames } from "./WideNames.ts"

/**
 * Settings of a tree at a shared engine: the trees that see its actors, the duration of its lease, and its host.
 *
 * @category models
 * @since 0.2.0
 */
export interface SharedOptions {
  /**
   * The trees that see an actor whose start has no option `listed` (`Actor.start(name, { listed })`). Default:
   * `everyone`.
   */
  readonly listed?: Listing | undefined
  /**
   * The time for which a tree stays listed after it died or was cut off. The lease of a tree is renewed four times
   * within its duration. By default a tree stays listed for 15 seconds after it died or was cut off.
   */
  readonly ttl?: Duration.Input | undefined
  /**
   * The host of this tree; actors with `listed: "host"` are seen only by trees of the same host. The default host of a
   * tree is the name of the computer on which its root runs.
   */
  readonly host?: string | undefined
}

type Service = Leases["Service"]

/** The key under which a `DiscoveryTree` lists the engines that its Discovery Layers already use. */
const above = Symbol("engines above")

interface Stacked extends DiscoveryTree {
  readonly [above]?: ReadonlyArray<DiscoveryDriver["Service"]>
}

const stackedTwice = () =>
  new RuntimeLayerError({
    what: "discovery",
    key: "layerShared",
    module: "the root's program",
    step: "layer",
    reason: twice
  })

/** The milliseconds for which changes of a tree are collected before they are sent to the engine. */
const batchMillis = 20

/** The number of changes that are handled in one turn of the event loop. */
const changesAtOnce = 128

/** The limits of the work in one turn of the event loop: 4096 entries, and 64 pages. */
const entriesAtOnce = 4_096
const pagesAtOnce = 64

/** Publishes the entries of one tree for the trees of one reach: the trees of one host, or all trees. */
class Publisher {
  state = TreePages.initial
  private written: Array<number> = []
  private head: Token | undefined
  /**
   * The time since which the engine refuses this tree's values, because another lease holds their keys; `Infinity` once
   * a warning about the refusal was logged.
   */
  private takenSince: number | undefined
  private readonly dirty = Latch.makeUnsafe(true)
  private readonly leases: Service
  private readonly reach: TreePages.Reach
  private readonly tree: DiscoveryTree

  constructor(leases: Service, reach: TreePages.Reach, tree: DiscoveryTree) {
    this.leases = leases
    this.reach = reach
    this.tree = tree
  }

  take(changes: ReadonlyArray<TreePages.One>, shows: (entry: Entry) => boolean): void {
    const next = TreePages.step(this.state, changes, shows)
    const isSame = next.pages.every((page, n) => page === this.state.pages[n]) &&
      next.pages.length === this.state.pages.length
    this.state = next
    if (!isSame) this.dirty.openUnsafe()
  }

  /**
   * True if this tree has to be published at the engine. A tree without published actors is published only for readers
   * on all hosts.
   */
  private get isNeeded(): boolean {
    return this.reach === "everyone" || this.state.pages.length > 0
  }

  /** Writes a key of this tree; `undefined` if the engine did not accept the key. */
  private put(key: string, value: string): Effect.Effect<Token | undefined> {
    return Effect.gen({ self: this }, function*() {
      const created = yield* this.leases.create(key, value)
      if (created?._tag === "Taken") yield* this.taken
      else this.takenSince = undefined
      return created?._tag === "Granted" ? created.token : undefined
    })
  }

  /**
   * Sends the changes of this tree that the engine does not hold yet; false if the engine did not accept the changes.
   */
  private readonly send: Effect.Effect<boolean> = Effect.gen({ self: this }, function*() {
    if (!this.isNeeded) return true
    const { host, root, tree } = this.tree
    const { pages } = this.state
    const { reach } = this
    for (const [number, page] of pages.entries()) {
      if (this.written[number] === page.revision) continue
      const key = TreePages.pageKey(reach, root.actor.uuid, number)
      if ((yield* this.put(key, TreePages.encodePage(page))) === undefined) return false
      this.written[number] = page.revision
    }
    const at = yield* Effect.catch(
      this.tree.addresses,
      (error) => Effect.as(logWarning(`the root does not listen for other trees: ${error.message}`), [])
    )
    const head = { tree, host, root: root.actor, at, pages: pages.map(({ revision }) => revision) }
    const token = yield* this.put(TreePages.headKey(reach, root.actor.uuid), TreePages.encodeHead(head))
    if (token === undefined) return false
    this.head = token
    return true
  })

  /**
   * Logs a warning if the engine refuses this tree's values for longer than a lease lasts, because two Discovery Layers
   * of this program use the same engine.
   */
  private readonly taken: Effect.Effect<void> = Effect.gen({ self: this }, function*() {
    const now = yield* Clock.currentTimeMillis
    this.takenSince ??= now
    if (now - this.takenSince <= this.leases.lease.ttlMillis) return
    this.takenSince = Infinity
    yield* logWarning(`this tree is not published, because ${twice}`)
  })

  /** Publishes the tree as long as its lease lasts, and sends all pages again under a new lease. */
  readonly run: Effect.Effect<never> = Effect.gen({ self: this }, function*() {
    const { leases } = this
    const epoch = yield* leases.held
    this.written = []
    this.dirty.openUnsafe()
    const sending = Effect.forever(Effect.gen({ self: this }, function*() {
      yield* this.dirty.await
      yield* Effect.sleep(batchMillis)
      yield* this.dirty.close
      // A write to the engine is not interrupted, because the end of the tree needs the token that the engine returns.
      if (yield* Effect.uninterruptible(this.send)) return
      this.dirty.openUnsafe()
      yield* Effect.sleep(leases.lease.ttlMillis * part.afterFailure)
    }))
    yield* Effect.raceFirst(sending, leases.fenced(epoch))
    return yield* this.run
  })

  /** Removes the tree from the engine's list when the tree ends. The pages of the tree disappear with its lease. */
  readonly withdraw: Effect.Effect<void> = Effect.suspend(() => {
    const { driver, lease } = this.leases
    if (this.head === undefined) return Effect.void
    const remove = driver.remove(TreePages.headKey(this.reach, this.tree.root.actor.uuid), this.head)
    return Effect.ignore(Effect.timeout(remove, Math.min(1_000, lease.ttlMillis * part.again)))
  })
}

/** The trees that may see an entry; `undefined` when the entry is not seen outside its tree. */
const reachOf = ({ listed }: Entry, usual: Listing, host: string): TreePages.Reach | undefined => {
  const seenBy = listed ?? usual
  return seenBy === "tree" ? undefined : seenBy === "host" ? `host/${host}` : "everyone"
}

/**
 * Looks up the process number of a name's holder, because the engine learned of the holder before its process existed.
 */
const withPid = (below: Directory) => ({ actor, wanted }: NameTaken) =>
  Effect.flatMap(below.list(wanted), (entries) => {
    const known = entries.find((entry) => entry.actor.uuid === actor.uuid)
    return new NameTaken({ wanted, actor: known?.actor ?? actor })
  })

/** Finds the published entries that a snapshot does not hold, and lets other work run during the search. */
const missing = (publishers: ReadonlyArray<Publisher>, entries: ReadonlyArray<Entry>) =>
  Effect.gen(function*() {
    const ended: Array<TreePages.One> = []
    if (publishers.every(({ state }) => state.pages.length === 0)) return ended
    const there = new Set<string>()
    for (const [at, { actor }] of entries.entries()) {
      if (at % entriesAtOnce === entriesAtOnce - 1) yield* Effect.yieldNow
      there.add(actor.uuid)
    }
    for (const { state } of publishers) {
      for (const [at, page] of state.pages.entries()) {
        if (at % pagesAtOnce === pagesAtOnce - 1) yield* Effect.yieldNow
        for (const change of TreePages.ended(page, there)) ended.push(change)
      }
    }
    return ended
  })

/** Publishes the tree of this process, and follows the other trees of the engine. */
const share = (
  tree: DiscoveryTree,
  below: Directory,
  leases: Service,
  { listed = "everyone" }: SharedOptions
): Effect.Effect<Directory, never, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const { host, registrar } = tree
    const reaches: ReadonlyArray<TreePages.Reach> = ["everyone", `host/${host}`]
    const keyOf = (entry: Entry): string | undefined => {
      const reach = reachOf(entry, listed, host)
      return reach === undefined || !entry.unique ? undefined : TreePages.nameKey(reach, entry.actor.name)
    }
    const publishers = reaches.map((reach) => ({ reach, publisher: new Publisher(leases, reach, tree) }))
    /** The listed actors of this tree with a unique name, by the key of that name. */
    const alone = new Map<string, Map<string, Entry>>()
    const takeOver = (changes: ReadonlyArray<TreePages.One>) => {
      for (const { publisher, reach } of publishers) {
        publisher.take(changes, (entry) => {
          if (reachOf(entry, listed, host) !== reach) return false
          const key = keyOf(entry)
          return key === undefined || !names.isLost(key)
        })
      }
    }
    const names: WideNames = new WideNames(leases, scope, (key) => {
      const _tag = names.isLost(key) ? "Down" : "Up"
      takeOver(Array.from(alone.get(key)?.values() ?? [], (entry) => ({ _tag, entry, why: "stale" })))
    })
    const note = ({ _tag, entry }: TreePages.One) => {
      const key = keyOf(entry)
      if (key === undefined) return
      const held = alone.get(key) ?? new Map<string, Entry>()
      if (_tag === "Down") held.delete(entry.actor.uuid)
      else held.set(entry.actor.uuid, entry)
      if (held.size === 0) alone.delete(key)
      else alone.set(key, held)
    }
    const inTurns = (count: number, changeOf: (at: number) => TreePages.One) =>
      Effect.gen(function*() {
        for (let from = 0; from < count; from += changesAtOnce) {
          if (from > 0) yield* Effect.yieldNow
          const some = Array.from({ length: Math.min(changesAtOnce, count - from) }, (_, n) => changeOf(from + n))
          for (const change of some) note(change)
          takeOver(some)
        }
      })
    const own = Stream.runForEach(registrar.own, (change) => {
      if (change._tag !== "Snapshot") return inTurns(1, () => change)
      const { entries } = change
      return Effect.gen(function*() {
        const ended = yield* missing(publishers.map(({ publisher }) => publisher), entries)
        yield* inTurns(ended.length, (at) => ended[at]!)
        // The entries of a list are reversed, because a list begins with the latest ready actor, while a reader is told
        // in the order of becoming ready.
        yield* inTurns(entries.length, (at) => ({ _tag: "Up", entry: entries[entries.length - 1 - at]! }))
      })
    })
    yield* Effect.addFinalizer(() =>
      Effect.all([names.end, ...publishers.map(({ publisher }) => publisher.withdraw)], {
        concurrency: "unbounded",
        discard: true
      })
    )
    yield* Effect.forkScoped(own)
    const failing = new Set<Following.Follower>()
    const followers = reaches.map((reach) => new Following.Follower(leases, reach, tree, failing))
    for (const { run } of [...publishers.map((one) => one.publisher), ...followers]) yield* Effect.forkScoped(run)
    const rootOf = (uuid: string): Effect.Effect<RootAddress | undefined> =>
      Effect.flatMap(below.root?.(uuid) ?? Effect.undefined, (known) => {
        if (known !== undefined) return Effect.succeed(known)
        const followed = followers.map((follower) => follower.root(uuid)).find((root) => root !== undefined)
        // A reference may name an actor of a tree that is not known yet, so the engine is asked for the root of that
        // tree.
        return followed !== undefined ? Effect.succeed(followed) : Following.lookUp(leases, reaches, uuid)
      })
    return {
      ...below,
      claim: (entry) => {
        const key = keyOf(entry)
        if (key === undefined) return below.claim(entry)
        const claimed = Effect.onError(names.claim(key, entry), () => below.gone(entry.actor.uuid))
        return Effect.andThen(below.claim(entry), Effect.catchTag(claimed, "NameTaken", withPid(below)))
      },
      gone: (uuid) => Effect.andThen(names.release(uuid), below.gone(uuid)),
      root: rootOf
    }
  })

/**
 * A Discovery for trees that share an engine: finding, waiting, watching and listing in one tree include the `listed`
 * actors of the other trees. Programs that find each other's actors need one engine, one secret (`credentials`), and a
 * transport by which they reach each other.
 *
 * An outage of the engine delays no start of an actor, and removes no actor from a list. A tree that has died is listed
 * until its lease ends. Only a start with `unique: true` asks the engine: the start fails with `NameTaken` when an
 * actor of another tree has the name, and with `ActorUnreachable` when the engine does not answer.
 *
 * The function `layerShared` wraps the Discovery of the context, by default `Discovery.layerTree`, so that several
 * engines can list a tree. A tree uses each engine once: a second Discovery over the same engine fails with
 * `RuntimeLayerError`.
 *
 * @example
 * ```ts
 * const trees = Discovery.layerShared({ listed: "tree" }).pipe(Layer.provide(Discovery.layerDriverMemory))
 * yield* Effect.provide(program, MemoryActor.layer.pipe(Layer.provide(trees))) // true
 * ```
 * @category layers
 * @since 0.2.0
 */
export const layerShared = (options: SharedOptions = {}): Layer.Layer<Discovery, never, DiscoveryDriver> =>
  Layer.effect(
    Discovery,
    Effect.gen(function*() {
      const driver = yield* DiscoveryDriver
      const given = Context.getOption(yield* Effect.context<never>(), Discovery)
      const under = Option.isSome(given) ? given.value : Context.get(yield* Layer.build(layerTree), Discovery)
      return {
        open: (tree: Stacked) =>
          Effect.gen(function*() {
            const engines = tree[above] ?? []
            if (engines.includes(driver)) return yield* stackedTwice()
            const stacked: Stacked = { ...tree, [above]: [...engines, driver] }
            const below = yield* under.open(stacked)
            // Each root has a lease of its own, because the engine cannot tell two holders of one lease apart.
            const leases = yield* Layer.build(
              layerLeases({ ttl: options.ttl }).pipe(Layer.provide(Layer.succeed(DiscoveryDriver, driver)))
            )
            const on = { ...tree, host: options.host ?? tree.host }
            return yield* share(on, below, Context.get(leases, Leases), options)
          })
      }
    })
  )
