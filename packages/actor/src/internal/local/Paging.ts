/**
 * Answers an observer in pages, and lets the event loop do other work between two pages. Between two pages the observed
 * actor continues its work, however long the answer to the observer is.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { PeerChannel } from "../channel/PeerChannel.ts"
import { type ActorInspection, type DialogInspection, maxListedDialogs } from "../inspect/Inspection.ts"
import { Turn } from "../settings/Turn.ts"

/** The number of dialogs or fibers in one page of an answer; the work for one page takes a few milliseconds. */
const pageItems = 250

/**
 * A page of a snapshot. The first page of a snapshot has everything but the dialogs; each page has some dialogs, with
 * the numbers of their connections.
 */
export interface SnapshotPage {
  readonly head: ActorInspection | null
  readonly dialogs: ReadonlyArray<readonly [channel: number, dialog: DialogInspection]>
}

/** Lets all other waiting work of the process run before the current fiber continues. */
export const rest: Effect.Effect<void> = Effect.withFiber((fiber) => {
  const turn = fiber.getRef(Turn)
  return Effect.callback<void>((resume) => turn.rest(() => resume(Effect.void), turn))
})

const pagesOf = function*(head: ActorInspection, channels: ReadonlyArray<PeerChannel>): Generator<SnapshotPage> {
  let first: ActorInspection | null = head
  let dialogs: Array<SnapshotPage["dialogs"][number]> = []
  for (const [i, channel] of channels.entries()) {
    let listed = 0
    for (const port of channel.dialogs) {
      const dialog = port.inspect?.()
      if (dialog === undefined) continue
      if (listed++ >= maxListedDialogs) break
      dialogs.push([i, dialog])
      if (dialogs.length < pageItems) continue
      yield { head: first, dialogs }
      first = null
      dialogs = []
    }
  }
  yield { head: first, dialogs }
}

const slowly = <A>(pages: Iterable<A>): Stream.Stream<A> =>
  Stream.mapEffect(Stream.fromIterable(pages, { chunkSize: 1 }), (page) => Effect.as(rest, page))

/**
 * Cuts a snapshot into pages: first `head`, which has no dialogs, and then the dialogs of the given connections.
 * Dialogs that end while a snapshot is being cut into pages are left out.
 */
export const snapshot = (
  head: ActorInspection,
  channels: ReadonlyArray<PeerChannel>
): Stream.Stream<SnapshotPage> => slowly(pagesOf(head, channels))

/** Cuts a list into the pages of an answer to an observer. */
export const list = <A>(items: ReadonlyArray<A>): Stream.Stream<ReadonlyArray<A>> => {
  const pages = Array.from(
    { length: Math.ceil(items.length / pageItems) },
    (_, i) => items.slice(i * pageItems, (i + 1) * pageItems)
  )
  return slowly(pages)
}

/** Joins the pages of a snapshot; returns `undefined` when the first page is missing. */
export const joined = (pages: ReadonlyArray<SnapshotPage>): ActorInspection | undefined => {
  const head = pages[0]?.head
  if (head === undefined || head === null) return undefined
  const dialogs = Map.groupBy(pages.flatMap((page) => page.dialogs), ([channel]) => channel)
  return {
    ...head,
    channels: head.channels.map((channel, i) => ({
      ...channel,
      dialogs: (dialogs.get(i) ?? []).map(([, dialog]) => dialog)
    }))
  }
}
