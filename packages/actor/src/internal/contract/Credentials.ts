/**
 * Makes the credentials of a tree, which actors hold and never show: the name of the tree, and the secret by which its
 * members are known.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Redacted from "effect/Redacted"

/** The number of random bytes in the secret of a tree, so that the secret cannot be guessed. */
const secretBytes = 32

/**
 * Makes random bytes by Web Crypto. Node loads Web Crypto at the first use, so an actor that makes no random bytes does
 * not pay for loading it.
 */
const random = (size: number): Uint8Array =>
  (globalThis as unknown as {
    readonly crypto: { readonly getRandomValues: (bytes: Uint8Array) => Uint8Array }
  }).crypto.getRandomValues(new Uint8Array(size))

/**
 * The name of a tree, and the secret that its members prove to each other.
 *
 * @category models
 * @since 0.1.0
 */
export interface TreeCredentials {
  readonly tree: string
  readonly secret: Redacted.Redacted<Uint8Array>
}

/**
 * The Effect service with the name and the secret of the tree, for the Layers of transports and spawners, and for
 * ambient Layers. The runtime provides the credentials, in the root and in every actor.
 *
 * A Layer of the program never provides the credentials, so that two trees never share a secret by accident. The field
 * `run` names this run of the tree: each start of a root makes a new `run`, which all actors of the tree share.
 *
 * @example
 * ```ts
 * export const Greeting = Ambient.portable("greeting", { module: import.meta.url }, () =>
 *   Layer.effectDiscard(Effect.flatMap(Credentials.Credentials, ({ tree }) => Effect.logDebug(`a member of ${tree}`))))
 *
 * yield* Effect.provide(program, MemoryActor.layer({ ambient: Greeting })) // true
 * ```
 * @category services
 * @since 0.1.0
 */
export class Credentials extends Context.Service<Credentials, TreeCredentials & { readonly run: string }>()(
  "@furrow/actor/Credentials"
) {}

/**
 * Makes the credentials of a tree. By default the name of the tree is `tree`, and the secret is 32 new random bytes.
 *
 * @example
 * ```ts
 * const credentials = Credentials.make({ tree: "shop", secret: new Uint8Array(32) })
 * yield* Effect.provide(program, MemoryActor.layer({ credentials })) // true
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: { readonly tree?: string | undefined; readonly secret?: Uint8Array | undefined } = {}
): TreeCredentials => ({
  tree: options.tree ?? "tree",
  secret: Redacted.make(options.secret ?? random(secretBytes), {
    label: "the secret of a tree"
  })
})
