/**
 * Questions and answers about a host's names between the processes of one user, as lines of JSON over one connection.
 */
import {
  type Created,
  type DiscoveryDriver,
  DiscoveryDriverError,
  type Lease,
  type Page
} from "@furrow/actor/Discovery"
import type { Connection } from "@furrow/actor/Transport"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

type Driver = DiscoveryDriver["Service"]

interface Question {
  readonly n: number
  readonly op: keyof Driver | "stop"
  readonly args: ReadonlyArray<any>
}

type Answer =
  | { readonly n: number; readonly ok: unknown }
  | { readonly n: number; readonly error: string }
  | { readonly n: number; readonly hint: true }

/** The length of the longest line between two processes in characters, with room for a page of a thousand names. */
const maxLineChars = 64 * 1024 * 1024

/**
 * Reads the lines of JSON on a connection between two processes. A line between two processes that is not JSON, or that
 * is too long, ends the connection of the processes.
 */
const reading = (connection: Connection, line: (value: any) => void, end: () => void): void => {
  const decoder = new TextDecoder()
  let rest = ""
  connection.start({
    data: (bytes) => {
      rest += decoder.decode(bytes, { stream: true })
      const lines = rest.split("\n")
      rest = lines.pop()!
      try {
        for (const text of lines) line(JSON.parse(text))
      } catch {
        connection.destroy()
      }
      if (rest.length > maxLineChars) connection.destroy()
    },
    drain: () => {},
    end
  })
}

const say = (connection: Connection, value: Question | Answer): void =>
  void connection.write([new TextEncoder().encode(`${JSON.stringify(value)}\n`)])

// ---- answering side -----------------------------------------------------------------------------------------------

const asked = (driver: Driver, { args, op }: Question): Effect.Effect<unknown, DiscoveryDriverError> => {
  switch (op) {
    case "create":
      return driver.create(args[0], args[1], args[2])
    case "renew":
      return driver.renew(args[0])
    case "remove":
      return driver.remove(args[0], args[1])
    case "get":
      return Effect.map(driver.get(args[0]), Option.getOrNull)
    case "list":
      return driver.list(args[0], args[1] ?? undefined)
    default:
      return Effect.fail(new DiscoveryDriverError({ reason: `there is no operation ${JSON.stringify(op)}` }))
  }
}

/** Answers one process's questions about a host's names, until the connection of the process ends. */
export const answer = (driver: Driver, connection: Connection, ended: () => void): void => {
  const hints = new Map<number, Fiber.Fiber<unknown, unknown>>()
  const stop = (n: number) => {
    hints.get(n)?.interruptUnsafe()
    hints.delete(n)
  }
  reading(connection, (question: Question) => {
    const { args, n, op } = question
    if (op === "stop") return stop(n)
    if (op === "changes") {
      const told = Stream.runForEach(
        driver.changes(args[0]),
        () => Effect.sync(() => say(connection, { n, hint: true }))
      )
      return void hints.set(n, Effect.runFork(told))
    }
    Effect.runFork(Effect.match(asked(driver, question), {
      onFailure: ({ reason }) => say(connection, { n, error: reason }),
      onSuccess: (ok) => say(connection, { n, ok: ok ?? null })
    }))
  }, () => {
    for (const n of Array.from(hints.keys())) stop(n)
    connection.end()
    ended()
  })
}

// ---- asking side --------------------------------------------------------------------------------------------------

export interface Asker {
  readonly driver: Driver
  readonly isOpen: () => boolean
  readonly close: () => void
}

const hostGone = () =>
  new DiscoveryDriverError({ reason: "the process that held the names of this host has ended: the next asks another" })

export const ask = (connection: Connection): Asker => {
  const waiting = new Map<number, Deferred.Deferred<any, DiscoveryDriverError>>()
  const watching = new Map<number, Queue.Queue<void, DiscoveryDriverError>>()
  let isOpen = true
  let last = 0
  reading(connection, (answer: Answer) => {
    if ("hint" in answer) {
      const queue = watching.get(answer.n)
      return void (queue !== undefined && Queue.offerUnsafe(queue, undefined))
    }
    const deferred = waiting.get(answer.n)
    if (deferred === undefined) return
    Deferred.doneUnsafe(
      deferred,
      "ok" in answer ? Effect.succeed(answer.ok) : Effect.fail(new DiscoveryDriverError({ reason: answer.error }))
    )
  }, () => {
    isOpen = false
    for (const deferred of waiting.values()) Deferred.doneUnsafe(deferred, Effect.fail(hostGone()))
    for (const queue of watching.values()) Queue.failCauseUnsafe(queue, Cause.fail(hostGone()))
    connection.end()
  })
  const question = <A>(op: Question["op"], ...args: ReadonlyArray<unknown>): Effect.Effect<A, DiscoveryDriverError> =>
    Effect.suspend(() => {
      if (!isOpen) return Effect.fail(hostGone())
      const n = ++last
      const deferred = Deferred.makeUnsafe<A, DiscoveryDriverError>()
      waiting.set(n, deferred)
      say(connection, { n, op, args })
      return Effect.ensuring(Deferred.await(deferred), Effect.sync(() => waiting.delete(n)))
    })
  const changes = (prefix: string) =>
    Stream.unwrap(Effect.gen(function*() {
      if (!isOpen) return yield* Effect.fail(hostGone())
      const n = ++last
      const queue = yield* Queue.sliding<void, DiscoveryDriverError>(1)
      watching.set(n, queue)
      say(connection, { n, op: "changes", args: [prefix] })
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          watching.delete(n)
          if (isOpen) say(connection, { n, op: "stop", args: [] })
        })
      )
      return Stream.fromQueue(queue)
    }))
  return {
    driver: {
      create: (key, value, lease: Lease) => question<Created>("create", key, value, lease),
      renew: (lease) => question<boolean>("renew", lease),
      remove: (key, token) => Effect.asVoid(question("remove", key, token)),
      get: (key) => Effect.map(question("get", key), (held) => Option.fromNullishOr(held as never)),
      list: (prefix, after) => question<Page>("list", prefix, after ?? null),
      changes
    },
    isOpen: () => isOpen,
    close: () => connection.destroy()
  }
}
