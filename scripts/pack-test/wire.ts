/**
 * The platform of a user: a transport, a spawner around Node's processes, and an ambient Layer around every actor. Each
 * part counts its uses, in the process in which it is used.
 */
import * as Ambient from "@furrow/actor/Ambient"
import { Credentials } from "@furrow/actor/Credentials"
import { NativeSpawner, Spawner, SpawnerDriver } from "@furrow/actor/Spawner"
import { type Connection, Transport, TransportDriver, TransportError } from "@furrow/actor/Transport"
import * as SocketConnection from "@furrow/node/SocketConnection"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import * as Net from "node:net"

export const counts = { listened: 0, dialled: 0, spawned: 0, ambient: 0 }

/** The digests of values that a process must not show, so that two values can still be compared. */
export const secrets = new Set<string>()

const failed = (reason: string) => new TransportError({ gone: false, reason })

const listen = (host: string, label: string, accept: (connection: Connection) => void) =>
  Effect.callback<{ readonly address: string; readonly close: () => void }, TransportError>((resume) => {
    counts.listened++
    const server = Net.createServer({ pauseOnConnect: true }, (socket) => accept(SocketConnection.make(socket)))
    server.once("error", (error) => resume(Effect.fail(failed(error.message))))
    server.listen({ host, port: 0 }, () => {
      server.unref()
      const { port } = server.address() as Net.AddressInfo
      resume(Effect.succeed({ address: `loop:${label}:${host}:${port}`, close: () => void server.close() }))
    })
  })

const dial = (address: string) =>
  Effect.callback<Connection, TransportError>((resume) => {
    counts.dialled++
    const [, , host, port] = address.split(":")
    const socket = Net.connect({ host: host!, port: Number(port) }, () => {
      socket.pause()
      resume(Effect.succeed(SocketConnection.make(socket)))
    })
    socket.once("error", (error: Error & { readonly code?: string }) =>
      resume(Effect.fail(new TransportError({ gone: error.code === "ECONNREFUSED", reason: error.message }))))
  })

/**
 * A transport over TCP, on a host of the user's choice and with its own form of address. The transport proves nothing
 * about membership, because the runtime does.
 */
export const Loop = Transport.portable("loop", {
  module: import.meta.url,
  config: Schema.Struct({ host: Schema.String, label: Schema.String })
}, ({ host, label }) =>
  Layer.effect(
    TransportDriver,
    Effect.gen(function*() {
      const { secret } = yield* Credentials
      secrets.add(createHash("sha256").update(Redacted.value(secret)).digest("hex"))
      if (host === "nowhere") return yield* failed(`nothing listens on ${host}`)
      if (label === "only here" && process.title.startsWith("furrow[")) {
        return yield* failed("it works in the root alone")
      }
      return {
        dials: (address) => address.startsWith("loop:"),
        listen: (_, accept) => listen(host, label, accept),
        dial
      }
    })
  ))

/** A spawner over the platform's processes, which counts starts and adds a variable to their environment. */
export const Counting = Spawner.portable("counting", {
  module: import.meta.url,
  config: Schema.Struct({ tag: Schema.String })
}, ({ tag }) =>
  Layer.effect(
    SpawnerDriver,
    Effect.map(NativeSpawner, (native) => ({
      ...native,
      spawn: (request) => {
        counts.spawned++
        const set = { ...request.options.env?.set, SPAWNED_BY: `${tag}/${process.pid}` }
        const options = { ...request.options, env: { ...request.options.env, set } }
        return native.spawn({ ...request, options })
      }
    }))
  ))

/** The name of the actor in which a handler runs, as telemetry would report it. */
export const Where: Context.Reference<string> = Context.Reference("consumer/Where", { defaultValue: () => "nowhere" })

/** A Layer around every handler of the tree, which logs when it is flushed. */
export const Telemetry = Ambient.portable("telemetry", {
  module: import.meta.url,
  config: Schema.Struct({ to: Schema.String })
}, ({ to }) =>
  Layer.effectContext(
    Effect.acquireRelease(
      Effect.sync(() => {
        counts.ambient++
        return Context.make(Where, `${to}@${process.pid}`) as Context.Context<never>
      }),
      () => Effect.sync(() => void process.stderr.write(`flushed ${to}@${process.pid}\n`))
    )
  ))

/** A definition that is made where it is called, so that an actor cannot find it. */
export const hidden = () =>
  Transport.portable("hidden", { module: import.meta.url }, () =>
    Layer.succeed(TransportDriver, {
      dials: () => false,
      listen: () => Effect.fail(failed("it never listens")),
      dial: () => Effect.fail(failed("it never dials"))
    }))
