/**
 * A dialog's two-way stream: a `PayloadReceiver` for one direction, an `Outlet` for the other, and the conversions to
 * Effect's own Stream and Sink.
 *
 * After the first `subscribe` one fiber reads and hands every item to every reader; `receive` is then only one of them
 * (features STRM-9). How a slow reader is treated is its own choice.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { MsgStream, SubscribeOptions } from "../contract/DialogCall.ts"
import { type ActorError, type ActorId, ChannelClosed, StreamOverrun } from "../errors/ActorError.ts"
import type { Outlet } from "./Flow.ts"
import type { StreamReader } from "./StreamReader.ts"

export interface MsgStreamOptions {
  readonly receiver: StreamReader
  readonly outlet: Outlet
  readonly peer: ActorId
  readonly self: ActorId
  readonly endpoint: string
  /** Says `Stop`. */
  readonly stop: () => void
  /** Why nothing can be sent any more because of the other side, if so: the dialog's failure, or that it has ended. */
  readonly over: () => Effect.Effect<never, unknown> | undefined
  /** The scope of the dialog, and the context of its owner: where the fan-out runs. */
  readonly scope: Scope.Scope
  readonly context: Context.Context<never>
}

type Ours = "open" | "stopped"

/** One reader among several. */
interface Subscriber {
  readonly queue: Queue.Queue<unknown, unknown>
  readonly policy: "wait" | "lag" | "drop"
  readonly capacity: number
  lagged: boolean
}

class MsgStreamLive {
  private readonly options: MsgStreamOptions
  private ours: Ours = "open"
  private subscribers: Set<Subscriber> | undefined
  private own: Subscriber | undefined
  private finished: Exit.Exit<never, unknown> | undefined

  constructor(options: MsgStreamOptions) {
    this.options = options
  }

  send(message: unknown): Effect.Effect<void, unknown> {
    return this.sendAll([message])
  }

  sendAll(messages: Iterable<unknown>): Effect.Effect<void, unknown> {
    return Effect.suspend(() => {
      const over = this.options.over()
      if (over !== undefined) return over
      if (this.ours === "stopped") return Effect.fail(this.closedHere())
      return this.options.outlet.send(Array.isArray(messages) ? messages : Array.from(messages))
    })
  }

  readonly receive: Effect.Effect<unknown, unknown> = Effect.suspend(() =>
    this.subscribers === undefined ? this.options.receiver.receive : this.fromOwn((own) => take(own, this.overrun()))
  )

  readonly receiveNow: Effect.Effect<Option.Option<unknown>, unknown> = Effect.suspend(() =>
    this.subscribers === undefined
      ? this.options.receiver.receiveNow
      : this.fromOwn((own) => Queue.poll(own.queue))
  )

  readonly toStream: Stream.Stream<unknown, unknown> = Stream.suspend(() =>
    this.subscribers === undefined
      ? Stream.fromPull(Effect.succeed(this.options.receiver.pull as never)) as Stream.Stream<unknown, unknown>
      : Stream.unwrap(this.subscribe({}))
  )

  readonly toSink: Sink.Sink<void, unknown, never, unknown> = Sink.mapEffect(
    Sink.forEachArray((items: ReadonlyArray<unknown>) => this.sendAll(items)),
    () => this.end
  )

  /** Sends what upstream has in a fiber of the channel's scope, while downstream reads. */
  readonly toChannel = (): Channel.Channel<any, any, any, any, any, any> =>
    Channel.fromTransform((upstream: Effect.Effect<ReadonlyArray<unknown>, unknown>, scope) => {
      const failed = Deferred.makeUnsafe<never, unknown>()
      const send = Effect.onExit(
        Effect.forever(Effect.flatMap(upstream, (items) => this.sendAll(items))),
        (exit) => {
          const cause = Exit.isFailure(exit) ? exit.cause : undefined
          if (cause !== undefined && !isDone(cause) && !Cause.hasInterruptsOnly(cause)) {
            Deferred.doneUnsafe(failed, Exit.failCause(cause))
          }
          return this.end
        }
      )
      const pull = this.subscribers === undefined
        ? this.options.receiver.pull
        : Effect.map(this.receive, (item) => [item] as const)
      return Effect.as(Effect.forkIn(send, scope), Effect.raceFirst(pull, Deferred.await(failed)) as never)
    })

  subscribe(options: SubscribeOptions): Effect.Effect<Stream.Stream<unknown, unknown>, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => this.add(options)),
      (subscriber) =>
        Effect.suspend(() => {
          this.subscribers?.delete(subscriber)
          return Queue.shutdown(subscriber.queue)
        })
    ).pipe(Effect.map((subscriber) =>
      Stream.fromPull(Effect.succeed(
        Effect.map(take(subscriber, this.overrun()), (item) => [item] as const) as never
      )) as Stream.Stream<unknown, unknown>
    ))
  }

  readonly end: Effect.Effect<void> = Effect.sync(() => {
    if (this.ours === "stopped") return
    this.ours = "stopped"
    if (this.options.over() === undefined) this.options.stop()
  })

  readonly close: Effect.Effect<ReadonlyArray<unknown>> = Effect.suspend(() =>
    Effect.map(this.end, () => this.options.receiver.close())
  )

  readonly closed: Effect.Effect<boolean> = Effect.sync(() => this.options.receiver.isEnded)

  private closedHere(): ActorError {
    return new ChannelClosed({ side: "local", actor: this.options.peer })
  }

  private overrun(): StreamOverrun {
    return new StreamOverrun({ actor: this.options.self, endpoint: this.options.endpoint })
  }

  private fromOwn<A>(use: (own: Subscriber) => Effect.Effect<A, unknown>): Effect.Effect<A, unknown> {
    return use(this.own ??= this.add({}))
  }

  private add({ capacity = 64, policy = "wait" }: SubscribeOptions): Subscriber {
    const first = this.subscribers === undefined
    this.subscribers ??= new Set()
    const queue = Effect.runSync(
      policy === "wait" ? Queue.bounded<unknown, unknown>(capacity) : Queue.sliding<unknown, unknown>(capacity)
    )
    const subscriber: Subscriber = { queue, policy, capacity, lagged: false }
    this.subscribers.add(subscriber)
    if (this.finished !== undefined) finish(subscriber, this.finished)
    if (first) this.pump()
    return subscriber
  }

  /** The one fiber that reads once there are several readers. */
  private pump(): void {
    const { receiver, scope } = this.options
    const each = (item: unknown): Effect.Effect<void> =>
      Effect.forEach(Array.from(this.subscribers ?? []), (subscriber) => {
        if (subscriber.policy === "lag" && Queue.sizeUnsafe(subscriber.queue) >= subscriber.capacity) {
          subscriber.lagged = true
        }
        return Queue.offer(subscriber.queue, item)
      }, { discard: true })
    const loop: Effect.Effect<never, unknown> = Effect.forever(Effect.flatMap(receiver.receive, each))
    const fiber = Effect.runForkWith(this.options.context)(Effect.onExit(loop, (exit) =>
      Effect.sync(() => {
        this.finished = exit
        for (const subscriber of this.subscribers ?? []) finish(subscriber, exit)
      })))
    Effect.runSync(Scope.addFinalizer(scope, Effect.sync(() => fiber.interruptUnsafe())))
  }
}

const isDone = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some((reason) => reason._tag === "Fail" && Cause.isDone(reason.error))

/** The next item of one reader; a reader that lagged is told once. */
const take = (subscriber: Subscriber, overrun: StreamOverrun): Effect.Effect<unknown, unknown> =>
  Effect.suspend(() => {
    if (!subscriber.lagged) return Queue.take(subscriber.queue)
    subscriber.lagged = false
    return Effect.fail(overrun)
  })

const finish = (subscriber: Subscriber, exit: Exit.Exit<never, unknown>): void => {
  const cause = Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause) ? exit.cause : Cause.fail(Cause.Done())
  Effect.runSync(Queue.failCause(subscriber.queue, cause))
}

/** Builds the stream of one side. */
export const make = <Send, Receive, E>(options: MsgStreamOptions): MsgStream<Send, Receive, E> => {
  const stream = new MsgStreamLive(options)
  const self = {
    send: (message: unknown) => stream.send(message),
    sendAll: (messages: Iterable<unknown>) => stream.sendAll(messages),
    receive: stream.receive,
    receiveNow: stream.receiveNow,
    toStream: stream.toStream,
    toSink: stream.toSink,
    toChannel: stream.toChannel,
    subscribe: (subscribeOptions?: SubscribeOptions) => stream.subscribe(subscribeOptions ?? {}),
    end: stream.end,
    close: stream.close,
    closed: stream.closed,
    narrow: (schema: Schema.Top) =>
      Effect.as(
        Effect.acquireRelease(
          Effect.sync(() => options.receiver.narrow(issueWith(schema))),
          (restore) => Effect.sync(restore)
        ),
        self
      )
  }
  return self as unknown as MsgStream<Send, Receive, E>
}

/** Why a decoded item does not match a narrower schema, if it does not. */
const issueWith = (schema: Schema.Top) => {
  const decode = Schema.decodeUnknownSync(Schema.toType(schema) as Schema.Codec<unknown>)
  return (item: unknown): string | undefined => {
    try {
      decode(item)
      return undefined
    } catch (cause) {
      return cause instanceof Error ? cause.message : String(cause)
    }
  }
}
