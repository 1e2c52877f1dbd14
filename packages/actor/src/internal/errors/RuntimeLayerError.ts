/**
 * The error of a platform that cannot be built, with which the Layers of an `ActorRuntime` fail.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * The error of a Layer of the platform that cannot be built in this process. The failure to build a Layer in a child
 * reaches the parent as a `SpawnFailed` with the same text.
 *
 * The fields `what` and `key` name the Layer, and the field `module` names the file that defines it. The field `step`
 * is the step at which building failed: importing the module, reading the settings, or building the Layer.
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
  /** The thrown value or the failure that stopped the building of the Layer, if there was one. */
  readonly cause?: unknown
}> {
  override get message(): string {
    return `the ${this.what} "${this.key}" of ${this.module} cannot be built (step: ${this.step}): ${this.reason}`
  }
}
