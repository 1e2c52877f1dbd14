/**
 * A handle on another actor: it runs calls in that actor, reads the actor's streams, and ends the actor. A portal owns
 * no actor. A portal works as long as its actor and the connection live; afterwards its calls fail with an error that
 * names the reason.
 *
 * The type of a portal lists the endpoints that the actor exposes, so calling any other endpoint is a compile error. At
 * run time the portal checks the module as well as the name, because two modules may each have an endpoint of one name
 * and shape.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { type Call, type Failure, isCall, type Success } from "../contract/Call.ts"
import type { Dialog, StreamOptions } from "../contract/DialogCall.ts"
import {
  type AnyCallEndpoint,
  type AnyDialogEndpoint,
  type AnyEndpoint,
  type AnyStreamEndpoint,
  isInternal,
  type Type
} from "../contract/Endpoint.ts"
import type { Misused } from "../contract/Mistake.ts"
import { type PayloadReceiver, ruleOf } from "../contract/PayloadReceiver.ts"
import * as OpenDialog from "../dialog/CallerDialogHandle.ts"
import type { DialogContext } from "../dialog/DialogContext.ts"
import type { Relayed } from "../dialog/Dispatcher.ts"
import * as Caller from "../dialog/OutgoingDialog.ts"
import { type ActorError, type ActorId, EndpointUnknown, formatActor } from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import type { PortalSnapshot } from "../inspect/Snapshot.ts"
import type { ActorRef, ActorRefData } from "../settings/ActorRef.ts"
import { windowOf } from "../stream/Inbox.ts"

/**
 * The endpoints of the definitions or the Service with which an actor was started.
 *
 * @category type-level
 * @since 0.1.0
 */
export type EndpointsOf<X> = 0 extends 1 & X ? any
  : X extends { readonly endpoint: infer Ep extends AnyEndpoint } ? Ep
  : X extends { readonly "~endpoints": infer Eps extends AnyEndpoint } ? Eps
  : never

/**
 * The dialog of an endpoint as the caller of the dialog holds it.
 *
 * @category type-level
 * @since 0.1.0
 */
export type DialogOf<Ep extends AnyDialogEndpoint> = Dialog<
  Type<Ep["started"]>,
  Type<Ep["input"]>,
  Type<Ep["output"]>,
  Type<Ep["success"]>,
  Type<Ep["error"]>
>

type DialogEndpointOf<C> = C extends Call<infer Ep extends AnyDialogEndpoint> ? Ep : never
/** The dialog of a call. The dialog of a generic endpoint also has generic methods. */
export type Opened<C> = DialogOf<DialogEndpointOf<C>>

/**
 * A portal to an actor that exposes `X`, for calls, streams and dialogs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Portal<in X> {
  readonly "~furrow/Portal": (_: X) => void
  /** The identity of the actor behind the portal. */
  readonly actor: ActorId
  readonly name: string
  /**
   * The reference of the actor, as data, which can be sent in place of the portal (`Actor.ref`, `Actor.portal`). A
   * portal to handlers that run in this process has no reference, and a read of `ref` throws.
   */
  readonly ref: ActorRef<X>
  /**
   * Runs a call in the actor; the result is one answer, the endpoint's own error, or an `ActorError`. Interrupting the
   * call interrupts the far fiber and waits for its finalizers, no longer than `Timeouts.cancel`.
   */
  readonly run: <C extends Call<Extract<EndpointsOf<X>, AnyCallEndpoint>> | Misused<C, "call", "portal">>(
    call: C
  ) => Effect.Effect<Success<C>, Failure<C> | ActorError>
  /**
   * Reads a stream from the actor, with credit, so that a slow reader slows the producer. Leaving the stream early
   * stops the producer and waits for its finalizers. `window` is the number of items that may be on their way.
   * `receiver` decides about items that do not match their schema, which otherwise fail the stream.
   */
  readonly stream: <C extends Call<Extract<EndpointsOf<X>, AnyStreamEndpoint>> | Misused<C, "stream", "portal">>(
    call: C,
    options?: Pick<StreamOptions, "window"> & { readonly receiver?: PayloadReceiver<Success<C>, never> | undefined }
  ) => Stream.Stream<Success<C>, Failure<C> | ActorError>
  /**
   * Opens a dialog and runs `body` in it: the body and the far handler are linked. A failure of the callee interrupts
   * the body, and fails `open`. A body that returns waits for the callee; a body that fails or is interrupted cancels
   * the callee and waits, within the bound of the cancel. A cancel of the dialog by the body's own `dialog.cancel` does
   * not fail the dialog.
   */
  readonly open: <
    C extends Call<Extract<EndpointsOf<X>, AnyDialogEndpoint>> | Misused<C, "dialog", "portal">,
    B,
    E2,
    R
  >(
    call: C,
    body: (dialog: Opened<C>) => Effect.Effect<B, E2, R>,
    options?: StreamOptions
  ) => Effect.Effect<B, Failure<C> | E2 | ActorError, R>
  /**
   * Opens a dialog that lives as long as the Scope, and is cancelled when the Scope closes. A failure of the callee
   * wakes no fiber: the next `receive`, `send` or `result` of the dialog fails with the callee's failure.
   */
  readonly openScoped: <C extends Call<Extract<EndpointsOf<X>, AnyDialogEndpoint>> | Misused<C, "dialog", "portal">>(
    call: C,
    options?: StreamOptions
  ) => Effect.Effect<Opened<C>, Failure<C> | ActorError, Scope.Scope>
  /**
   * Ends the whole actor and waits until the actor is gone. `reason` reaches the finalizers of the actor, and every
   * caller with an open call to the actor. The shutdown ladder bounds the wait; repeated calls wait for the same end.
   */
  readonly cancel: (reason?: string) => Effect.Effect<void>
  /** Waits until the actor behind the portal has ended, and returns its exit; `wait` never fails. */
  readonly wait: Effect.Effect<ActorExit>
  /**
   * Waits until no further call can begin at the actor: it has said its last word, or its connection has ended.
   * `closed` never fails. `closed` resolves before any open call is told of the end, and earlier than `wait`, which
   * also learns how the actor ended.
   */
  readonly closed: Effect.Effect<void>
  /**
   * The number of actors that have been behind this portal: 1 at first, and one more after each restart by a
   * supervisor. The fields `actor`, `ref`, `cancel`, `wait` and `closed` of the portal are those of its present actor.
   */
  readonly incarnation: number
  /**
   * The fate of calls through this portal, now and after every change: they pass, wait or fail. The stream of the fates
   * of calls ends with `"gone"`.
   */
  readonly changes: Stream.Stream<Reachability>
  /** A snapshot of the portal's connection: its dialogs, frames and bytes. */
  readonly statistics: Effect.Effect<PortalSnapshot>
}

/**
 * The fate of a call through a portal: it passes, it waits for a restart, or it fails.
 *
 * @category models
 * @since 0.1.0
 */
export type Reachability = "up" | "restarting" | "gone"

export interface PortalOptions {
  readonly channel: PeerChannel
  readonly env: DialogContext
  readonly actor: ActorId
  /** The names of the exposed endpoints with their modules; a module is `undefined` when it is not known. */
  readonly exposed: ReadonlyMap<string, string | undefined>
  readonly cancel: (reason: string) => Effect.Effect<void>
  readonly wait: Effect.Effect<ActorExit>
  /**
   * Waits for the end of the actor as `wait` does, and handles the end; fails when the exit cannot be known. Default:
   * `wait`.
   */
  readonly monitor?: Effect.Effect<ActorExit, ActorError> | undefined
  /**
   * Lets no further call begin at the actor; returns the number of calls that are still open at the bound of the drain.
   * `drain` is absent when this side does not own the actor.
   */
  readonly drain?: ((within: Duration.Input) => Effect.Effect<number, ActorError>) | undefined
  /** The reference of the actor; `undefined` for a portal to handlers of this process. */
  readonly ref?: ActorRefData | undefined
  /** The error of a portal that must not be used any more, even if its connection still lives. */
  readonly closed?: (() => ActorError | undefined) | undefined
  /** The prefix of endpoint names on the connection, when calls to the actor are relayed by another actor. */
  readonly prefix?: string | undefined
}

const insides = new WeakMap<object, PortalOptions>()

/** Makes a portal stand for the portal that `latest` returns, whose internals the portal uses. */
export const standsFor = (portal: Portal<any>, latest: () => Portal<any>): void => {
  const inside = () => insides.get(latest())!
  const names = [
    "channel",
    "env",
    "actor",
    "exposed",
    "cancel",
    "wait",
    "monitor",
    "drain",
    "ref",
    "closed",
    "prefix"
  ] as const
  const properties = names.map((name) => [name, { get: () => inside()[name], enumerable: true }] as const)
  insides.set(portal, Object.defineProperties({}, Object.fromEntries(properties)) as PortalOptions)
}

/**
 * True for a value that is a portal.
 *
 * @example
 * ```ts
 * Portal.isPortal(frank) // true
 * Portal.isPortal(frank.ref) // false
 * ```
 * @category guards
 * @since 0.1.0
 */
export const isPortal = (u: unknown): u is Portal<never> => typeof u === "object" && u !== null && insides.has(u)

/** The reference of the actor behind a portal; `undefined` when other actors cannot reach that actor. */
export const refOf = (portal: Portal<any>): ActorRefData | undefined => insides.get(portal)?.ref

/**
 * Calls `callback` once when no further call can begin at this portal, and before any open call is told of the end. The
 * callback for a portal's end runs in the turn of the event loop in which the portal ends. The returned function
 * removes the callback for the end of the portal.
 */
export const whenClosed = (portal: Portal<any>, callback: () => void): () => void => watched(portal, callback, false)

/**
 * Calls back as `whenClosed` does, but keeps no connection open. If the connection has retired, only its next use finds
 * the end of the actor.
 */
export const whenFoundClosed = (portal: Portal<any>, callback: () => void): () => void =>
  watched(portal, callback, true)

const watched = (portal: Portal<any>, callback: () => void, rests: boolean): () => void => {
  const options = insides.get(portal)
  return options === undefined ? () => {} : options.channel.whenCallsOver(callback, rests)
}

/**
 * Drains an actor of the caller: the actor begins no further call, and its open calls continue. `drain` resolves when
 * the last open call has ended, or at the given bound, with the number of open calls: 0 means that the actor is
 * drained.
 *
 * All further calls of the drained actor fail with `ActorBusy`, whose `isDraining` is true: a call that fails with this
 * error has not begun, and may be repeated elsewhere. Children of a draining actor may still call the actor. A drain
 * cannot be undone, because the owner ends a drained actor. Only the portal of the owner can drain an actor; any other
 * portal is a defect.
 *
 * @example
 * ```ts
 * yield* Portal.drain(frank, "10 seconds") // 0
 * const error = yield* Effect.flip(frank.run(isPrime({ n: 7 })))
 * error._tag === "ActorBusy" && error.isDraining // true
 * yield* frank.cancel("replaced")
 * ```
 * @category reaching actors
 * @since 0.1.0
 */
export const drain = (portal: Portal<never>, within: Duration.Input): Effect.Effect<number, ActorError> =>
  insides.get(portal)!.drain?.(within) ??
    Effect.die(new Error(`only its owner can drain ${formatActor(portal.actor)}`))

/** Waits for the end of the actor behind a portal, and handles the end. */
export const monitor = (portal: Portal<never>): Effect.Effect<ActorExit, ActorError> => {
  const options = insides.get(portal)!
  return options.monitor ?? options.wait
}

/**
 * Returns the portal with another bound than `Timeouts.cancel` for the cancels of its callers, in milliseconds.
 */
export const withCancelBound = (portal: Portal<any>, millis: number): Portal<any> => {
  const options = insides.get(portal)!
  return make({ ...options, env: { ...options.env, cancelBound: millis } })
}

/** Calls `callback` as `whenClosed` does, and tells it whether the actor has said `Bye`. */
export const whenParted = (portal: Portal<any>, callback: (saidGoodbye: boolean) => void): () => void => {
  const { channel } = insides.get(portal)!
  return channel.whenCallsOver(() => callback(channel.bye !== undefined))
}

/** Calls an endpoint of the actor's runtime, which serves more than the actor exposes. */
export const askRuntime = (portal: Portal<any>, call: Call<AnyEndpoint>): Effect.Effect<unknown, unknown> => {
  const { channel, env } = insides.get(portal)!
  return Caller.run(channel, env, call)
}

/** True while a dialog that this side cancelled is open beyond the bound of its cancel. */
export const isStuck = (portal: Portal<any>): boolean => insides.get(portal)!.channel.isStuck

/**
 * Returns the route of a portal's calls, by which another actor's calls are relayed; `undefined` for a portal without a
 * route.
 */
export const relayed = (portal: Portal<any>): Relayed | undefined => {
  const options = insides.get(portal)
  return options === undefined
    ? undefined
    : { channel: options.channel, address: (name) => `${options.prefix ?? ""}${name}` }
}

/**
 * Gives a call the endpoint name that it has on the connection. Each name on the connection has one endpoint value,
 * because the endpoint's codecs are cached by this value.
 */
const addressing = (prefix: string | undefined) => {
  if (prefix === undefined) return (call: Call<AnyEndpoint>) => call
  const known = new Map<AnyEndpoint, AnyEndpoint>()
  return (call: Call<AnyEndpoint>): Call<AnyEndpoint> => {
    let endpoint = known.get(call.endpoint)
    if (endpoint === undefined) {
      endpoint = { ...call.endpoint, name: prefix + call.endpoint.name }
      known.set(call.endpoint, endpoint)
    }
    return { "~furrow/Call": "~furrow/Call", endpoint, module: call.module, input: call.input }
  }
}

/** Makes the error for a program without type checks that passes a value which is no call of the wanted kind. */
const noCall = (kind: AnyEndpoint["kind"]): TypeError =>
  new TypeError(
    `an actor is asked with a ${kind} as data: the return value of an endpoint, as in \`isPrime({ n: 7 })\`. A plain ` +
      "Effect, Stream or function cannot cross"
  )

/** The endpoints that error texts may list: the exposed endpoints without those of the runtime. */
const shown = (exposed: PortalOptions["exposed"]) => Array.from(exposed).filter(([name]) => !isInternal(name))

/**
 * The error of a call that this portal cannot make: the actor does not expose its endpoint, or the endpoint is of
 * another kind.
 */
const unknown = (
  options: PortalOptions,
  call: Call<AnyEndpoint>,
  kind: AnyEndpoint["kind"]
): ActorError | undefined => {
  const { name } = call.endpoint
  const { exposed } = options
  const closed = options.closed?.()
  if (closed !== undefined) return closed
  if (call.endpoint.kind !== kind) {
    return new EndpointUnknown({
      actor: options.actor,
      endpoint: `${name} as a ${kind}`,
      exposed: shown(exposed).map(([known]) => known === name ? `${known} as a ${call.endpoint.kind}` : known)
    })
  }
  const there = exposed.get(name)
  const same = exposed.has(name) && (there === undefined || call.module === undefined || there === call.module)
  if (same) return undefined
  return new EndpointUnknown({
    actor: options.actor,
    endpoint: exposed.has(name) && call.module !== undefined ? `${name} of ${call.module}` : name,
    exposed: shown(exposed).map(([known, module]) =>
      known === name && module !== undefined ? `${known} of ${module}` : known
    )
  })
}

const noReference = (name: string): string =>
  `"${name}" runs in this process and has no reference: no other process could open a portal to it. Start it as an actor`

/** Makes a portal to an actor over an open channel. */
export const make = (options: PortalOptions): Portal<any> => {
  const { actor, channel, env } = options
  const address = addressing(options.prefix)
  const portal: unknown = {
    "~furrow/Portal": () => {},
    actor,
    name: actor.name,
    get ref() {
      if (options.ref === undefined) throw new Error(noReference(actor.name))
      return options.ref
    },
    run: (call: Call<AnyEndpoint>) => {
      if (!isCall(call)) return Effect.die(noCall("call"))
      const error = unknown(options, call, "call")
      return error === undefined ? Caller.run(channel, env, address(call)) : Effect.fail(error)
    },
    stream: (
      call: Call<AnyEndpoint>,
      reading?: Pick<StreamOptions, "window"> & { readonly receiver?: PayloadReceiver<unknown, never> }
    ) => {
      if (!isCall(call)) return Stream.die(noCall("stream"))
      const error = unknown(options, call, "stream")
      return error === undefined
        ? Caller.stream(channel, env, address(call), {
          window: windowOf(reading),
          rule: reading?.receiver === undefined ? undefined : ruleOf(reading.receiver)
        })
        : Stream.fail(error)
    },
    open: (call: Call<AnyEndpoint>, body: (dialog: any) => Effect.Effect<any, any>, streamOptions?: StreamOptions) => {
      if (!isCall(call)) return Effect.die(noCall("dialog"))
      const error = unknown(options, call, "dialog")
      return error === undefined
        ? OpenDialog.open({ channel, env, call: address(call), callee: actor, options: streamOptions }, body)
        : Effect.fail(error)
    },
    openScoped: (call: Call<AnyEndpoint>, streamOptions?: StreamOptions) => {
      if (!isCall(call)) return Effect.die(noCall("dialog"))
      const error = unknown(options, call, "dialog")
      return error === undefined
        ? OpenDialog.openScoped({ channel, env, call: address(call), callee: actor, options: streamOptions })
        : Effect.fail(error)
    },
    cancel: (reason = "cancelled") => options.cancel(reason),
    wait: options.wait,
    closed: Effect.callback<void>((resume) => Effect.sync(channel.whenCallsOver(() => resume(Effect.void)))),
    incarnation: 1,
    changes: Stream.callback<Reachability>((queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          if (channel.isOpen || channel.parting.isRetired) Queue.offerUnsafe(queue, "up")
          return channel.whenCallsOver(() => {
            Queue.offerUnsafe(queue, "gone")
            Queue.endUnsafe(queue)
          })
        }),
        (forget) => Effect.sync(forget)
      )
    ),
    statistics: Effect.sync(() => ({
      actor,
      exposed: shown(options.exposed).map(([name]) => name),
      channel: channel.latest.snapshot()
    }))
  }
  insides.set(portal as object, options)
  return portal as Portal<any>
}
