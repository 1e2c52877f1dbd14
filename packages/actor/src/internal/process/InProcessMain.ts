/**
 * Serves a Service or a dialog in this process, for tests and small programs: a connection in memory joins the portal
 * and the handlers. Values for handlers in this process are encoded and decoded as between actors, but no actor is
 * started.
 *
 * @since 0.1.0
 */
import type { Cancellation } from "@furrow/protocol/Dialog"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import { hello, welcome } from "../channel/Greeting.ts"
import { PeerChannel } from "../channel/PeerChannel.ts"
import { withoutCaller } from "../dialog/DialogContext.ts"
import { type BoundHandlers, Dispatcher } from "../dialog/Dispatcher.ts"
import { type ActorId, ChannelClosed } from "../errors/ActorError.ts"
import type { ActorExit } from "../errors/ActorExit.ts"
import { makeEvents } from "../inspect/ActorEvent.ts"
import { drainWithin } from "../local/Drain.ts"
import { type Ending, type Life, LocalActor } from "../local/LocalActor.ts"
import * as Portal from "../portal/Portal.ts"
import { ActorRuntime } from "../settings/ActorRuntime.ts"
import { Turn } from "../settings/Turn.ts"
import * as MemoryTransport from "../transport/MemoryTransport.ts"
import * as ServiceImplementation from "./ServiceImplementation.ts"

/**
 * Makes two `PeerChannel`s that are connected to each other in memory. The effect of `channels` succeeds when the two
 * `PeerChannel`s are open; closing the Scope closes the two `PeerChannel`s.
 */
const channels = (
  near: ActorId,
  far: ActorId
): Effect.Effect<readonly [PeerChannel, PeerChannel], never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.flatMap(Effect.context<never>(), (context) =>
      Effect.callback<readonly [PeerChannel, PeerChannel]>((resume) => {
        const turn = Context.get(context, Turn)
        const [left, right] = MemoryTransport.pair(turn, turn)
        const events = makeEvents()
        const acceptor = new PeerChannel({
          connection: left,
          role: "in-process",
          context: withoutCaller(context),
          handshake: {
            side: "acceptor",
            welcome: welcome(near),
            judge: () =>
              undefined
          },
          events,
          // A connection within one process cannot be lost; it ends only when one of its ends is closed.
          explain: (done) => done(new ChannelClosed({ side: "peer", actor: far }))
        })
        const dialler = new PeerChannel({
          connection: right,
          role: "in-process",
          context: withoutCaller(context),
          handshake: { side: "dialler", hello: hello(far, "peer") },
          events
        })
        dialler.onHandshake(() => resume(Effect.succeed([acceptor, dialler])))
      })),
    ([acceptor, dialler]) =>
      Effect.sync(() => {
        acceptor.close()
        dialler.close()
      })
  )

/** Makes a portal to handlers that run in this process. */
export const serve = (
  name: string,
  handlers: (runtime: Context.Context<ActorRuntime>) => Effect.Effect<BoundHandlers, unknown, Scope.Scope>
): Effect.Effect<Portal.Portal<any>, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const turn = yield* Turn
    const { uuid } = turn
    const near: ActorId = { name: "here", uuid: uuid(), pid: 0 }
    const far: ActorId = { name, uuid: uuid(), pid: 0 }
    const [ours, theirs] = yield* channels(near, far)
    const level = yield* References.MinimumLogLevel
    const context = withoutCaller(yield* Effect.context<never>())
    let ending: Ending | undefined
    let exit: Life["exit"] = undefined
    const local = (id: ActorId, life?: Life) =>
      new LocalActor({
        info: { id, name: id.name, ancestors: [], isRoot: true },
        events: makeEvents(),
        turn,
        spawner: { spawn: () => Effect.die(new Error("nothing can be started by handlers that run here")) },
        parent: undefined,
        level,
        life
      })
    const served = local(far, {
      ending: () => ending,
      isLeaving: () => false,
      get exit() {
        return exit
      }
    })
    served.refused = "handlers that run here have no runtime to start actors with"
    served.handlers = yield* handlers(Context.make(ActorRuntime, { info: served.info, inside: served }))
    let draining = false
    const dispatcher = new Dispatcher(theirs, { ...served.env, isDraining: () => draining }, served.handlers)
    theirs.route((event) => event._tag === "Start" ? dispatcher.start(event) : undefined)
    // Handlers in this process have no portal to their caller, so a word `Start` that comes from such a handler is a
    // violation.
    ours.route((event) => event._tag === "Start" ? ours.violate({ _tag: "WrongSide", word: "Start" }) : undefined)
    const ended = Deferred.makeUnsafe<ActorExit>()
    const over = (cancellation: Cancellation, exit: ActorExit) =>
      Effect.suspend(() => {
        dispatcher.cancelAll(cancellation)
        return Effect.map(dispatcher.awaitIdle, () => void Deferred.doneUnsafe(ended, Exit.succeed(exit)))
      })
    const end = (reason: string) =>
      over({ by: near, reason, deadline: 0 }, { _tag: "Cancelled", by: near, reason, cleanup: [] })
    exit = (reason) => {
      if (ending !== undefined) return
      const cancellation = { by: far, reason, deadline: 0 }
      ending = { cancellation, until: Infinity }
      const returned = over(cancellation, { _tag: "Returned", cleanup: [] })
      Effect.runForkWith(context)(Effect.map(returned, () => theirs.close()))
    }
    yield* Effect.addFinalizer(() => end("scope closed"))
    return Portal.make({
      channel: ours,
      env: local(near).env,
      actor: far,
      exposed: new Map(Array.from(served.handlers.keys(), (endpoint) => [endpoint, undefined])),
      drain: (within) =>
        Effect.suspend(() => {
          draining = true
          return drainWithin(dispatcher.awaitQuiet, () => dispatcher.calls, within)
        }),
      cancel: (reason) => Effect.map(end(reason), () => ours.close()),
      wait: Deferred.await(ended)
    })
  })

/** Makes a portal to a Service, and runs the Service's handlers in this process. */
export const portal = (
  service: ServiceImplementation.AnyService,
  implementation: (settings: any) => ServiceImplementation.Implementation,
  config: Uint8Array | null
): Effect.Effect<Portal.Portal<any>, unknown, Scope.Scope> =>
  serve(service.key, (runtime) =>
    Effect.flatMap(Effect.context<Scope.Scope>(), (context) =>
      Effect.provideContext(
        Effect.map(
          ServiceImplementation.build({
            "~furrow/Served": () => undefined as never,
            key: service.key,
            service: () => service,
            load: () => Promise.resolve(implementation)
          }, config),
          ({ handlers }) => handlers
        ),
        Context.merge(context, runtime)
      )))
