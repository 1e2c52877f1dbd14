/**
 * A handle on another actor: it runs calls in that actor, reads the actor's streams, and ends the actor. A portal owns
 * no actor. A portal works as long as its actor and the connection live; afterwards its calls fail with an error that
 * names the reason.
 *
 * The type of a portal lists the endpoints that the actor exposes, so calling any other endpoint is a compile error. At
 * run time the portal checks the module and the name of a called endpoint, because two modules may have endpoints of
 * one name.
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
 * The type of the endpoints that an actor serves, from the definitions or the Service with which the actor was started.
 *
 * @category type-level
 * @since 0.1.0
 */
export type EndpointsOf<X> = 0 extends 1 & X ? any
  : X extends { readonly endpoint: infer Ep extends AnyEndpoint } ? Ep
  : X extends { readonly "~endpoints": infer Eps extends AnyEndpoint } ? Eps
  : never

/**
 * The type of the dialog of an endpoint, as the caller of the endpoint holds the dialog.
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
/** The type of the dialog that a call opens. The dialog of a generic endpoint has generic methods. */
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
   * The reference of the actor behind the portal: data that can be sent to other actors, which a portal cannot
   * (`Actor.ref`, `Actor.portal`). A portal to handlers that run in this process has no reference, so that reading its
   * `ref` throws.
   */
  readonly ref: ActorRef<X>
  /**
   * Runs a call in the actor: succeeds with the answer, or fails with the endpoint's own error or an `ActorError`.
   * Interrupting the call interrupts the handler in the other actor, and waits at most `Timeouts.cancel` for the
   * handler's finalizers.
   */
  readonly run: <C extends Call<Extract<EndpointsOf<X>, AnyCallEndpoint>> | Misused<C, "call", "portal">>(
    call: C
  ) => Effect.Effect<Success<C>, Failure<C> | ActorError>
  /**
   * Reads a stream from the actor; a slow reader slows the producer, because the producer needs credit to send. A
   * reader that leaves the stream early stops the stream's handler, and waits for the handler's finalizers. The option
   * `window` is the number of items that may be on their way to the reader of a stream. The option `receiver` decides
   * what becomes of items that do not match their schema; without a receiver, the first of these items fails the
   * stream.
   */
  readonly stream: <C extends Call<Extract<EndpointsOf<X>, AnyStreamEndpoint>> | Misused<C, "stream", "portal">>(
    call: C,
    options?: Pick<StreamOptions, "window"> & { readonly receiver?: PayloadReceiver<Success<C>, never> | undefined }
  ) => Stream.Stream<Success<C>, Failure<C> | ActorError>
  /**
   * Opens a dialog with the actor and runs `body` in it; `body` and the actor's handler end together. When the callee's
   * handler fails, `body` is interrupted, and `open` fails with the handler's failure. After the function `body` has
   * returned, `open` waits for the end of the callee. If `body` fails or is interrupted, `open` cancels the callee and
   * waits at most `Timeouts.cancel`. If `body` itself cancels the dialog with `dialog.cancel`, the method `open` does
   * not fail.
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
   * Opens a dialog with the actor; the dialog is cancelled when the Scope closes. A failure of the callee interrupts no
   * fiber of the caller: the next `receive`, `send` or `result` of the dialog fails with it.
   */
  readonly openScoped: <C extends Call<Extract<EndpointsOf<X>, AnyDialogEndpoint>> | Misused<C, "dialog", "portal">>(
    call: C,
    options?: StreamOptions
  ) => Effect.Effect<Opened<C>, Failure<C> | ActorError, Scope.Scope>
  /**
   * Ends the whole actor behind the portal, and waits until the actor is gone. The argument `reason` reaches the
   * finalizers of the actor, and every caller with an open call to the actor. The shutdown ladder bounds how long
   * `cancel` waits. A second call of `cancel` waits for the same end of the actor.
   */
  readonly cancel: (reason?: string) => Effect.Effect<void>
  /** Waits until the actor behind the portal has ended, and returns the actor's exit; the effect `wait` never fails. */
  readonly wait: Effect.Effect<ActorExit>
  /**
   * Waits until no further call can begin at the actor, because the actor has said its last word or its connection has
   * ended. The effect `closed` never fails. The effect `closed` ends before open calls fail because of the actor's end.
   * The effect `wait` ends later than the effect `closed`, because `wait` also learns how the actor ended.
   */
  readonly closed: Effect.Effect<void>
  /**
   * The number of actors that have been behind this portal: 1 at first, and one more after each restart by a
   * supervisor. After a restart, the fields `actor`, `ref`, `cancel`, `wait` and `closed` of a portal belong to the new
   * actor.
   */
  readonly incarnation: number
  /**
   * The stream of the portal's states (`up`, `restarting` or `gone`), which begins with the present state. The stream
   * `changes` ends after its item `"gone"`.
   */
  readonly changes: Stream.Stream<Reachability>
  /** A snapshot of the portal's connection: its dialogs, frames and bytes. */
  readonly statistics: Effect.Effect<PortalSnapshot>
}

/**
 * The state of a portal for its callers: calls through the portal pass (`up`), wait for a restart (`restarting`), or
 * fail (`gone`).
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
   * Waits for the end of the actor and, for the actor's owner, handles the exit; fails when the exit cannot be known.
   * Default: `wait`.
   */
  readonly monitor?: Effect.Effect<ActorExit, ActorError> | undefined
  /**
   * Drains the actor: no further call begins. The function `drain` returns the number of calls that are still open when
   * the given time is over. The function `drain` is absent when the holder of the portal does not own the actor.
   */
  readonly drain?: ((within: Duration.Input) => Effect.Effect<number, ActorError>) | undefined
  /** The reference of the actor; `undefined` for a portal to handlers of this process. */
  readonly ref?: ActorRefData | undefined
  /**
   * Returns the error for calls through a portal that may not be used any more, even if the portal's connection still
   * lives.
   */
  readonly closed?: (() => ActorError | undefined) | undefined
  /** The prefix that endpoint names get on the connection when another actor relays the calls to the actor. */
  readonly prefix?: string | undefined
}

const insides = new WeakMap<object, PortalOptions>()

/**
 * Makes a portal a proxy: each access to its internals reads the internals of the portal that the function `latest`
 * returns.
 */
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
 * Calls `callback` once, when no further call can begin at this portal, and before open calls fail because of the
 * actor's end. The callback of `whenClosed` runs in the turn of the event loop in which the portal ends. The function
 * that `whenClosed` returns removes the callback.
 */
export const whenClosed = (portal: Portal<any>, callback: () => void): () => void => watched(portal, callback, false)

/**
 * Calls `callback` when the portal ends, as `whenClosed` does, but does not keep the portal's connection open. If the
 * portal's connection has retired, only the next use of the connection finds out that the actor has ended.
 */
export const whenFoundClosed = (portal: Portal<any>, callback: () => void): () => void =>
  watched(portal, callback, true)

const watched = (portal: Portal<any>, callback: () => void, rests: boolean): () => void => {
  const options = insides.get(portal)
  return options === undefined ? () => {} : options.channel.whenCallsOver(callback, rests)
}

/**
 * Drains an actor that the caller owns: the actor begins no further call, and its open calls continue. The function
 * `drain` waits until the last open call has ended, but at most for the given time `within`. The result of `drain` is
 * the number of calls that are still open.
 *
 * Further calls to a draining actor fail with an `ActorBusy` whose `isDraining` is true. A call that fails with
 * `ActorBusy` has not begun, so it may be repeated at another actor. Children of a draining actor may still call the
 * actor. A drain cannot be undone, because the owner ends a drained actor. Only the portal of its owner can drain an
 * actor; with any other portal `drain` dies.
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

/** Waits for the end of the actor behind a portal; if the caller owns the actor, its exit then counts as handled. */
export const monitor = (portal: Portal<never>): Effect.Effect<ActorExit, ActorError> => {
  const options = insides.get(portal)!
  return options.monitor ?? options.wait
}

/**
 * Returns a portal whose cancelled calls wait the given number of milliseconds, instead of `Timeouts.cancel`, for the
 * acknowledgement.
 */
export const withCancelBound = (portal: Portal<any>, millis: number): Portal<any> => {
  const options = insides.get(portal)!
  return make({ ...options, env: { ...options.env, cancelBound: millis } })
}

/**
 * Calls `callback` when the portal ends, as `whenClosed` does, and tells the callback whether the actor has said `Bye`.
 */
export const whenParted = (portal: Portal<any>, callback: (saidGoodbye: boolean) => void): () => void => {
  const { channel } = insides.get(portal)!
  return channel.whenCallsOver(() => callback(channel.bye !== undefined))
}

/** Calls an endpoint that the runtime of the actor serves, although the actor does not expose it. */
export const askRuntime = (portal: Portal<any>, call: Call<AnyEndpoint>): Effect.Effect<unknown, unknown> => {
  const { channel, env } = insides.get(portal)!
  return Caller.run(channel, env, call)
}

/** True while a dialog of this portal that the caller has cancelled is still open after the bound of the cancel. */
export const isStuck = (portal: Portal<any>): boolean => insides.get(portal)!.channel.isStuck

/**
 * Returns the connection over which this actor relays calls to the actor of a portal, and the endpoint names on this
 * connection.
 */
export const relayed = (portal: Portal<any>): Relayed | undefined => {
  const options = insides.get(portal)
  return options === undefined
    ? undefined
    : { channel: options.channel, address: (name) => `${options.prefix ?? ""}${name}` }
}

/**
 * Puts the prefix of relayed calls in front of a call's endpoint name, if another actor relays the calls of the portal.
 * Calls of one endpoint share one prefixed endpoint object, because the codecs of an endpoint are cached by the object.
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

/**
 * Makes the error for JavaScript code that passes a portal some value which is no call, stream or dialog of an
 * endpoint.
 */
const noCall = (kind: AnyEndpoint["kind"]): TypeError =>
  new TypeError(
    `an actor is asked with a ${kind} as data: the return value of an endpoint, as in \`isPrime({ n: 7 })\`. A plain ` +
      "Effect, Stream or function cannot cross"
  )

/** The exposed endpoints that an error text lists; endpoints of the runtime itself are left out. */
const shown = (exposed: PortalOptions["exposed"]) => Array.from(exposed).filter(([name]) => !isInternal(name))

/**
 * Returns the error of a call that a portal cannot make: its endpoint is not exposed, or is of another kind (call,
 * stream, dialog).
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

/** Makes a portal to an actor over an open connection (`PeerChannel`). */
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
