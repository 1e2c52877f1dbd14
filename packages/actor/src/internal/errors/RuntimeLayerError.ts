/**
 * A platform that cannot be built: the one error of the Layers that make an `ActorRuntime`.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * A Layer of the platform cannot be built here. In a child the same failure arrives as `SpawnFailed` with these words.
 *
 * `what` and `key` name the Layer, `module` the file that defines it. `step` says how far it came: its module was
 * imported, its settings were read, the Layer itself was built.
 *
 * @example
 * ```ts
 * const place = { what: "transport", key: "tls", module: "tls.ts", step: "settings" } as const
 * const error = new ActorRuntime.RuntimeLayerError({ ...place, reason: "no host" })
 * error.message // 'the transport "tls" of tls.ts cannot be built (step: settings): no host'
 * ```
 * @category errors
 * @since 0.1.0
 */
export class RuntimeLayerError extends Data.TaggedError("RuntimeLayerError")<{
  readonly what: "transport" | "spawner" | "discovery" | "ambient" | "credentials"
  readonly key: string
  readonly module: string
  readonly step: "import" | "settings" | "layer"
  readonly reason: string
  /** The thrown value or the failure, if there was one. */
  readonly cause?: unknown
}> {
  override get message(): string {
    return `the ${this.what} "${this.key}" of ${this.module} cannot be built (step: ${this.step}): ${this.reason}`
  }
}
