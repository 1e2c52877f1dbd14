/**
 * The registrar of a tree as a service of the tree's root. The service carries out what `Registrar.step` decides, tells
 * the watchers of the registry, and answers the questions of the tree's actors.
 *
 * A watcher that reads slowly costs bounded memory: too many unread changes are replaced by a new snapshot.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { CurrentDialog } from "../dialog/DialogContext.ts"
import type { Handler } from "../dialog/Dispatcher.ts"
import { type ActorError, type ActorId, NameTaken } from "../errors/ActorError.ts"
import type { Events } from "../inspect/ActorEvent.ts"
import type { Entry } from "../settings/ActorRef.ts"
import { contract, type Directory, inPieces, pieces } from "./Directory.ts"
import * as Registrar from "./Registrar.ts"

/** The number of changes of the registry that may wait for one watcher. */
const maxPendingChanges = 1024

class Watcher {
  private readonly name: string | undefined
  /** The uuid of the root whose tree the watcher follows; `undefined` when it follows all trees. */
  private readonly root: string | undefined
  private readonly snapshot: () => Effect.Effect<Registrar.Change>
  /** The changes that wait for the watcher; `undefined` while the watcher must get a snapshot instead. */
  private pending: Array<Registrar.Change> | undefined
  private waiting: (() => void) | undefined

  constructor(
    name: string | undefined,
    root: string | undefined,
    snapshot: () => Effect.Effect<Registrar.Change>
  ) {
    this.name = name
    this.root = root
    this.snapshot = snapshot
  }

  /** Makes the watcher's next piece of news a new snapshot, because the watcher has missed changes. */
  startOver(): void {
    this.pending = undefined
    this.waiting?.()
  }

  hear(changes: ReadonlyArray<Registrar.Change>): void {
    const { pending } = this
    if (pending === undefined) return
    for (const change of changes) {
      if (change._tag === "Snapshot" || this.name !== undefined && change.entry.actor.name !== this.name) continue
      if (this.root !== undefined && change.entry.path[0] !== this.root) continue
      pending.push(change)
    }
    if (pending.length > maxPendingChanges) this.pending = undefined
    if (pending.length > 0) this.waiting?.()
  }

  readonly next: Effect.Effect<ReadonlyArray<Registrar.Change>> = Effect.callback((resume) => {
    const take = () => {
      this.waiting = undefined
      const { pending } = this
      this.pending = []
      // The snapshot shows the registry at the moment of the watcher's call, and the watcher gets later changes after
      // the snapshot.
      resume(pending === undefined ? Effect.map(this.snapshot(), (all) => [all]) : Effect.succeed(pending))
    }
    if (this.pending === undefined || this.pending.length > 0) return take()
    this.waiting = take
    return Effect.sync(() => {
      this.waiting = undefined
    })
  })
}

/** The number of registry entries that a listing of the registry reads in one turn of the event loop. */
const entriesAtOnce = 2_048

/**
 * Gathers all entries of a walk over the registrar's state, and lets other work run after each `entriesAtOnce` entries.
 */
const gathered = (walk: Iterator<Entry>): Effect.Effect<ReadonlyArray<Entry>> => {
  const entries: Array<Entry> = []
  const more: Effect.Effect<ReadonlyArray<Entry>> = Effect.suspend(() => {
    for (let n = 0; n < entriesAtOnce; n++) {
      const { done, value } = walk.next()
      if (done === true) return Effect.succeed(entries)
      entries.push(value)
    }
    return Effect.andThen(Effect.yieldNow, more)
  })
  return more
}

export interface RegistrarOptions {
  /** The entry of the root, which is always listed. */
  readonly root: Entry
  readonly events: Events
  /** Asks the ancestors of an actor whether the actor has ended, and waits for the answer within a bound. */
  readonly isGone: (entry: Entry) => Effect.Effect<boolean>
}

/**
 * The registrar of a tree, as a Discovery sees it. Besides the actors of its tree the registrar lists actors of other
 * trees, which the Discovery reports. Actors of other trees hold no name in this registrar.
 *
 * @category models
 * @since 0.2.0
 */
export interface TreeRegistrar extends Directory {
  /** Gives the actors of this tree, without those of other trees: first a snapshot, then each change. */
  readonly own: Stream.Stream<Registrar.Change>
  /**
   * Lists actors of other trees; the parameter `tier` is 1 for trees on this host and 2 for trees on other hosts. An
   * actor that two engines list stays listed until both engines have lost it.
   */
  readonly found: (entries: ReadonlyArray<Entry>, tier: 1 | 2) => void
  /** Removes actors of other trees from the registrar's list of actors. */
  readonly lost: (uuids: ReadonlyArray<string>, why: "ended" | "stale") => void
  /** Gives every watcher a new snapshot, because changes of other trees may have been missed. */
  readonly gap: () => void
}

export class RegistrarService implements Directory {
  private state: Registrar.State = Registrar.initial
  private readonly watchers = new Set<Watcher>()
  private readonly options: RegistrarOptions
  /** The directory as plain functions, so that a Discovery may copy the directory and replace single functions. */
  readonly directory: TreeRegistrar = {
    claim: (entry) => this.claim(entry),
    ready: (uuid, pid, replaces) => this.ready(uuid, pid, replaces),
    gone: (uuid) => this.gone(uuid),
    stale: (uuid) => this.stale(uuid),
    list: (name, most) => this.list(name, most),
    watch: (name) => this.watch(name),
    own: Stream.suspend(() => this.watching(undefined, true)),
    found: (entries, tier) => void this.input({ _tag: "Found", entries, tier }),
    lost: (uuids, why) => void this.input({ _tag: "Lost", uuids, why }),
    gap: () => {
      for (const watcher of Array.from(this.watchers)) watcher.startOver()
    }
  }

  constructor(options: RegistrarOptions) {
    this.options = options
    this.input({ _tag: "Claim", entry: options.root })
    const { pid, uuid } = options.root.actor
    this.input({ _tag: "Ready", uuid, pid })
  }

  claim(entry: Entry): Effect.Effect<void, NameTaken> {
    return Effect.suspend(() => {
      const outcome = this.input({ _tag: "Claim", entry })
      switch (outcome._tag) {
        case "Changed":
          return Effect.void
        case "Taken":
          return Effect.fail(new NameTaken({ wanted: entry.actor.name, actor: this.holder(outcome.by) }))
        case "Orphan":
          return Effect.die(new Error(`the registry knows no parent of "${entry.actor.name}": it has ended already`))
      }
    })
  }

  /** The identity of an actor that holds a name. An actor that is starting has no process number yet. */
  private holder({ actor }: Entry): ActorId {
    return Registrar.entryOf(this.state, actor.uuid) === undefined ? { ...actor, pid: 0 } : actor
  }

  ready(uuid: string, pid: number, replaces?: string): Effect.Effect<void> {
    return Effect.sync(() =>
      void this.input(
        replaces === undefined ? { _tag: "Ready", uuid, pid } : { _tag: "Transfer", uuid, pid, from: replaces }
      )
    )
  }

  gone(uuid: string): Effect.Effect<void> {
    return Effect.sync(() => void this.input({ _tag: "Gone", uuid, why: "ended" }))
  }

  stale(uuid: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const entry = Registrar.entryOf(this.state, uuid)
      if (entry === undefined || uuid === this.options.root.actor.uuid) return Effect.void
      return Effect.map(this.options.isGone(entry), (gone) => {
        if (!gone) return
        this.options.events.publish({ _tag: "RegistryStale", actor: entry.actor })
        this.input({ _tag: "Gone", uuid, why: "stale" })
      })
    })
  }

  list(name: string | undefined, most?: number): Effect.Effect<ReadonlyArray<Entry>> {
    return Effect.suspend(() =>
      most === undefined
        ? gathered(Registrar.walk(this.state, name, undefined))
        : Effect.succeed(Registrar.entries(this.state, name, most))
    )
  }

  watch(name: string | undefined): Stream.Stream<Registrar.Change> {
    return this.watching(name, false)
  }

  private watching(name: string | undefined, own: boolean): Stream.Stream<Registrar.Change> {
    const root = own ? this.options.root.actor.uuid : undefined
    return Stream.unwrap(Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => {
          const watcher = new Watcher(name, root, () => {
            const walk = Registrar.walk(this.state, name, own ? 1 : undefined)
            return Effect.map(gathered(walk), (entries) => ({ _tag: "Snapshot", entries }))
          })
          this.watchers.add(watcher)
          return watcher
        }),
        (watcher) => Effect.sync(() => void this.watchers.delete(watcher))
      ),
      (watcher) => Stream.fromIterableEffectRepeat(watcher.next)
    ))
  }

  /** The parent of an actor; `undefined` when the actor is not registered. The root of a tree has no parent. */
  parentOf(uuid: string): { readonly uuid: string | undefined } | undefined {
    const path = Registrar.pathOf(this.state, uuid)
    return path === undefined ? undefined : { uuid: path.at(-2) }
  }

  private input(input: Registrar.Input): Registrar.Outcome {
    const [state, outcome] = Registrar.step(this.state, input)
    this.state = state
    if (outcome._tag === "Changed" && outcome.changes.length > 0) {
      for (const watcher of Array.from(this.watchers)) watcher.hear(outcome.changes)
    }
    return outcome
  }
}

/**
 * The endpoints by which the actors of a tree ask the directory in their root. Only a parent may report on its
 * children, and the tree's own registrar knows which actor is the parent, whichever directory a program uses.
 */
export const serveDirectory = (
  registrar: RegistrarService,
  directory: Directory,
  context: Context.Context<never>
): ReadonlyMap<string, Handler> => {
  const handler = (endpoint: Handler["endpoint"], run: (payload: any) => unknown): [string, Handler] => [
    endpoint.name,
    { endpoint, context, handler: run }
  ]
  const orNull = (name: string | null) => name ?? undefined
  const ofIts = <A>(uuid: string, effect: Effect.Effect<A, ActorError>): Effect.Effect<A, ActorError> =>
    asker((asking) => {
      const parent = registrar.parentOf(uuid)
      return parent === undefined || parent.uuid !== undefined && parent.uuid === asking ? effect : notIts(uuid)
    })
  return new Map([
    handler(
      contract.claim.endpoint,
      ({ entry }: { entry: Entry }) =>
        asker((uuid) => entry.path.at(-2) === uuid ? answered(directory.claim(entry)) : notIts(entry.actor.uuid))
    ),
    handler(contract.ready.endpoint, ({ pid, replaces, uuid }) => {
      const ready = ofIts(uuid, directory.ready(uuid, pid, replaces))
      return answered(replaces === undefined ? ready : ofIts(replaces, ready))
    }),
    handler(contract.gone.endpoint, ({ uuid }) => ofIts(uuid, directory.gone(uuid))),
    handler(contract.stale.endpoint, ({ uuid }) => answered(directory.stale(uuid))),
    handler(contract.list.endpoint, ({ most, name }) => answered(directory.list(name, most))),
    handler(
      contract.pages.endpoint,
      ({ name }) => Stream.unwrap(Effect.map(answered(directory.list(orNull(name))), inPieces))
    ),
    handler(
      contract.watch.endpoint,
      ({ name }) => Stream.catchIf(pieces(directory.watch(orNull(name))), (error) => !crosses(error), Stream.die)
    )
  ])
}

/** True for failures that the contract of the directory declares: failures of an engine, and a name that is taken. */
const crosses = (error: ActorError): boolean => error._tag === "ActorUnreachable" || error._tag === "NameTaken"

const answered = <A>(effect: Effect.Effect<A, ActorError>): Effect.Effect<A, ActorError> =>
  Effect.catchIf(effect, (error) => !crosses(error), Effect.die)

/** Runs an effect with the uuid of the asking actor, which is known from the connection. */
const asker = <A, E>(f: (uuid: string | undefined) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.withFiber((fiber) => f(fiber.getRef(CurrentDialog)?.info.peer.uuid))

const notIts = (uuid: string): Effect.Effect<never> =>
  Effect.die(new Error(`the registry hears of an actor from its parent alone, and ${uuid} is not the asker's`))
