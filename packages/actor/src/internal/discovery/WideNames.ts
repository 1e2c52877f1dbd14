/**
 * Holds the names that actors of this tree have alone among all trees. Each name that the tree holds alone is a key
 * under the tree's lease, and is held as long as an actor of the tree with this name lives.
 *
 * A name may be lost while the engine is out of reach: its actor lives on, and another tree may take the name. The
 * engine is asked for a lost name until the engine grants the name, and the actor with this name is not published
 * before.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { ActorId, ActorUnreachable, NameTaken } from "../errors/ActorError.ts"
import type { Created, Token } from "../leases/Driver.ts"
import { hinted, part } from "../leases/hinted.ts"
import type { Leases } from "../leases/Leases.ts"
import type { Entry } from "../settings/ActorRef.ts"
import { logWarning } from "../settings/Log.ts"

interface Name {
  /** The uuid and tree path of the actor with the unique name, and of any actor that may take over its role. */
  readonly players: Map<string, ReadonlyArray<string>>
  readonly value: string
  /** The engine's number for its grant of the name; `undefined` while the tree does not hold the name. */
  token: Token | undefined
  keeper: Fiber.Fiber<unknown> | undefined
}

const holderJson = Schema.fromJsonString(ActorId)
const encodeHolder = Schema.encodeSync(holderJson)
const decodeHolder = Schema.decodeUnknownOption(holderJson)

/** The error text for a program that gives one engine to two Discoverys of a tree. */
export const twice = "two Discovery.layerShared of this program stand over one engine: give each an engine of its own"

/** The milliseconds for which the end of an actor waits until its name is free at the engine. */
const releaseMillis = 1_000

export class WideNames {
  private readonly names = new Map<string, Name>()
  /** The keys that the tree is giving back to the engine. */
  private readonly leaving = new Set<string>()
  private readonly leases: Leases["Service"]
  private readonly scope: Scope.Scope
  /** A callback for each name that was lost to another tree, or is held again. */
  private readonly changed: (key: string) => void

  constructor(leases: Leases["Service"], scope: Scope.Scope, changed: (key: string) => void) {
    this.leases = leases
    this.scope = scope
    this.changed = changed
  }

  /** True while another tree may have the name of an actor of this tree. */
  isLost(key: string): boolean {
    const name = this.names.get(key)
    return name !== undefined && name.token === undefined
  }

  /** Holds a name for an actor. A claim asks the engine once, unless the tree already holds the name. */
  claim(key: string, { actor, path }: Entry): Effect.Effect<void, NameTaken | ActorUnreachable> {
    return this.leases.alone(key)(Effect.suspend(() => {
      const known = this.names.get(key)
      // The registrar of the tree lets two actors claim one unique name only if both actors play the same role.
      if (known !== undefined) return Effect.sync(() => void known.players.set(actor.uuid, path))
      const name: Name = {
        players: new Map([[actor.uuid, path]]),
        value: encodeHolder(actor),
        token: undefined,
        keeper: undefined
      }
      return Effect.uninterruptibleMask((restore) =>
        Effect.gen({ self: this }, function*() {
          const { created, epoch } = yield* this.ask(key, name.value, restore)
          if (created?._tag === "Granted") {
            name.token = created.token
            this.names.set(key, name)
            name.keeper = yield* Effect.forkIn(this.keep(key, name, epoch), this.scope)
            return
          }
          if (created?._tag === "Taken") {
            const by = Option.getOrUndefined(decodeHolder(created.by.value))
            if (by?.uuid === actor.uuid) return yield* heldTwice(actor.name)
            return yield* new NameTaken({ wanted: actor.name, actor: by ?? actor })
          }
          // The engine may have granted a name although no answer came, so the key of the name is given back.
          yield* this.leave(key)
          return yield* unknown(actor.name)
        })
      )
    }))
  }

  /** Asks the engine for a unique name, and asks again with a new lease if the tree's lease has expired. */
  private ask(
    key: string,
    value: string,
    restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  ): Effect.Effect<{ readonly created: Created | undefined; readonly epoch: number }> {
    return Effect.gen({ self: this }, function*() {
      const epoch = yield* restore(this.leases.held)
      const created = yield* this.leases.create(key, value)
      return created?._tag === "Expired" ? yield* this.ask(key, value, restore) : { created, epoch }
    })
  }

  /** Asks the engine for a name of this tree again whenever the tree has lost its lease. */
  private keep(key: string, name: Name, epoch: number): Effect.Effect<never> {
    return Effect.gen({ self: this }, function*() {
      yield* this.leases.fenced(epoch)
      const granted = yield* Effect.scoped(this.regain(key, name))
      return yield* this.keep(key, name, granted)
    })
  }

  private regain(key: string, name: Name): Effect.Effect<number, never, Scope.Scope> {
    const { lease } = this.leases
    return Effect.gen({ self: this }, function*() {
      const latch = yield* hinted(this.leases, key)
      for (;;) {
        yield* latch.close
        const epoch = yield* this.leases.held
        const created = yield* this.leases.create(key, name.value)
        if (created?._tag === "Granted") {
          const wasLost = name.token === undefined
          name.token = created.token
          if (wasLost) this.changed(key)
          return epoch
        }
        if (created?._tag === "Taken" && name.token !== undefined) {
          name.token = undefined
          this.changed(key)
          yield* logWarning(
            `another tree has taken the name of ${key} while the engine was out of reach: the actor here goes on, and is ` +
              "not found by others until the name is free"
          )
        }
        const pause = lease.ttlMillis * (created?._tag === "Taken" ? part.again : part.afterFailure)
        yield* Effect.raceFirst(latch.await, Effect.sleep(pause))
      }
    })
  }

  /** Releases a key of this tree at the engine, whatever the token of the key is. */
  private letGo(key: string): Effect.Effect<void> {
    const { driver, lease } = this.leases
    const once = Effect.flatMap(
      driver.get(key),
      (held) =>
        Option.isSome(held) && held.value.lease === lease.id && !this.names.has(key)
          ? driver.remove(key, held.value.token)
          : Effect.void
    )
    const pause = Effect.sleep(lease.ttlMillis * part.afterFailure)
    const again: Effect.Effect<void> = Effect.catch(
      Effect.timeout(once, lease.ttlMillis * part.again),
      () => Effect.andThen(pause, again)
    )
    return this.leases.alone(key)(again)
  }

  /**
   * Returns a unique name to the engine in the background, and tries again until the engine answers or the tree ends.
   */
  private leave(key: string): Effect.Effect<Fiber.Fiber<void>> {
    this.leaving.add(key)
    const gone = Effect.sync(() => void this.leaving.delete(key))
    return Effect.forkIn(Effect.andThen(this.letGo(key), gone), this.scope)
  }

  /**
   * Gives back all names of an ending tree, including the names whose return the closing Scope has interrupted.
   */
  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    const keys = new Set([...this.leaving, ...this.names.keys()])
    this.names.clear()
    return Effect.forEach(keys, (key) => Effect.ignore(Effect.timeout(this.letGo(key), releaseMillis)), {
      concurrency: "unbounded",
      discard: true
    })
  })

  /** Releases the names of an actor that is gone, and of all actors below it. */
  release(uuid: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const free: Array<Effect.Effect<unknown>> = []
      for (const [key, name] of this.names) {
        for (const [player, path] of name.players) if (path.includes(uuid)) name.players.delete(player)
        if (name.players.size > 0) continue
        this.names.delete(key)
        free.push(this.free(key, name))
      }
      return Effect.asVoid(Effect.forEach(free, (one) => one, { concurrency: "unbounded" }))
    })
  }

  private free(key: string, name: Name): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      if (name.keeper !== undefined) yield* Fiber.interrupt(name.keeper)
      const letting = yield* this.leave(key)
      yield* Effect.ignore(Effect.timeout(Fiber.await(letting), releaseMillis))
    })
  }
}

/** Fails for a name that the actor already holds under a lease of another Discovery of this program. */
const heldTwice = (wanted: string): Effect.Effect<never, ActorUnreachable> =>
  Effect.fail(
    new ActorUnreachable({
      actor: null,
      target: "the registry",
      why: "refused",
      reason: `the name "${wanted}" cannot be held: ${twice}`
    })
  )

const unknown = (wanted: string): Effect.Effect<never, ActorUnreachable> =>
  Effect.fail(
    new ActorUnreachable({
      actor: null,
      target: "the registry",
      why: "timeout",
      reason:
        `the engine of the Discovery did not say whether "${wanted}" is free: a name that is to be alone among all ` +
        "trees cannot be had while it is out of reach"
    })
  )
