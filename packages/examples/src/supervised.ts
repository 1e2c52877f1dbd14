/**
 * In this example a Service that dies is started again, together with the Services that use it.
 *
 * The Services Web and Counter are children of one supervisor, and Web uses Counter. The portals in this example follow
 * a Service when it is restarted. A call that comes while the Service Counter restarts waits for Counter's successor,
 * and the call that killed Counter fails. The Service Mail uses neither Web nor Counter, so a restart of Counter leaves
 * Mail's process alone. The fourth death within a minute exceeds the supervisor's intensity, so that the supervisor
 * stops Web, Counter and Mail and gives up.
 *
 * Prints:
 *
 *     GET /: you are visitor 1
 *     GET /: you are visitor 2
 *     Counter is killed: ActorLost
 *     GET /: you are visitor 1
 *     restarts of Counter, Web, Mail: 1, 1, 0
 *     Counter is killed: ActorLost
 *     Counter is killed: ActorLost
 *     Counter is killed: ActorLost
 *     the supervisor gave up after 4 deaths, of Counter
 */
import { Actor, type ActorError, Supervisor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"

const module = import.meta.url

const increment = Actor.endpoint("increment", { success: Schema.Int })
const crash = Actor.endpoint("crash")
const visit = Actor.endpoint("visit", { success: Schema.String })
const send = Actor.endpoint("send")

export class Counter extends Actor.Service<Counter>()("Counter", { module, endpoints: [increment, crash] }) {}
export class Web extends Actor.Service<Web>()("Web", { module, endpoints: [visit], uses: [Counter] }) {}
export class Mail extends Actor.Service<Mail>()("Mail", { module, endpoints: [send] }) {}

export const counter = Counter.serve(Effect.map(Ref.make(0), (total) => ({
  increment: () => Ref.updateAndGet(total, (n) => n + 1),
  crash: () => Effect.sync(() => process.kill(process.pid, "SIGKILL"))
})))
export const web = Web.serve({
  visit: () => Effect.map(Actor.orDie(Counter.calls.increment()), (n) => `you are visitor ${n}`)
})
export const mail = Mail.serve({ send: () => Effect.void })

const Supervised = Supervisor.layer({ hold: "30 seconds", intensity: { restarts: 3, within: "1 minute" } }, [
  Counter,
  Web,
  Mail
])

const get = Effect.flatMap(Web.calls.visit(), (text) => Console.log(`GET /: ${text}`))
const kill = Effect.catch(Counter.calls.crash(), ({ _tag }) => Console.log(`Counter is killed: ${_tag}`))

const visitors = Effect.gen(function*() {
  yield* get
  yield* get
  yield* kill
  yield* get
  const portals = [yield* Counter, yield* Web, yield* Mail]
  yield* Console.log(
    `restarts of Counter, Web, Mail: ${portals.map(({ incarnation }) => incarnation - 1).join(", ")}`
  )
  yield* kill
  yield* kill
  yield* kill
})

NodeActor.runMain(Effect.gen(function*() {
  const failed = yield* Deferred.make<void, ActorError.ActorError>()
  const Visitors = Layer.effectDiscard(
    Effect.forkScoped(Effect.onError(visitors, (cause) => Deferred.failCause(failed, cause)))
  )
  const App = Visitors.pipe(Layer.provide(Supervised))
  yield* Effect.raceFirst(Actor.launch(App), Deferred.await(failed)).pipe(
    Effect.catchTag(
      "GaveUp",
      ({ child, deaths }) => Console.log(`the supervisor gave up after ${deaths} deaths, of ${child}`)
    )
  )
}))
