/**
 * The registry finds actors by name. Every actor of a tree is listed under the name with which it was started, from the
 * moment it is ready until it ends. Names are shared unless an actor asks for a name of its own
 * (`Actor.start(name, { unique: true })`).
 *
 * The root serves the registry like any other Service. A portal to a listed actor uses a direct connection between the
 * two actors, so no call passes through the registry.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Expected, type Exposed, isExposed, mismatch } from "./internal/api/Refs.ts"
import type { AnyServiceClass, SelfOf, Startable } from "./internal/api/Service.ts"
import { encodedConfig } from "./internal/api/StartService.ts"
import type { Argument, Configured } from "./internal/contract/Settings.ts"
import type { Directory } from "./internal/discovery/Directory.ts"
import type { Change } from "./internal/discovery/Registrar.ts"
import {
  type ActorError,
  type ActorId,
  ActorUnreachable,
  EndpointUnknown,
  type Unreachability
} from "./internal/errors/ActorError.ts"
import { connect } from "./internal/local/Borrow.ts"
import { current as currentLocal, type LocalActor } from "./internal/local/LocalActor.ts"
import { directoryAt, rootAddresses } from "./internal/local/PeerNetwork.ts"
import { openPlayed, portalOver } from "./internal/local/Role.ts"
import type { Wanted } from "./internal/local/Shared.ts"
import type { Portal } from "./internal/portal/Portal.ts"
import type { AnyService } from "./internal/process/ServiceImplementation.ts"
import type { ActorRefData, Entry } from "./internal/settings/ActorRef.ts"
import type { ActorRuntime } from "./internal/settings/ActorRuntime.ts"
import type { SpawnOptions } from "./internal/spawn/Spawner.ts"
import type { Restart } from "./internal/supervision/SupervisorMachine.ts"

export type { Change } from "./internal/discovery/Registrar.ts"
export type { Entry } from "./internal/settings/ActorRef.ts"

type UseDirectory = <A, R = never>(
  use: (directory: Directory, local: LocalActor) => Effect.Effect<A, ActorError, R>
) => Effect.Effect<A, ActorError, R | ActorRuntime>

const withDirectory: UseDirectory = (use) =>
  Effect.flatMap(currentLocal, (local) =>
    local.reach === undefined
      ? Effect.fail(
        new ActorUnreachable({
          actor: null,
          target: "the registry",
          why: "none",
          reason: "handlers that run here belong to no tree"
        })
      )
      : use(local.reach.directory, local))

const nameOf = (expected: Expected, name: string | undefined): string | undefined =>
  name ?? (isExposed(expected) ? undefined : expected.key)

/** Makes the error for an actor that has the wanted name but exposes other endpoints. */
const wrongEndpointError = (entry: Entry, exposed: Exposed): EndpointUnknown =>
  new EndpointUnknown({
    actor: entry.actor,
    endpoint: exposed.map(({ endpoint }) => endpoint.name).join(", "),
    exposed: entry.exposed.map(({ name }) => name)
  })

/**
 * Opens a portal to the actor of a registry entry. If the actor of the entry is gone, the function `open` returns none,
 * and reports the missing actor to the registry.
 */
const open = (
  local: LocalActor,
  directory: Directory,
  entry: ActorRefData
): Effect.Effect<Option.Option<Portal<any>>, ActorError, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => {
    // A child that is ending counts as gone, although its connection stays open until the child has ended.
    if (local.child(entry.actor.uuid)?.isEnding === true) return Effect.succeedNone
    return Effect.matchEffect(connect(local, entry), {
      onSuccess: (channel) => Effect.asSome(portalOver(local, entry, channel, scope)),
      onFailure: ({ error, gone }) =>
        !gone
          ? Effect.fail<ActorError>(error)
          : Effect.as(directory.stale(entry.actor.uuid), Option.none())
    })
  })

/**
 * Opens a portal to the first actor among registry entries that is alive, and that has the Service or the endpoints of
 * the search. The function `first` tries the registry entries one after the other, because each attempt costs a
 * connection. When no registry entry leads to a living actor, the function `first` fails with the reason why the actor
 * of the first entry was not reached.
 */
const first = (
  local: LocalActor,
  directory: Directory,
  entries: ReadonlyArray<Entry>,
  expected: Expected
): Effect.Effect<Option.Option<Portal<any>>, ActorError, Scope.Scope> =>
  Effect.gen(function*() {
    let failure: ActorError | undefined
    for (const entry of entries) {
      if (mismatch(entry, expected) !== undefined) {
        // A search by endpoints fails at an actor without these endpoints, while a search for a Service passes over
        // actors of other Services.
        if (isExposed(expected)) failure ??= wrongEndpointError(entry, expected)
        continue
      }
      const found = yield* Effect.result(open(local, directory, entry))
      if (found._tag === "Failure") failure ??= found.failure
      else if (Option.isSome(found.success)) return found.success
    }
    return failure === undefined ? Option.none() : yield* Effect.fail(failure)
  })

/**
 * Finds an actor by name: a portal to the actor that has the name now, or none. Of several actors with the name, the
 * search finds the actor that became ready last.
 *
 * A Service is found by its class, and by default under its own key. An actor without a Service is found by the
 * endpoints that it should expose: the search fails with `EndpointUnknown` if the actor does not expose them.
 *
 * @example
 * ```ts
 * yield* Actor.start("gretchen", { expose: [isPrime] })
 * const gretchen = Option.getOrThrow(yield* Registry.find([isPrime], "gretchen"))
 * yield* gretchen.run(isPrime({ n: 7 })) // true
 * yield* Registry.find(Counter, "c1") // Option.none()
 * ```
 * @category finding actors
 * @since 0.1.0
 */
export const find: {
  <S extends AnyServiceClass>(
    service: S,
    name?: string
  ): Effect.Effect<Option.Option<Portal<SelfOf<S>>>, ActorError, ActorRuntime | Scope.Scope>
  <const X extends Exposed>(
    exposed: X,
    name: string
  ): Effect.Effect<Option.Option<Portal<X[number]>>, ActorError, ActorRuntime | Scope.Scope>
} = (expected: Expected, name?: string): Effect.Effect<any, ActorError, any> => findBy(withDirectory, expected, name)

const findBy = (using: UseDirectory, expected: Expected, name?: string): Effect.Effect<any, ActorError, any> =>
  using((directory, local) =>
    Effect.gen(function*() {
      const asked = nameOf(expected, name)
      const entries = yield* directory.list(asked, mostTried)
      const found = yield* Effect.exit(first(local, directory, entries, expected))
      // The search first tries only the few actors of a name that became ready last, because one of these nearly always
      // answers.
      if (entries.length < mostTried || Exit.isSuccess(found) && Option.isSome(found.value)) return yield* found
      return yield* first(local, directory, yield* directory.list(asked), expected)
    })
  )

/** The number of actors of one name that a search tries before it asks the registry for all of them. */
const mostTried = 8

/**
 * Waits until an actor has the name, no longer than `within` (default: for ever), and returns a portal to the actor as
 * `find` does. The function `wait` fails with `ActorUnreachable` when the time `within` has passed.
 *
 * @example
 * ```ts
 * yield* Effect.forkChild(Actor.startScoped("donny", { expose: [isPrime] }))
 * const donny = yield* Registry.wait([isPrime], "donny", { within: "5 seconds" })
 * yield* donny.run(isPrime({ n: 7 })) // true
 * ```
 * @category finding actors
 * @since 0.1.0
 */
export const wait: {
  <S extends AnyServiceClass>(
    service: S,
    name?: string,
    options?: { readonly within?: Duration.Input | undefined }
  ): Effect.Effect<Portal<SelfOf<S>>, ActorError, ActorRuntime | Scope.Scope>
  <const X extends Exposed>(
    exposed: X,
    name: string,
    options?: { readonly within?: Duration.Input | undefined }
  ): Effect.Effect<Portal<X[number]>, ActorError, ActorRuntime | Scope.Scope>
} = (
  expected: Expected,
  name?: string,
  options: { readonly within?: Duration.Input | undefined } = {}
): Effect.Effect<any, ActorError, any> => waitBy(withDirectory, expected, name, options)

const waitBy = (
  using: UseDirectory,
  expected: Expected,
  name: string | undefined,
  options: { readonly within?: Duration.Input | undefined } = {}
): Effect.Effect<any, ActorError, any> =>
  using((directory, local) => {
    const asked = nameOf(expected, name)
    const found = directory.watch(asked).pipe(
      Stream.mapEffect((change) => {
        if (change._tag === "Down") return Effect.succeedNone
        return first(local, directory, change._tag === "Up" ? [change.entry] : change.entries, expected)
      }),
      Stream.filter(Option.isSome),
      Stream.runHead,
      Effect.flatMap((head) =>
        Option.isSome(head) ? Effect.succeed(head.value.value) : nobody(asked, "gone", "the root ended")
      )
    )
    const listed = Effect.suspend(() => {
      const waiting = { name: asked ?? "", since: local.turn.now() }
      local.names.add(waiting)
      return Effect.onExit(found, () => Effect.sync(() => void local.names.delete(waiting)))
    })
    const { within } = options
    return within === undefined ? listed : Effect.timeoutOrElse(listed, {
      duration: within,
      orElse: () =>
        nobody(
          asked,
          "timeout",
          `no actor of that name was ready within ${Duration.format(Duration.fromInputUnsafe(within))}`
        )
    })
  })

/**
 * The options of a shared actor. The options of the first caller decide how a shared actor is started; later callers
 * find the actor as it is.
 *
 * @category models
 * @since 0.1.0
 */
export interface FindOrStartOptions extends Pick<SpawnOptions, "memoryLimit"> {
  /** The name of the shared actor. The default name of a shared actor is the key of its Service. */
  readonly name?: string | undefined
  /**
   * The exits of the shared actor after which the actor is started again while it has a user. The default of the option
   * `restart` is `"permanent"`: every exit starts the shared actor again.
   */
  readonly restart?: Restart | undefined
}

/**
 * Returns a portal to the shared actor of a Service and a name, which is started if no such actor exists. All callers
 * that ask for one shared actor at the same time get portals to the same actor.
 *
 * The root of the tree owns the shared actor, whichever actor asks for the shared actor. The shared actor lives until
 * the Scope of its last user is closed, or that user has died. When the Scope of a shared actor's last user closes, the
 * closing waits until the shared actor is gone, no longer than `Timeouts.cancel`. A shared actor with users is started
 * again when it dies, at most 3 times within 5 seconds. Portals to a shared actor survive a restart as portals to a
 * supervised actor do.
 *
 * The function `findOrStart` also finds an actor of the same Service and name that another owner has started. A found
 * actor that has another owner ends when this other owner ends it.
 *
 * A failed start of a shared actor fails with the same error for all callers that wait for the actor, and the next
 * caller tries again. The error `NameTaken` of `findOrStart` says that an actor of another Service has the name. A
 * Service that `uses` other Services cannot be a shared actor; its `build` can find the other Services by
 * `findOrStart`.
 *
 * @example
 * ```ts
 * const counter = yield* Registry.findOrStart(Counter, { name: "shared" })
 * yield* counter.run(increment({ by: 2 })) // 2
 * const same = yield* Registry.findOrStart(Counter, { name: "shared" })
 * yield* same.run(increment({ by: 2 })) // 4
 * ```
 * @category finding actors
 * @since 0.1.0
 */
export const findOrStart = <Self, Name extends string, Config>(
  service: Startable<Self, Name, never, Config>,
  ...[given]: Argument<FindOrStartOptions & Configured<Config>>
): Effect.Effect<Portal<Self>, ActorError, ActorRuntime | Scope.Scope> =>
  withDirectory((directory, local) =>
    Effect.gen(function*() {
      const { config, name = service.key, restart = "permanent", ...options } = (given ?? {}) as FindOrStartOptions & {
        readonly config?: unknown
      }
      const { endpoints, key, module } = service
      if (service.uses.length > 0) return yield* Effect.die(new Error(usesOthers(key)))
      const wanted = {
        name,
        module,
        key,
        restart,
        options,
        endpoints: endpoints.map(({ name }) => name),
        config: yield* encodedConfig(service as unknown as AnyService, { name, uuid: "", pid: 0 }, config)
      }
      return yield* opened(local, directory, wanted)
    })
  )

/** The milliseconds until a search is repeated because the found actor was ending. */
const askAgainMillis = 50

/**
 * Opens a portal to a shared actor, with a share that ends with the Scope. The root is asked for the actor again if the
 * shared actor turns out to be ending.
 */
const opened = (
  local: LocalActor,
  directory: Directory,
  wanted: Wanted
): Effect.Effect<Portal<any>, ActorError, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const own = yield* Scope.fork(scope)
    const ref = yield* Scope.provide(local.reach!.shared.share(wanted), own)
    const found = yield* Effect.tapError(
      ref.role === undefined ? open(local, directory, ref) : openPlayed(local, ref, ref.role, scope),
      () => Scope.close(own, Exit.void)
    )
    if (Option.isSome(found)) return found.value
    // If the shared actor has ended for good, its user gives the share back, and asks the root for the shared actor
    // again.
    yield* Scope.close(own, Exit.void)
    yield* directory.stale(ref.actor.uuid)
    yield* Effect.sleep(askAgainMillis)
    return yield* opened(local, directory, wanted)
  })

const usesOthers = (key: string): string =>
  `"${key}" uses other Services, which end with those who ask: let its build find or start them`

const nobody = (
  name: string | undefined,
  why: Unreachability,
  reason: string
): Effect.Effect<never, ActorUnreachable> =>
  Effect.fail(new ActorUnreachable({ actor: null, target: `"${name}"`, why, reason }))

/**
 * Returns the registry entry of the actor with this name, without connecting to the actor: a reference for
 * `Actor.portal`, and the endpoints that the actor exposes. If several actors have the name, `query` returns the entry
 * of the actor that became ready last.
 *
 * @example
 * ```ts
 * yield* Actor.start("gretchen", { expose: [isPrime] })
 * const entry = Option.getOrThrow(yield* Registry.query("gretchen"))
 * entry.exposed.map(({ name }) => name) // ["isPrime"]
 * ```
 * @category finding actors
 * @since 0.1.0
 */
export const query = (name: string): Effect.Effect<Option.Option<Entry>, ActorError, ActorRuntime> =>
  withDirectory((directory) => firstOf(directory, name))

const firstOf = (directory: Directory, name: string) =>
  Effect.map(directory.list(name, 1), (entries) => Option.fromUndefinedOr(entries[0]))

/**
 * Lists every ready actor of the tree, including the root, or every ready actor of one name. The list of
 * `Registry.list` begins with the actor that became ready last.
 *
 * @example
 * ```ts
 * yield* Actor.start("gretchen", { expose: [isPrime] })
 * const entries = yield* Registry.list()
 * entries.map(({ actor }) => actor.name) // ["gretchen", "root"]
 * ```
 * @category finding actors
 * @since 0.1.0
 */
export const list = (
  filter: { readonly name?: string | undefined } = {}
): Effect.Effect<ReadonlyArray<Entry>, ActorError, ActorRuntime> =>
  withDirectory((directory) => directory.list(filter.name))

/**
 * Watches the registry: the stream gives first all listed actors (`Snapshot`), then each actor that is added (`Up`) or
 * removed (`Down`), in order. A watcher of the registry that falls far behind gets a new `Snapshot` instead of the
 * changes that it missed.
 *
 * @example
 * ```ts
 * const changes = yield* Registry.watch({ name: "gretchen" }).pipe(
 *   Stream.map(({ _tag }) => _tag),
 *   Stream.take(3),
 *   Stream.runCollect,
 *   Effect.forkChild({ startImmediately: true })
 * )
 * yield* Effect.sleep("50 millis")
 * yield* Effect.scoped(Actor.startScoped("gretchen", { expose: [isPrime] }))
 * yield* Fiber.join(changes) // ["Snapshot", "Up", "Down"]
 * ```
 * @category finding actors
 * @since 0.1.0
 */
export const watch = (
  filter: { readonly name?: string | undefined } = {}
): Stream.Stream<Change, ActorError, ActorRuntime> =>
  Stream.unwrap(withDirectory((directory) => Effect.succeed(directory.watch(filter.name))))

/**
 * The registry of another tree: the functions `find`, `wait`, `query`, `list` and `watch` ask the root of that tree.
 *
 * @category models
 * @since 0.2.0
 */
export interface TreeRegistry {
  /** The identity of the root of the tree that this registry describes. */
  readonly root: ActorId
  readonly find: typeof find
  readonly wait: typeof wait
  readonly query: typeof query
  readonly list: typeof list
  readonly watch: typeof watch
}

/**
 * Returns the registry of the tree whose root listens at the given address, or at one of several addresses. The root
 * that `Registry.at` asks may belong to any tree, and needs no engine. A root that `Registry.at` can reach listens at a
 * known place (`NodeTransport.layerTls({ host, ports })`) from its start on (`listen: true`). The tree of the actor
 * that calls `Registry.at` and the tree of the asked root must have the same secret (`credentials`).
 *
 * The function `Registry.at` fails with `ActorUnreachable` if no root with the same secret answers at the address
 * within `Timeouts.connect`. The registry of another tree leaves out actors that are listed only for their own tree.
 *
 * @example
 * ```ts
 * const [address] = yield* Registry.addresses
 * const here = yield* Registry.at(address!)
 * here.root.name // "root"
 * const entries = yield* here.list()
 * entries.length // 1
 * ```
 * @category finding actors
 * @since 0.2.0
 */
export const at = (
  address: string | ReadonlyArray<string>
): Effect.Effect<TreeRegistry, ActorError, ActorRuntime> =>
  withDirectory((_, local) =>
    Effect.map(directoryAt(local, typeof address === "string" ? [address] : address), ({ directory, root }) => {
      const using: UseDirectory = (use) => Effect.suspend(() => use(directory, local))
      return {
        root,
        find: (expected: any, name?: string): any => findBy(using, expected, name),
        wait: (expected: any, name?: string, options?: any): any => waitBy(using, expected, name, options),
        query: (name) => using((directory) => firstOf(directory, name)),
        list: (filter = {}) => using((directory) => directory.list(filter.name)),
        watch: (filter = {}) => directory.watch(filter.name)
      }
    })
  )

/**
 * The addresses of this tree's root, which a program in another tree gives to `Registry.at`. The root of a tree begins
 * to listen when its addresses are first asked for. The function `Registry.addresses` fails with `ActorUnreachable` if
 * the root cannot listen.
 *
 * @example
 * ```ts
 * const addresses = yield* Registry.addresses
 * addresses.length // 1
 * ```
 * @category finding actors
 * @since 0.2.0
 */
export const addresses: Effect.Effect<ReadonlyArray<string>, ActorError, ActorRuntime> = withDirectory((_, local) =>
  rootAddresses(local)
)
