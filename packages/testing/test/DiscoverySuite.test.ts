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

describe("DiscoverySuite and broken names", () => {
  it.live("DiscoverySuite notices a Discovery that does not list the root", () =>
    refuted("the root is listed", withEntries((entries) => entries.filter(({ path }) => path.length > 1))))

  it.live("DiscoverySuite notices a Discovery that lists an actor before the actor is ready", () =>
    refuted("listed once its actor is ready", (kept) => ({
      claim: (entry) => Effect.andThen(kept.claim(entry), kept.ready(entry.actor.uuid, 1))
    })))

  it.live("DiscoverySuite notices a Discovery that lists an actor without its pid", () =>
    refuted("with the pid", (kept) => ({ ready: (uuid) => kept.ready(uuid, 0) })))

  it.live("DiscoverySuite notices a Discovery that lists the actors of one name in the wrong order", () =>
    refuted("may share a name", withEntries((entries) => entries.toReversed())))

  it.live("DiscoverySuite notices a Discovery that gives a unique name two holders", () =>
    refuted("held alone fails", (kept) => ({ claim: (entry) => kept.claim({ ...entry, unique: false }) })))

  it.live("DiscoverySuite notices a Discovery that refuses a claim and does not name the holder of the name", () =>
    refuted("held alone fails", (kept) => ({
      claim: (entry) =>
        Effect.mapError(
          kept.claim(entry),
          (error) => error._tag === "NameTaken" ? new NameTaken({ wanted: error.wanted, actor: somebody }) : error
        )
    })))

  it.live("DiscoverySuite notices a Discovery that grants a unique name that other actors already have", () =>
    refuted("a name alone fails", (kept) => ({ claim: (entry) => kept.claim({ ...entry, unique: false }) })))

  it.live("DiscoverySuite notices a Discovery that checks a claim and grants it in two steps", () =>
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

  it.live("DiscoverySuite notices a Discovery that still lists an old actor of a role when the next actor of the role is ready", () =>
    refuted("players of one role", (kept) => ({ ready: (uuid, pid) => kept.ready(uuid, pid) })))

  it.live("DiscoverySuite notices a Discovery that keeps the name of an actor whose start has failed", () =>
    refuted("free again", (kept) => {
      const ready = new Set<string>()
      return {
        ready: (uuid, pid) => Effect.andThen(Effect.sync(() => ready.add(uuid)), kept.ready(uuid, pid)),
        gone: (uuid) => ready.has(uuid) ? kept.gone(uuid) : Effect.void
      }
    }))

  it.live("DiscoverySuite notices a Discovery that refuses a claim when an actor claims its own name again", () =>
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

  it.live("DiscoverySuite notices a Discovery whose list for one name contains actors of other names", () =>
    refuted("a list of one name", (kept) => ({ list: () => kept.list(undefined) })))

  it.live("DiscoverySuite notices a Discovery that lists an actor after the actor's parent has ended", () =>
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

  it.live("DiscoverySuite notices a Discovery that fails when an actor is reported as gone twice", () =>
    refuted("changes nothing", (kept) => ({
      gone: (uuid) =>
        Effect.flatMap(
          Effect.orDie(kept.list(undefined)),
          (entries) => entries.some(({ actor }) => actor.uuid === uuid) ? kept.gone(uuid) : Effect.die(`no ${uuid}`)
        )
    })))

  it.live("DiscoverySuite notices a Discovery that lists an actor whose parent is not listed", () =>
    refuted("whose parent is not there", (kept, { root }) => ({
      claim: (entry) => kept.claim({ ...entry, path: [...root.path, entry.actor.uuid] })
    })))

  it.live("DiscoverySuite notices a Discovery that removes a living actor that is reported as stale", () =>
    refuted("a stale actor", (kept) => ({ stale: (uuid) => kept.gone(uuid) })))

  it.live("DiscoverySuite notices a Discovery that still lists an actor that is gone", () =>
    refuted("a stale actor", () => ({ stale: () => Effect.void })))

  it.live("DiscoverySuite notices a Discovery that lists names that the registrar of the tree does not know", () =>
    refuted("lists the same actors", (_, tree) => Discovery.makeRegistrar(tree)))

  it.live("DiscoverySuite notices a directory whose methods are lost when a program copies the directory's properties", () =>
    Effect.gen(function*() {
      const contract = DiscoverySuite.contract(
        Effect.succeed({ open: ({ registrar }) => Effect.succeed(new Methods(registrar)) })
      )
      const found = contract.find(({ title }) => title.includes("on a copy"))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(found!.run)))
    }))
})

describe("DiscoverySuite and broken watches", () => {
  it.live("DiscoverySuite notices a Discovery whose watch begins without a snapshot", () =>
    refuted(
      "begins with every actor",
      withChanges((change) => change._tag === "Snapshot" ? { ...change, entries: [] } : change)
    ))

  it.live("DiscoverySuite notices a Discovery whose watch shows actors that are not ready yet", () =>
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

  it.live("DiscoverySuite notices a Discovery whose watch gives changes out of order", () =>
    refuted("each change in order", (kept) => ({
      watch: (name) =>
        Stream.flatMap(
          Stream.chunks(kept.watch(name)),
          (changes) => Stream.fromIterable(changes.toReversed())
        )
    })))

  it.live("DiscoverySuite notices a Discovery whose watch reports a lost actor as ended", () =>
    refuted(
      "each change in order",
      withChanges((change) => change._tag === "Down" ? { ...change, why: "ended" } : change)
    ))

  it.live("DiscoverySuite notices a Discovery whose watch of one name reports actors of other names", () =>
    refuted("a watch of one name", (kept) => ({ watch: () => kept.watch(undefined) })))

  it.live("DiscoverySuite notices a Discovery whose watchers take changes from each other", () =>
    refuted("every watcher", (kept) => {
      let turn = 0
      return {
        watch: (name) => {
          const own = turn++
          return Stream.filter(kept.watch(name), (change) => change._tag === "Snapshot" || own === 1)
        }
      }
    }))

  it.live("DiscoverySuite notices a Discovery that keeps any number of changes for a slow watcher", () =>
    refuted("reads slowly", (kept) => ({
      watch: (name) => Stream.buffer(kept.watch(name), { capacity: "unbounded" })
    })))

  it.live("DiscoverySuite notices a Discovery that loses changes for a slow watcher", () =>
    refuted("reads slowly", (kept) => ({
      watch: (name) => Stream.buffer(kept.watch(name), { capacity: 16, strategy: "dropping" })
    })))

  it.live("DiscoverySuite notices a Discovery that does not forget a watcher that has left", () =>
    refuted("that stops is forgotten", (kept) => ({
      watch: (name) => {
        const behind = Effect.forkDetach(Stream.runDrain(kept.watch(name)))
        return Stream.unwrap(Effect.as(behind, kept.watch(name)))
      }
    })))

  it.live("DiscoverySuite notices a Discovery whose watch continues after its Scope has closed", () =>
    refuted("leaves nothing", (kept) => Effect.as(Effect.forkDetach(Stream.runDrain(kept.watch(undefined))), {})))
})
