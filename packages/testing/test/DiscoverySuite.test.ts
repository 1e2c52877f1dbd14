import { assert, describe, it } from "@effect/vitest"
import { NameTaken } from "@furrow/actor/ActorError"
import type { Change, Directory, DiscoveryTree, Entry } from "@furrow/actor/Discovery"
import * as Discovery from "@furrow/actor/Discovery"
import * as DiscoverySuite from "@furrow/testing/DiscoverySuite"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"

const somebody = { name: "somebody", uuid: "somebody", pid: 1 }

/** The tree's own registrar with one promise broken. */
const refuted = (
  word: string,
  change: (kept: Directory, tree: DiscoveryTree) => Partial<Directory> | Effect.Effect<Partial<Directory>>
) =>
  Effect.gen(function*() {
    const contract = DiscoverySuite.contract(Effect.succeed({
      open: (tree) => {
        const changed = change(tree.registrar, tree)
        return Effect.map(
          Effect.isEffect(changed) ? changed : Effect.succeed(changed),
          (changed) => ({ ...tree.registrar, ...changed })
        )
      }
    }))
    const found = contract.find(({ title }) => title.includes(word))
    assert.isDefined(found, `no case about "${word}"`)
    // Where it holds it is done within a second; where it waits for what does not come it would wait much longer.
    const exit = yield* Effect.exit(Effect.timeout(found.run, "3 seconds"))
    assert.isTrue(Exit.isFailure(exit), `"${found.title}" does not notice`)
  })

const withEntries = (change: (entries: ReadonlyArray<Entry>) => ReadonlyArray<Entry>) => (kept: Directory) => ({
  list: (name: string | undefined) => Effect.map(kept.list(name), change)
})

const withChanges = (change: (heard: Change) => Change) => (kept: Directory) => ({
  watch: (name: string | undefined) => Stream.map(kept.watch(name), change)
})

/** A directory whose methods are those of a class: they are lost where it is copied. */
class Methods implements Directory {
  private readonly kept: Directory
  constructor(kept: Directory) {
    this.kept = kept
  }
  claim(entry: Entry) {
    return this.kept.claim(entry)
  }
  ready(uuid: string, pid: number, replaces?: string) {
    return this.kept.ready(uuid, pid, replaces)
  }
  gone(uuid: string) {
    return this.kept.gone(uuid)
  }
  stale(uuid: string) {
    return this.kept.stale(uuid)
  }
  list(name: string | undefined) {
    return this.kept.list(name)
  }
  watch(name: string | undefined) {
    return this.kept.watch(name)
  }
}

describe("The contract of names", () => {
  it.live("the contract of names notices a root that is not listed", () =>
    refuted("the root is listed", withEntries((entries) => entries.filter(({ path }) => path.length > 1))))

  it.live("the contract of names notices an actor that is listed before it is ready", () =>
    refuted("listed once its actor is ready", (kept) => ({
      claim: (entry) => Effect.andThen(kept.claim(entry), kept.ready(entry.actor.uuid, 1))
    })))

  it.live("the contract of names notices an entry without its pid", () =>
    refuted("with the pid", (kept) => ({ ready: (uuid) => kept.ready(uuid, 0) })))

  it.live("the contract of names notices actors of one name in the wrong order", () =>
    refuted("may share a name", withEntries((entries) => entries.toReversed())))

  it.live("the contract of names notices a unique name with two holders", () =>
    refuted("held alone fails", (kept) => ({ claim: (entry) => kept.claim({ ...entry, unique: false }) })))

  it.live("the contract of names notices a refused claim that does not name the holder of the name", () =>
    refuted("held alone fails", (kept) => ({
      claim: (entry) =>
        Effect.mapError(
          kept.claim(entry),
          (error) => error._tag === "NameTaken" ? new NameTaken({ wanted: error.wanted, actor: somebody }) : error
        )
    })))

  it.live("the contract of names notices a unique name that other actors have as well", () =>
    refuted("a name alone fails", (kept) => ({ claim: (entry) => kept.claim({ ...entry, unique: false }) })))

  it.live("the contract of names notices claims that are checked and made in two steps", () =>
    refuted("one of many claims", (kept) => {
      const held = new Set<string>()
      return {
        claim: (entry) =>
          Effect.gen(function*() {
            const { name } = entry.actor
            if (held.has(name)) return yield* new NameTaken({ wanted: name, actor: somebody })
            yield* Effect.yieldNow
            held.add(name)
            yield* kept.claim({ ...entry, unique: false })
          })
      }
    }))

  it.live("the contract of names notices an actor that is listed beside its successor", () =>
    refuted("players of one role", (kept) => ({ ready: (uuid, pid) => kept.ready(uuid, pid) })))

  it.live("the contract of names notices a name that is kept for an actor whose start failed", () =>
    refuted("free again", (kept) => {
      const ready = new Set<string>()
      return {
        ready: (uuid, pid) => Effect.andThen(Effect.sync(() => ready.add(uuid)), kept.ready(uuid, pid)),
        gone: (uuid) => ready.has(uuid) ? kept.gone(uuid) : Effect.void
      }
    }))

  it.live("the contract of names notices that a second claim of one actor is refused", () =>
    refuted("made twice", (kept) => {
      const claimed = new Set<string>()
      return {
        claim: (entry) => {
          const { name, uuid } = entry.actor
          if (claimed.has(uuid)) return Effect.fail(new NameTaken({ wanted: name, actor: somebody }))
          claimed.add(uuid)
          return kept.claim(entry)
        }
      }
    }))

  it.live("the contract of names notices a list of one name that contains actors of other names", () =>
    refuted("a list of one name", (kept) => ({ list: () => kept.list(undefined) })))

  it.live("the contract of names notices an actor that stays listed after its parent has ended", () =>
    refuted("takes everybody below", (kept) => {
      const there = new Map<string, Entry>()
      return {
        claim: (entry) => Effect.andThen(Effect.sync(() => there.set(entry.actor.uuid, entry)), kept.claim(entry)),
        gone: (uuid) => Effect.andThen(Effect.sync(() => there.delete(uuid)), kept.gone(uuid)),
        list: (name) =>
          Effect.map(kept.list(name), (entries) => {
            const known = new Set(entries.map(({ actor }) => actor.uuid))
            return [...[...there.values()].filter(({ actor }) => !known.has(actor.uuid)), ...entries]
          })
      }
    }))

  it.live("the contract of names notices a Discovery that fails for a late report", () =>
    refuted("changes nothing", (kept) => ({
      gone: (uuid) =>
        Effect.flatMap(
          Effect.orDie(kept.list(undefined)),
          (entries) => entries.some(({ actor }) => actor.uuid === uuid) ? kept.gone(uuid) : Effect.die(`no ${uuid}`)
        )
    })))

  it.live("the contract of names notices an orphan that is listed", () =>
    refuted("whose parent is not there", (kept, { root }) => ({
      claim: (entry) => kept.claim({ ...entry, path: [...root.path, entry.actor.uuid] })
    })))

  it.live("the contract of names notices a living actor that is removed from the list", () =>
    refuted("a stale actor", (kept) => ({ stale: (uuid) => kept.gone(uuid) })))

  it.live("the contract of names notices an actor that stays listed although it is gone", () =>
    refuted("a stale actor", () => ({ stale: () => Effect.void })))

  it.live("the contract of names notices names that the registrar of the tree does not know", () =>
    refuted("lists the same actors", (_, tree) => Discovery.makeRegistrar(tree)))

  it.live("the contract of names notices a directory whose methods are lost in a copy of its properties", () =>
    Effect.gen(function*() {
      const contract = DiscoverySuite.contract(
        Effect.succeed({ open: ({ registrar }) => Effect.succeed(new Methods(registrar)) })
      )
      const found = contract.find(({ title }) => title.includes("on a copy"))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(found!.run)))
    }))
})

describe("The contract of watching", () => {
  it.live("the contract of watching notices a watch that begins without a snapshot", () =>
    refuted(
      "begins with every actor",
      withChanges((change) => change._tag === "Snapshot" ? { ...change, entries: [] } : change)
    ))

  it.live("the contract of watching notices a watch that shows actors that are starting", () =>
    refuted("begins with every actor", (kept) => {
      const claimed: Array<Entry> = []
      return {
        claim: (entry) => Effect.andThen(Effect.sync(() => claimed.push(entry)), kept.claim(entry)),
        watch: (name) =>
          Stream.map(
            kept.watch(name),
            (change) => change._tag === "Snapshot" ? { ...change, entries: [...change.entries, ...claimed] } : change
          )
      }
    }))

  it.live("the contract of watching notices changes out of order", () =>
    refuted("each change in order", (kept) => ({
      watch: (name) =>
        Stream.flatMap(
          Stream.chunks(kept.watch(name)),
          (changes) => Stream.fromIterable(changes.toReversed())
        )
    })))

  it.live("the contract of watching notices a lost actor that is reported as ended", () =>
    refuted(
      "each change in order",
      withChanges((change) => change._tag === "Down" ? { ...change, why: "ended" } : change)
    ))

  it.live("the contract of watching notices a watch of one name that reports actors of other names", () =>
    refuted("a watch of one name", (kept) => ({ watch: () => kept.watch(undefined) })))

  it.live("the contract of watching notices watchers that take each other's changes", () =>
    refuted("every watcher", (kept) => {
      let turn = 0
      return {
        watch: (name) => {
          const own = turn++
          return Stream.filter(kept.watch(name), (change) => change._tag === "Snapshot" || own === 1)
        }
      }
    }))

  it.live("the contract of watching notices changes that pile up for a slow watcher", () =>
    refuted("reads slowly", (kept) => ({
      watch: (name) => Stream.buffer(kept.watch(name), { capacity: "unbounded" })
    })))

  it.live("the contract of watching notices changes that are lost for a slow watcher", () =>
    refuted("reads slowly", (kept) => ({
      watch: (name) => Stream.buffer(kept.watch(name), { capacity: 16, strategy: "dropping" })
    })))

  it.live("the contract of watching notices a watcher that is not forgotten", () =>
    refuted("that stops is forgotten", (kept) => ({
      watch: (name) => {
        const behind = Effect.forkDetach(Stream.runDrain(kept.watch(name)))
        return Stream.unwrap(Effect.as(behind, kept.watch(name)))
      }
    })))

  it.live("the contract of leaving nothing fails for a Discovery whose watch continues after its Scope has closed", () =>
    refuted("leaves nothing", (kept) => Effect.as(Effect.forkDetach(Stream.runDrain(kept.watch(undefined))), {})))
})
