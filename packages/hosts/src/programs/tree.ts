/**
 * The program that runs the tree of one host in a case with several hosts, and that takes its settings from the command
 * line: `tree.ts <json>`. The tree of a host prints its calls, their ends, and the changes of names and leadership.
 * Each line of a tree's output begins with its time in milliseconds, by a clock that all hosts of a computer share.
 */
import { Actor, Discovery, Registry } from "@furrow/actor"
import * as NatsDiscovery from "@furrow/nats/NatsDiscovery"
import { NodeActor, NodeCredentials, NodeTransport } from "@furrow/node"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { count, half, hang, tick } from "./actors.ts"

export interface Settings {
  readonly name: string
  /** The address of the host of this tree in the test network. */
  readonly host: string
  /** The address of the tree's engine as `host:port`. */
  readonly engine: string
  readonly secret: string
  readonly files: { readonly ca: string; readonly cert: string; readonly key: string }
  /** Actors that a host's tree starts; each start is repeated until the actor's name is free. */
  readonly starts?: ReadonlyArray<{ readonly name: string; readonly unique?: boolean }> | undefined
  /** A name whose holders a host's tree counts after each change of the names. */
  readonly lists?: string | undefined
  /** The name of an actor on another host that a host's tree calls. */
  readonly calls?: string | undefined
  /** The name of an election in which a host's tree takes part. */
  readonly elects?: string | undefined
}

const settings = JSON.parse(process.argv[2]!) as Settings

const say = (text: string) => Effect.sync(() => console.log(`${Date.now()} ${text}`))

const leases = Discovery.layerLeases().pipe(Layer.provide(NatsDiscovery.layer({ servers: settings.engine })))

const discovery = Discovery.layerShared({ host: settings.name }).pipe(
  Layer.provide(NatsDiscovery.layer({ servers: settings.engine }))
)

const layer = Layer.unwrap(Effect.map(
  NodeCredentials.fromFile(settings.secret, { tree: settings.name, create: true }),
  (credentials) =>
    NodeActor.layer({ name: settings.name, credentials, listen: true }).pipe(
      Layer.provide([NodeTransport.layerTls({ host: settings.host, ...settings.files }), discovery])
    )
))

const nameOf = (cause: Cause.Cause<unknown>): string => {
  const error: unknown = Cause.squash(cause)
  const { _tag, how } = error as { readonly _tag?: string; readonly how?: { readonly _tag: string } }
  return [_tag ?? String(error), ...(how === undefined ? [] : [how._tag])].join(" ")
}

/** Prints a label, and how an Effect ended. */
const told = <A, E, R>(label: string, effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(
    Effect.exit(effect),
    (exit) => say(`${label} ${Exit.isSuccess(exit) ? "succeeds" : nameOf(exit.cause)}`)
  )

/**
 * Makes four calls to an actor: one with a result, one with an error, one with a stream, and one that is cancelled.
 * After these four calls, the program makes three endless calls to the called actor, and reads an endless stream from
 * it. When all open calls of a host's tree have failed, the tree makes the calls again.
 */
const calls = (name: string, round = 1): Effect.Effect<never, unknown, any> =>
  Effect.gen(function*() {
    const other = yield* Registry.wait([half, count, tick, hang], name, { within: "60 seconds" })
    yield* say(`half ${yield* other.run(half({ n: 4 }))}`)
    const odd = yield* Effect.flip(other.run(half({ n: 3 })))
    yield* say(`typed ${odd._tag}`)
    yield* say(`stream ${(yield* Stream.runCollect(other.stream(count({ to: 3 })))).join(" ")}`)
    yield* Effect.exit(Effect.timeout(other.run(hang({ label: `briefly ${round}` })), "300 millis"))
    yield* say("cancelled")
    const open = [1, 2, 3].map((n) =>
      told(`call ${n} of ${round}`, other.run(hang({ label: `call ${n} of ${round}` })))
    )
    yield* Effect.all(
      [
        told(`stream of ${round}`, Stream.runDrain(Stream.tap(other.stream(tick()), () => say(`tick of ${round}`)))),
        ...open
      ],
      { concurrency: "unbounded", discard: true }
    )
    yield* say(`all failed of ${round}`)
  }).pipe(
    Effect.catchCause((cause) => Effect.andThen(say(`again ${nameOf(cause)}`), Effect.sleep("500 millis"))),
    Effect.andThen(Effect.suspend(() => calls(name, round + 1)))
  )

const leads = Effect.gen(function*() {
  const { token } = yield* Discovery.Leadership
  yield* say(`leads ${token}`)
  return yield* Effect.never
}).pipe(Effect.onInterrupt(() => say("leads no more")))

const starts = ({ name, ...options }: NonNullable<Settings["starts"]>[number]) =>
  Actor.startScoped(name, { expose: [half, count, tick, hang], ...options }).pipe(
    Effect.tapCause((cause) => say(`refused ${name} ${nameOf(cause)}`)),
    Effect.retry({ schedule: Schedule.spaced("500 millis") }),
    Effect.andThen(say(`has ${name}`))
  )

const lists = (name: string) =>
  Effect.flatMap(
    Registry.list(),
    (entries) => say(`lists ${entries.filter(({ actor }) => actor.name === name).length} ${name}`)
  )

const program = Effect.scoped(Effect.gen(function*() {
  yield* Effect.forkScoped(Stream.runForEach(Registry.watch(), (change) =>
    change._tag === "Snapshot"
      ? Effect.void
      : Effect.andThen(
        say(`${change._tag.toLowerCase()} ${change.entry.actor.name}`),
        settings.lists === undefined ? Effect.void : lists(settings.lists)
      )))
  yield* Effect.forEach(settings.starts ?? [], starts)
  if (settings.elects !== undefined) {
    yield* Effect.forkScoped(Effect.provide(Discovery.elect(settings.elects)(leads), leases))
  }
  yield* say("up")
  if (settings.calls !== undefined) yield* calls(settings.calls)
  return yield* Effect.never
}))

NodeActor.runMain(program, { layer })
