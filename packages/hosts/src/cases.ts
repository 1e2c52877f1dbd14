/**
 * The cases of `npm run hosts`, in which two trees over mutual TLS work together, lose each other, and find each other
 * again. Each case of `npm run hosts` returns its measured times as text.
 */
import type * as Eventually from "@furrow/testing/Eventually"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Assert from "node:assert/strict"
import type * as Network from "./network.ts"
import type { Line, Place, Tree } from "./place.ts"

export interface Case {
  readonly title: string
  readonly play: (
    place: Place
  ) => Effect.Effect<string, Network.NetworkError | Eventually.NotInTime, Scope.Scope>
}

/** Milliseconds within which a call over a cut connection must have failed. */
const lostMillis = 11_000
/**
 * Milliseconds after the last renewal of a lease until the leader with this lease stops, and until the lease expires.
 */
const [fenceMillis, ttlMillis] = [11_250, 15_000]
/**
 * Milliseconds between two renewals of a lease, and so the largest age of the last renewal when a network link is cut.
 */
const renewalMillis = ttlMillis / 4

/**
 * Fails where a measured time of a case with several hosts exceeds its bound. The bound of a measured time is extended
 * by the delay of this host's timers.
 */
const within = (what: string, millis: number, bound: number, { delay }: Place): string => {
  Assert.ok(millis <= bound + delay(), `${what} took ${millis} ms, and ${bound} are allowed (timers: ${delay()} late)`)
  return `${what} ${millis} ms (at most ${bound})`
}

/** A tree on the host `east` calls an actor of the host `west` in each way, and keeps three calls and a stream open. */
const together = (place: Place) =>
  Effect.gen(function*() {
    const west = yield* place.tree("west", { starts: [{ name: "bert" }] })
    yield* west.says(/^up$/)
    const east = yield* place.tree("east", { calls: "bert" })
    yield* ready(east, west, 1)
    return { east, west }
  })

const ready = (east: Tree, west: Tree, round: number) =>
  Effect.gen(function*() {
    for (const n of [1, 2, 3]) yield* west.says(new RegExp(`^hangs call ${n} of ${round}$`))
    yield* east.says(new RegExp(`^tick of ${round}$`))
  })

const failures = [/^call 1 of 1 (.*)$/, /^call 2 of 1 (.*)$/, /^call 3 of 1 (.*)$/, /^stream of 1 (.*)$/]

/**
 * Checks that every open call of the host `east` fails with a typed error. Returns the milliseconds from the cut of the
 * network link to the failure of the last open call.
 */
const lost = (east: Tree, cutAt: number) =>
  Effect.gen(function*() {
    const ends: Array<Line> = []
    for (const failure of failures) ends.push(yield* east.says(failure))
    for (const { text } of ends) Assert.match(text, / ActorLost \w+$/)
    return Math.max(...ends.map(({ at }) => at)) - cutAt
  })

const works: Case = {
  title:
    "two hosts over mutual TLS call each other, fail with typed errors, stream, and cancel with an acknowledgement",
  play: (place) =>
    Effect.gen(function*() {
      const { east, west } = yield* together(place)
      yield* east.says(/^half 2$/)
      yield* east.says(/^typed Odd$/)
      yield* east.says(/^stream 1 2 3$/)
      const cancelled = yield* east.says(/^cancelled$/)
      const finalized = yield* west.says(/^interrupted briefly 1$/)
      Assert.ok(finalized.at <= cancelled.at, "the caller went on before the far finalizer had run")
      return "each as inside one host"
    })
}

const cut = (title: string, cuts: (place: Place) => Effect.Effect<void, Network.NetworkError>): Case => ({
  title: `${title}: every open call fails typed, its handler is interrupted, and calls work again when it is healed`,
  play: (place) =>
    Effect.gen(function*() {
      const { east, west } = yield* together(place)
      const at = Date.now()
      yield* cuts(place)
      const millis = yield* lost(east, at)
      for (const n of [1, 2, 3]) yield* west.says(new RegExp(`^interrupted call ${n} of 1$`))
      yield* place.network.heal
      const again = yield* east.says(/^half 2$/, at)
      Assert.ok(again.at > at)
      yield* east.says(/^tick of (?!1$)\d+$/, at)
      return within("failure of all calls", millis, lostMillis, place)
    })
})

const eastward = ({ network: { cut, hosts } }: Place) => cut(hosts.west, hosts.east)
const westward = ({ network: { cut, hosts } }: Place) => cut(hosts.east, hosts.west)
const both = (place: Place) => Effect.andThen(eastward(place), westward(place))

/** Cuts the network links between one host and all other hosts of the case. */
const isolate = ({ network: { cut, hosts } }: Place, name: "east" | "west") =>
  Effect.forEach(
    Object.values(hosts).filter((host) => host.name !== name),
    (other) => Effect.andThen(cut(hosts[name], other), cut(other, hosts[name])),
    { discard: true }
  )

const loss: Case = {
  title: "the silence of a lost host fails every call to it with a typed error, and its names are gone with its lease",
  play: (place) =>
    Effect.gen(function*() {
      const { east, west } = yield* together(place)
      const at = Date.now()
      // A host without power cannot send the end of a connection, so the links of the host are cut before its tree is
      // killed.
      yield* isolate(place, "west")
      yield* west.kill
      const calls = within("failure of all calls", yield* lost(east, at), lostMillis, place)
      const down = yield* east.says(/^down bert$/)
      return `${calls}, ${within("name gone", down.at - at, ttlMillis + 1_000, place)}`
    })
}

interface Leadership {
  readonly of: number
  readonly at: number
  /** The token of a leadership, or undefined at the end of the leadership. */
  readonly token: number | undefined
}

const leaderships = (tree: Tree, of: number): ReadonlyArray<Leadership> =>
  tree.lines().flatMap(({ at, text }): ReadonlyArray<Leadership> => {
    const [, token] = /^leads (\d+)$/.exec(text) ?? []
    if (token !== undefined) return [{ of, at, token: Number(token) }]
    return text === "leads no more" ? [{ of, at, token: undefined }] : []
  })

/**
 * Fails where the leadership of one tree begins before the leadership of another tree has ended, or where the tokens do
 * not grow.
 */
const inTurn = (trees: ReadonlyArray<Tree>) => {
  const events = trees.flatMap(leaderships).toSorted((a, b) => a.at - b.at)
  const shown = JSON.stringify(events)
  for (const [index, { of, token }] of events.entries()) {
    const before = events[index - 1]
    if (token === undefined) Assert.equal(before?.of, of, `a leadership ends that has not begun: ${shown}`)
    else Assert.equal(before?.token, undefined, `two lead at once: ${shown}`)
  }
  const tokens = events.flatMap(({ token }) => token ?? [])
  Assert.deepEqual(tokens, [...new Set(tokens)].toSorted((a, b) => a - b), `tokens do not grow: ${shown}`)
}

const leader: Case = {
  title: "a leader that is cut off stops before its successor leads, and leads again only after the successor",
  play: (place) =>
    Effect.gen(function*() {
      const west = yield* place.tree("west", { elects: "billing" })
      yield* west.says(/^leads \d+$/)
      const east = yield* place.tree("east", { elects: "billing" })
      yield* east.says(/^up$/)
      const at = Date.now()
      yield* isolate(place, "west")
      const stopped = yield* west.says(/^leads no more$/)
      const taken = yield* east.says(/^leads \d+$/)
      Assert.ok(stopped.at <= taken.at, `west stopped at ${stopped.at}, east leads from ${taken.at}`)
      yield* place.network.heal
      yield* east.program.signal("SIGTERM")
      yield* west.says(/^leads \d+$/, taken.at)
      inTurn([east, west])
      const fence = within("fence", stopped.at - at, fenceMillis, place)
      return `${fence}, takeover ${taken.at - at} ms`
    })
}

const name: Case = {
  title: "a unique name is taken over only after its owner was fenced, and has one holder when the cut is healed",
  play: (place) =>
    Effect.gen(function*() {
      const west = yield* place.tree("west", { starts: [{ name: "bert", unique: true }, { name: "clara" }] })
      yield* west.says(/^up$/)
      const east = yield* place.tree("east", { starts: [{ name: "bert", unique: true }], lists: "bert" })
      yield* east.says(/^refused bert NameTaken$/)
      const at = Date.now()
      yield* isolate(place, "west")
      const taken = yield* east.says(/^has bert$/)
      const millis = taken.at - at
      Assert.ok(millis >= ttlMillis - renewalMillis, `the name was taken over after ${millis} ms, before the fence`)
      yield* place.network.heal
      const healed = Date.now()
      yield* east.says(/^up clara$/, healed)
      const { text } = yield* east.says(/^lists \d bert$/, healed)
      Assert.equal(text, "lists 1 bert")
      return `taken over after ${millis} ms (at least ${fenceMillis})`
    })
}

export const cases: ReadonlyArray<Case> = [
  works,
  cut("a cut in both directions", both),
  cut("a cut from the callee to the caller", eastward),
  cut("a cut from the caller to the callee", westward),
  loss,
  leader,
  name
]
