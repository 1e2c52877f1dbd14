/**
 * Follows the other trees of an engine, and reports their actors to the registrar of a tree, or to a tool. The list of
 * trees at the engine is read after each change that the engine reports, and at least four times during each lease.
 *
 * An outage of the engine leaves the list of actors unchanged. Every watcher of the registry gets a snapshot when the
 * engine answers again after an outage.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type Held } from "../leases/Driver.ts"
import { hinted, part } from "../leases/hinted.ts"
import type { Leases } from "../leases/Leases.ts"
import type { Entry } from "../settings/ActorRef.ts"
import type { RootAddress } from "./Directory.ts"
import * as Forest from "./Forest.ts"
import type { TreeRegistrar } from "./RegistrarService.ts"
import * as TreePages from "./TreePages.ts"

/**
 * An engine, and a lease whose duration determines how often the engine's list is read. A follower of an engine holds
 * no key under this lease.
 */
type Service = Pick<Leases["Service"], "driver" | "lease">

/**
 * The reader to which a follower reports: the registrar of a tree, or a tool. The registrar of a tree does not get its
 * own actors from the follower; a tool has no tree of its own.
 */
export interface Reader {
  readonly root: Pick<Entry, "actor"> | undefined
  readonly host: string
  readonly registrar: Pick<TreeRegistrar, "found" | "gap" | "lost">
}

/** The largest number of questions for registry entries of other trees that the engine gets at the same time. */
const pagesAtOnce = 2

/** The number of actors that are added to the list in one turn of the event loop. */
const atOnce = 256

const bounded = <A, E>({ lease }: Service, question: Effect.Effect<A, E>) =>
  Effect.timeout(question, lease.ttlMillis * part.again)

/** Reads all keys that begin with a prefix, page by page. */
const listed = (leases: Service, prefix: string) =>
  Effect.gen(function*() {
    const all: Array<Held> = []
    let after: string | undefined
    do {
      const from = after
      const page = yield* bounded(leases, Effect.suspend(() => leases.driver.list(prefix, from)))
      for (const held of page.held) all.push(held)
      after = page.next
    } while (after !== undefined)
    return all
  })

const addressOf = ({ at, root }: TreePages.Head): RootAddress => ({ actor: root, addresses: at })

export class Follower {
  private state = Forest.initial
  private readonly leases: Service
  private readonly reach: TreePages.Reach
  private readonly reader: Reader
  /** The followers whose engines do not answer, out of all followers that report to the same reader. */
  private readonly failing: Set<Follower>

  constructor(leases: Service, reach: TreePages.Reach, reader: Reader, failing: Set<Follower>) {
    this.leases = leases
    this.reach = reach
    this.reader = reader
    this.failing = failing
  }

  /** The address of the root of another tree; `undefined` when it is not known. */
  root(uuid: string): RootAddress | undefined {
    const tree = this.state.get(uuid)
    return tree && addressOf(tree.head)
  }

  private input(input: Forest.Input): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const [state, { found, lost, why }] = Forest.step(this.state, input)
      this.state = state
      const { registrar } = this.reader
      for (let from = 0; from < lost.length; from += atOnce) {
        if (from > 0) yield* Effect.yieldNow
        registrar.lost(lost.slice(from, from + atOnce), why)
      }
      if (found.length === 0 || input._tag !== "Read") return
      const { head: { host, tree } } = state.get(input.root)!
      registrar.found(found.map((entry): Entry => ({ ...entry, tree, host })), host === this.reader.host ? 1 : 2)
    })
  }

  /**
   * Reads what has changed at the engine since the last read. The read of an engine's list fails when the engine does
   * not answer.
   */
  readonly look = Effect.gen({ self: this }, function*() {
    const { leases, reach } = this
    const prefix = TreePages.headsOf(reach)
    const heads = yield* listed(leases, prefix)
    const seen = heads.map(({ key, token, value }): Forest.Seen => {
      const root = key.slice(prefix.length)
      const before = this.state.get(root)
      return { root, token, head: before?.token === token ? before.head : TreePages.decodeHead(value) }
    })
    yield* this.input({ _tag: "Listed", seen: seen.filter(({ root }) => root !== this.reader.root?.actor.uuid) })
    for (const root of Array.from(this.state.keys())) {
      const read = (number: number) =>
        Effect.gen({ self: this }, function*() {
          const held = yield* bounded(leases, leases.driver.get(TreePages.pageKey(reach, root, number)))
          const page = Option.isSome(held) ? TreePages.decodePage(held.value.value, root) : undefined
          yield* this.input({ _tag: "Read", root, number, page })
          yield* Effect.yieldNow
        })
      yield* Effect.forEach(Forest.wanted(this.state, root), read, { concurrency: pagesAtOnce, discard: true })
    }
  })

  readonly run: Effect.Effect<never> = Effect.scoped(Effect.gen({ self: this }, function*() {
    const { leases } = this
    const latch = yield* hinted(leases, TreePages.headsOf(this.reach))
    return yield* Effect.forever(Effect.gen({ self: this }, function*() {
      yield* latch.close
      const hasFailed = yield* Effect.match(this.look, { onFailure: () => true, onSuccess: () => false })
      if (hasFailed) this.failing.add(this)
      // The watchers of the registry get one new snapshot when all engines of this reader answer again.
      else if (this.failing.delete(this) && this.failing.size === 0) this.reader.registrar.gap()
      const pause = leases.lease.ttlMillis * (hasFailed ? part.afterFailure : part.again)
      yield* Effect.raceFirst(latch.await, Effect.sleep(pause))
    }))
  }))
}

/** Asks the engine for the root of a tree; `undefined` when the engine does not know the root, or does not answer. */
export const lookUp = (
  leases: Service,
  reaches: ReadonlyArray<TreePages.Reach>,
  uuid: string
): Effect.Effect<RootAddress | undefined> =>
  Effect.gen(function*() {
    for (const reach of reaches) {
      const held = yield* bounded(leases, leases.driver.get(TreePages.headKey(reach, uuid)))
      const head = Option.isSome(held) ? TreePages.decodeHead(held.value.value) : undefined
      if (head !== undefined) return addressOf(head)
    }
    return undefined
  }).pipe(Effect.catch(() => Effect.undefined))
