/**
 * The payload of `Spawn`, in which a parent tells a new actor its identity and definitions, and the payload of the
 * actor's answer `Ready`.
 *
 * Handwritten code checks the fields of `Spawn` and `Ready`, because deriving a codec from a schema would take a tenth
 * of an actor's start. A parent and its child always run the same version of this package.
 *
 * @since 0.1.0
 */
import { type PlainCodec, plainCodec } from "@furrow/protocol/Envelope"
import type { PortableData } from "../contract/PortableData.ts"
import type { ActorId } from "../errors/ActorError.ts"
import type { Observe } from "../inspect/Inspection.ts"
import type { ActorRefData, Role } from "../settings/ActorRef.ts"
import type { Timeouts } from "../settings/Timeouts.ts"

/**
 * One definition that an actor has to serve, found by its module and its name.
 *
 * @category models
 * @since 0.1.0
 */
export interface Exposed {
  readonly module: string
  readonly name: string
}

/**
 * The Service that an actor runs, found by its key, and the Services that it uses. The actor dials the actor of a used
 * Service; its calls to a relayed Service go to its parent.
 */
export interface ServiceSpec {
  readonly module: string
  readonly key: string
  /**
   * The settings with which the Service is started, as the schema of the Service encodes them; null for a Service
   * without settings.
   */
  readonly config: Uint8Array | null
  readonly uses: ReadonlyArray<{ readonly key: string; readonly actor: ActorId; readonly ref: ActorRefData | null }>
}

/**
 * The description of a tree's platform that every actor gets: its transports, its spawner, and the services around its
 * handlers. The secret of a tree is sent only over the connection between a parent and its child.
 *
 * @category models
 * @since 0.1.0
 */
export interface PlatformSpec {
  readonly tree: string
  readonly run: string
  readonly secret: Uint8Array
  readonly transports: ReadonlyArray<PortableData>
  /** The plan of the spawner that the user defined; null when the platform's own spawner starts the actors. */
  readonly spawner: PortableData | null
  readonly ambient: ReadonlyArray<PortableData>
  /**
   * The amount of detail that observers may see in the actors of the tree: nothing, names and counts, or values and
   * code.
   */
  readonly observe: Observe
  /** The folder for the records of actors' calls and the post-mortems of dead actors; null when no record is kept. */
  readonly graves: string | null
  /** The way in which the actors of the tree prove to each other that they belong to the tree. Default: `secret`. */
  readonly trust?: "secret" | "certificate" | undefined
}

/** Copies the description of a tree's platform, and hides its secret from code that prints the description. */
export const concealed = (platform: PlatformSpec): PlatformSpec => {
  const { secret, ...shown } = platform
  return Object.defineProperty(shown, "secret", { value: secret, enumerable: false }) as PlatformSpec
}

export interface SpawnSpec {
  readonly actor: ActorId
  /** The actors above the new actor, the root first and its parent last. */
  readonly ancestors: ReadonlyArray<ActorId>
  readonly expose: ReadonlyArray<Exposed>
  readonly service: ServiceSpec | null
  readonly level: string
  readonly timeouts: Timeouts
  readonly platform: PlatformSpec
  /** True for a standby or a replacement, which runs its effect `main` only after it has taken over the role. */
  readonly isBehind?: boolean | undefined
}

export interface ReadyReport {
  readonly endpoints: ReadonlyArray<string>
}

/**
 * Returns a text that names the fault of a value and the value's position in the payload; `undefined` for a correct
 * value.
 */
type Check = (value: unknown, at: string) => string | undefined

const when = (test: (value: unknown) => boolean, what: string): Check => (value, at) =>
  test(value) ? undefined : `${at} is not ${what}`

const text = when((value) => typeof value === "string", "a text")
const whole = when(Number.isSafeInteger, "a whole number")
const finite = when(Number.isFinite, "a finite number")
const bytes = when((value) => value instanceof Uint8Array, "bytes")

const orNull = (check: Check): Check => (value, at) => value === null ? undefined : check(value, at)

const orAbsent = (check: Check): Check => (value, at) => value === undefined ? undefined : check(value, at)

const list = (check: Check): Check => (value, at) => {
  if (!Array.isArray(value)) return `${at} is not a list`
  for (let i = 0; i < value.length; i++) {
    const problem = check(value[i], `${at}[${i}]`)
    if (problem !== undefined) return problem
  }
  return undefined
}

const fields = <A>(checks: { readonly [K in keyof A]-?: Check }): Check => (value, at) => {
  if (typeof value !== "object" || value === null) return `${at} is not a record`
  for (const [name, check] of Object.entries<Check>(checks)) {
    const problem = check((value as Readonly<Record<string, unknown>>)[name], `${at}.${name}`)
    if (problem !== undefined) return problem
  }
  return undefined
}

const actor = fields<ActorId>({ name: text, uuid: text, pid: whole })
const portable = fields<PortableData>({ module: text, key: text, settings: text })
const reference = fields<ActorRefData>({
  role: orAbsent(fields<Role>({ name: text, holdMillis: finite })),
  actor,
  path: list(text),
  service: orNull(text),
  exposed: list(fields<ActorRefData["exposed"][number]>({ name: text, module: orNull(text) }))
})

const specCheck = fields<SpawnSpec>({
  actor,
  ancestors: list(actor),
  expose: list(fields<Exposed>({ module: text, name: text })),
  service: orNull(fields<ServiceSpec>({
    module: text,
    key: text,
    config: orNull(bytes),
    uses: list(fields<ServiceSpec["uses"][number]>({ key: text, actor, ref: orNull(reference) }))
  })),
  level: text,
  timeouts: fields<Timeouts>({
    spawn: finite,
    cancel: finite,
    cancelAck: finite,
    finalizers: finite,
    terminate: finite,
    explain: finite,
    logs: finite,
    connect: finite,
    handshake: finite,
    silence: finite,
    idle: when((value) => typeof value === "number" && !Number.isNaN(value), "a number")
  }),
  platform: fields<PlatformSpec>({
    tree: text,
    run: text,
    secret: bytes,
    transports: list(portable),
    spawner: orNull(portable),
    ambient: list(portable),
    observe: when((value) => value === "off" || value === "look" || value === "debug", "off, look or debug"),
    graves: orNull(text),
    trust: orAbsent(when((value) => value === "secret" || value === "certificate", "secret or certificate"))
  }),
  isBehind: orAbsent(when((value) => typeof value === "boolean", "a truth value"))
})

const readyCheck = fields<ReadyReport>({ endpoints: list(text) })

const specBytes = plainCodec<SpawnSpec>((value) => specCheck(value, "Spawn"))

export const specCodec: PlainCodec<SpawnSpec> = {
  encode: (value) => {
    // The secret is set in an extra step, because a spread copy of the description leaves out the hidden secret.
    const { platform, ...rest } = value as SpawnSpec
    return specBytes.encode({ ...rest, platform: { ...platform, secret: platform.secret } })
  },
  decode: (bytes) => {
    const read = specBytes.decode(bytes)
    if (!read.ok) return read
    const { platform, service, ...rest } = read.value
    // The bytes of the secret are copied, because a view of them would keep the whole frame of `Spawn` in memory.
    return {
      ok: true,
      value: {
        ...rest,
        service: service === null ? null : { ...service, config: service.config && Uint8Array.from(service.config) },
        platform: { ...platform, secret: Uint8Array.from(platform.secret) }
      }
    }
  }
}

export const readyCodec: PlainCodec<ReadyReport> = plainCodec((value) => readyCheck(value, "Ready"))
