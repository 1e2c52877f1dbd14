/**
 * Reaches any other actor of the tree: each actor on the path to the wanted actor knows the next actor of the path.
 *
 * An actor that wants to dial another actor asks its parent or a child for the address. The question for an address
 * goes up to the common ancestor of both actors, and down to the wanted actor. An actor begins to listen when another
 * actor first asks for its address. Two actors that have dialled each other have a connection of their own, which no
 * actor between them in the tree takes part in. The answer of a parent that it no longer has the wanted child proves
 * that the wanted actor is gone.
 *
 * @since 0.1.0
 */
import type { CancelActor } from "@furrow/protocol/Message"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { endpoint } from "../contract/Call.ts"
import { CurrentDialog, onOwnAccount } from "../dialog/DialogContext.ts"
import type { BoundHandlers } from "../dialog/Dispatcher.ts"
import * as Caller from "../dialog/OutgoingDialog.ts"
import type { Directory } from "../discovery/Directory.ts"
import * as Remote from "../discovery/Directory.ts"
import { type NotThere, Peers } from "../discovery/Peers.ts"
import { identify } from "../discovery/Probe.ts"
import type { Change } from "../discovery/Registrar.ts"
import { type ActorError, type ActorId, ActorUnreachable, formatActor, Unreachability } from "../errors/ActorError.ts"
import type { ActorRefData, Entry } from "../settings/ActorRef.ts"
import { isBelow } from "../settings/ActorRef.ts"
import { Timeouts } from "../settings/Timeouts.ts"
import { concealed, type PlatformSpec } from "../spawn/SpawnSpec.ts"
import type { Network } from "../transport/Network.ts"
import type { Address } from "../transport/Transport.ts"
import type { LocalActor } from "./LocalActor.ts"
import { foreignEnd, monitorHandlers } from "./Monitor.ts"
import * as OtherTrees from "./OtherTrees.ts"
import * as ResidentMemory from "./ResidentMemory.ts"
import { foreignRole, roleHandlers } from "./Role.ts"
import type { Shared } from "./Shared.ts"
import * as Keeper from "./Shared.ts"

class NotLocated extends Schema.TaggedError<NotLocated>()("NotLocated", {
  gone: Schema.Boolean,
  ended: Schema.Boolean,
  why: Unreachability,
  reason: Schema.String
}) {}

const locate = endpoint("furrow/locate", {
  payload: { path: Schema.Array(Schema.String) },
  success: Schema.Array(Schema.String),
  error: NotLocated
})

/**
 * Asks a peer to close the connection over which the request comes, because the asking actor does not use this
 * connection.
 */
const rest = endpoint("furrow/rest", {})

/** Finds the addresses of the actor at `path`. */
const addressesOf = (local: LocalActor, path: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Address>, NotThere> =>
  Effect.suspend((): Effect.Effect<ReadonlyArray<Address>, NotThere> => {
    const { parent, path: own, reach } = local
    if (reach === undefined) return Effect.fail({ gone: false, reason: "handlers that run here reach no peer" })
    if (!isBelow(path, own)) {
      if (OtherTrees.isForParent(local, path)) return ask(local, parent!, path, false)
      return path.length === 1
        ? Effect.map(OtherTrees.rootOf(local, path), ({ addresses }) => addresses)
        : Effect.flatMap(OtherTrees.connect(local, path), (channel) => ask(local, channel, path, false))
    }
    if (path.length === own.length) return reach.peers.addresses
    const child = local.child(path[own.length])
    const none: Effect.Effect<never, NotThere> = Effect.fail({
      gone: true,
      ended: true,
      reason: `${formatActor(local.info.id)} has no such child any more`
    })
    if (child === undefined) return none
    // A parent may be asked about an actor before the parent has connected to its child on the actor's path, so the
    // search waits.
    return Effect.flatMap(child.connected, (channel) => channel === undefined ? none : ask(local, channel, path, true))
  })

/**
 * Asks the parent or a child about an actor. If a child is lost, the actors below that child are gone as well. If a
 * parent is lost, the actors above that parent may live on.
 */
const ask = (
  local: LocalActor,
  channel: PeerChannel,
  path: ReadonlyArray<string>,
  down: boolean
): Effect.Effect<ReadonlyArray<Address>, NotThere> =>
  Effect.mapError(
    onOwnAccount(Caller.run(channel, local.env, locate({ path }))) as Effect.Effect<
      ReadonlyArray<Address>,
      NotLocated | ActorError
    >,
    (error) => error._tag === "NotLocated" ? error : { gone: down, reason: error.message }
  )

/**
 * True when the ancestors of an actor know that the actor has ended. An actor that is still ending, or does not answer,
 * counts as not ended.
 */
export const isGone = (local: LocalActor, entry: Entry): Effect.Effect<boolean> =>
  Effect.withFiber((fiber) =>
    addressesOf(local, entry.path).pipe(
      Effect.match({ onSuccess: () => false, onFailure: ({ ended }) => ended === true }),
      Effect.timeoutOrElse({ duration: fiber.getRef(Timeouts).connect, orElse: () => Effect.succeed(false) })
    )
  )

export interface ReachOptions {
  /** The description of the platform that this actor sends to every actor that it starts. */
  readonly platform: PlatformSpec
  readonly network: Network
  /** The Effect context for work that the runtime does by itself, without a call. */
  readonly context: Context.Context<never>
  readonly cancelActor: (message: CancelActor, channel: PeerChannel) => void
  /**
   * The registrar of the tree, the keeper of shared actors, and the endpoints that these two serve; `undefined` when
   * this actor is no root.
   */
  readonly registrar?: {
    readonly directory: Directory
    readonly shared: Shared
    readonly handlers: BoundHandlers
  } | undefined
}

/** Attaches an actor to the network of its tree: from now on it can reach other actors and be reached. */
export const attachPeers = (local: LocalActor, options: ReachOptions): Peers => {
  const { cancelActor, context, network, platform, registrar } = options
  const peers = new Peers({
    self: local.info.id,
    network,
    events: local.events,
    context,
    locate: ({ path }) => addressesOf(local, path),
    relative: (uuid) => relative(local, uuid),
    serve: (channel) => {
      const { dispatcher, release } = local.serve(channel, toPeers)
      return {
        start: (message) => dispatcher.start(message),
        closed: () => void Effect.runForkWith(context)(Effect.map(dispatcher.awaitIdle, release))
      }
    },
    rest: (channel) => onOwnAccount(Caller.run(channel, local.env, rest(undefined))),
    cancelActor
  })
  const rested: BoundHandlers = new Map([[rest.endpoint.name, {
    endpoint: rest.endpoint,
    context,
    handler: () =>
      Effect.withFiber((fiber) => {
        const asking = fiber.getRef(CurrentDialog)?.info.peer.uuid
        return asking === undefined ? Effect.void : peers.idle.agree(asking)
      })
  }]])
  const located: BoundHandlers = new Map([[locate.endpoint.name, {
    endpoint: locate.endpoint,
    context,
    handler: ({ path }: { readonly path: ReadonlyArray<string> }) =>
      Effect.mapError(
        addressesOf(local, path),
        ({ ended, gone, reason, why }) =>
          new NotLocated({ gone, reason, ended: ended ?? false, why: gone ? "gone" : why ?? "transport" })
      )
  }]])
  const monitors = monitorHandlers(local, context)
  const roles = roleHandlers(local, context)
  // A root answers the questions that roots of other trees ask about actors of its own tree. A root answers another
  // tree's question only about its own tree, and never passes the question on to a third tree.
  const toPeers: BoundHandlers = registrar === undefined ? rested : new Map([
    ...rested,
    ...registrar.handlers,
    ...ofThisTree(local, located, ({ path }) => path, foreignAddress),
    ...ofThisTree(local, monitors, ({ path }) => path, foreignEnd),
    ...ofThisTree(local, roles, ({ parent }) => parent, foreignRole)
  ])
  local.reach = {
    platform: concealed(platform),
    peers,
    roots: new Map(),
    identify: (addresses) => identify({ self: local.info.id, network, events: local.events, context }, addresses),
    directory: registrar === undefined
      ? bounded(Remote.remote(toRoot(local, peers), local.env), context, "the root", false)
      : bounded(registrar.directory, context, "its Discovery"),
    shared: registrar?.shared ?? Keeper.remote(toRoot(local, peers), local.env),
    toRelatives: new Map([
      ...located,
      ...monitors,
      ResidentMemory.handlerIn(context),
      ...roles,
      ...registrar?.handlers ?? []
    ]),
    toPeers,
    forget: (actor) => network.forget(actor),
    prepareGone: registrar === undefined ? Remote.prepareGone : () => {}
  }
  return peers
}

/** Restricts the handlers for other trees' questions: a question about an actor outside of this tree is refused. */
const ofThisTree = (
  local: LocalActor,
  handlers: BoundHandlers,
  pathOf: (payload: any) => ReadonlyArray<string>,
  foreign: () => unknown
): BoundHandlers =>
  new Map(
    Array.from(handlers, ([name, handler]) => [name, {
      ...handler,
      handler: (payload: unknown) =>
        isBelow(pathOf(payload), local.path) ? handler.handler(payload as never) : Effect.fail(foreign())
    }])
  )

const foreignAddress = () =>
  new NotLocated({ gone: false, reason: "this root answers for its own tree alone", ended: false, why: "none" })

const relative = (local: LocalActor, uuid: string): PeerChannel | undefined => {
  if (local.info.ancestors.at(-1)?.uuid === uuid) return local.parent
  return local.child(uuid)?.connection
}

/** The connection to the root of this tree. */
const toRoot = (local: LocalActor, peers: Peers): Effect.Effect<PeerChannel, ActorError> => {
  const [root] = local.info.ancestors
  const ref: ActorRefData = { actor: root!, path: [root!.uuid], service: null, exposed: [] }
  return Effect.mapError(peers.connect(ref), ({ error }) => error)
}

/** Asks for the addresses of the root of this tree; a root that does not listen yet begins to listen. */
export const rootAddresses = (local: LocalActor): Effect.Effect<ReadonlyArray<Address>, ActorUnreachable> => {
  const root = local.info.ancestors[0] ?? local.info.id
  return Effect.mapError(
    addressesOf(local, [root.uuid]),
    ({ reason, why }) =>
      new ActorUnreachable({ actor: root, target: formatActor(root), why: why ?? "transport", reason })
  )
}

/** Returns the directory of another tree, whose root listens at one of the given addresses. */
export const directoryAt = (
  local: LocalActor,
  addresses: ReadonlyArray<Address>
): Effect.Effect<{ readonly root: ActorId; readonly directory: Directory }, ActorUnreachable> =>
  Effect.gen(function*() {
    const { directory, identify, peers, roots } = local.reach!
    const root = yield* Effect.mapError(
      identify(addresses),
      ({ reason, why }) =>
        new ActorUnreachable({ actor: null, target: addresses.join(" or "), why: why ?? "transport", reason })
    )
    if (root.uuid === local.path[0]) return { root, directory }
    roots.set(root.uuid, { actor: root, addresses })
    const connected = Effect.suspend(() =>
      Effect.mapError(
        peers.connect({ actor: root, path: [root.uuid], service: null, exposed: [] }),
        ({ error }) => error
      )
    )
    const there = bounded(Remote.remote(connected, local.env), yield* Effect.context<never>(), "that root", false)
    const shown = (entries: ReadonlyArray<Entry>) => entries.flatMap((entry) => ofTree(entry, root.uuid) ?? [])
    return {
      root,
      directory: {
        ...there,
        list: (name, most) => Effect.map(there.list(name, most), shown),
        watch: (name) =>
          Stream.flatMap(there.watch(name), (change): Stream.Stream<Change> => {
            if (change._tag === "Snapshot") return Stream.succeed({ ...change, entries: shown(change.entries) })
            const entry = ofTree(change.entry, root.uuid)
            return entry === undefined ? Stream.empty : Stream.succeed({ ...change, entry })
          })
      }
    }
  })

/**
 * Converts an entry of another tree's registry to the form in which this tree shows the entry: without modules, which
 * are paths on one host. An actor that is listed only for its own tree gives no entry (`undefined`) for another tree.
 */
const ofTree = (entry: Entry, root: string): Entry | undefined =>
  entry.listed === "tree" || entry.path[0] !== root
    ? undefined
    : { ...entry, exposed: entry.exposed.map(({ name }) => ({ name, module: null })) }

/**
 * Bounds the wait for an answer of the root or the Discovery, because an unanswered question must not hold up a start
 * for ever.
 */
const bounded = (
  directory: Directory,
  context: Context.Context<never>,
  asked: string,
  isWhole = true
): Directory => {
  const { connect } = Context.get(context, Timeouts)
  const within = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.timeoutOrElse(effect, { duration: connect, orElse: () => Effect.fail(Remote.silent(asked, connect)) })
  return {
    ...directory,
    claim: (entry) => within(directory.claim(entry)),
    ready: (uuid, pid, replaces) => within(directory.ready(uuid, pid, replaces)),
    gone: (uuid) => Effect.ignore(within(directory.gone(uuid))),
    stale: (uuid) => within(directory.stale(uuid)),
    list: (name, most) => isWhole || most !== undefined ? within(directory.list(name, most)) : directory.list(name)
  }
}
