/**
 * The listed actors of one tree as the tree publishes them at an engine: pages of entries, and a head with the revision
 * of each page. A change of one actor rewrites one page and the head, however many actors the tree has.
 *
 *   Up    the first page with room, or a new one --> a new revision of that page
 *   Down  the page where the entry stands        --> a new revision of that page
 *
 *   trees/everyone/<root>        the head: the root, its addresses, the revision of each page
 *   pages/everyone/<root>/<n>    a page: its revision and its entries
 *
 * A tree writes its changed pages to the engine before its head, so that the head never lists a page that is not yet
 * written.
 *
 * @since 0.2.0
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { ActorId } from "../errors/ActorError.ts"
import { Entry } from "../settings/ActorRef.ts"
import type { Change } from "./Registrar.ts"

/** The number of entries in one page: together about ten thousand bytes, which every engine holds in one value. */
export const pageEntries = 64

export interface Page {
  readonly revision: number
  readonly entries: ReadonlyMap<string, Entry>
}

/** A linked list of page numbers: the pages of registry entries that have room for another entry. */
interface Room {
  readonly page: number
  readonly next: Room | undefined
}

export interface State {
  readonly revision: number
  readonly pages: ReadonlyArray<Page>
  readonly places: HashMap.HashMap<string, number>
  readonly room: Room | undefined
}

export const initial: State = { revision: 0, pages: [], places: HashMap.empty(), room: undefined }

interface Draft {
  readonly pages: Array<Page>
  places: State["places"]
  room: State["room"]
  readonly revision: number
}

/**
 * Changes the entries in one of the pages that a tree publishes at the engine. The first change of a page in a batch of
 * changes copies the page, and gives the copy the batch's revision.
 */
const rewrite = (draft: Draft, at: number, change: (entries: Map<string, Entry>) => void): void => {
  const page = draft.pages[at]!
  if (page.revision !== draft.revision) draft.pages[at] = { revision: draft.revision, entries: new Map(page.entries) }
  change(draft.pages[at]!.entries as Map<string, Entry>)
}

const put = (draft: Draft, entry: Entry): void => {
  const { uuid } = entry.actor
  if (HashMap.has(draft.places, uuid)) return
  if (draft.room === undefined) {
    draft.room = { page: draft.pages.length, next: undefined }
    draft.pages.push({ revision: draft.revision, entries: new Map() })
  }
  const { next, page } = draft.room
  rewrite(draft, page, (entries) => entries.set(uuid, entry))
  draft.places = HashMap.set(draft.places, uuid, page)
  if (draft.pages[page]!.entries.size >= pageEntries) draft.room = next
}

const drop = (draft: Draft, uuid: string): void => {
  const page = Option.getOrUndefined(HashMap.get(draft.places, uuid))
  if (page === undefined) return
  if (draft.pages[page]!.entries.size >= pageEntries) draft.room = { page, next: draft.room }
  rewrite(draft, page, (entries) => entries.delete(uuid))
  draft.places = HashMap.remove(draft.places, uuid)
}

/** A change of the registry that concerns one entry. */
export type One = Exclude<Change, { readonly _tag: "Snapshot" }>

/** Returns the changes that remove from a page the entries which a snapshot of the registry does not hold any more. */
export const ended = ({ entries }: Page, there: ReadonlySet<string>): ReadonlyArray<One> =>
  Array.from(entries.values()).filter(({ actor }) => !there.has(actor.uuid))
    .map((entry) => ({ _tag: "Down", entry, why: "ended" }) as const)

/**
 * Applies changes of the tree to its published pages of entries. The function `shows` is true for an entry that other
 * trees may see.
 */
export const step = (state: State, changes: ReadonlyArray<One>, shows: (entry: Entry) => boolean): State => {
  const draft: Draft = { ...state, pages: [...state.pages], revision: state.revision + 1 }
  for (const change of changes) {
    if (change._tag === "Up") {
      if (shows(change.entry)) put(draft, change.entry)
    } else drop(draft, change.entry.actor.uuid)
  }
  return draft
}

const HeadSchema = Schema.Struct({
  tree: Schema.String,
  host: Schema.String,
  root: ActorId,
  at: Schema.Array(Schema.String),
  pages: Schema.Array(Schema.Int)
})

/** The head of a tree, which is the value of the tree's key at the engine. */
export type Head = typeof HeadSchema.Type

const PageSchema = Schema.Struct({ revision: Schema.Int, entries: Schema.Array(Entry) })

const headJson = Schema.fromJsonString(HeadSchema)
const pageJson = Schema.fromJsonString(PageSchema)

export const encodeHead: (head: Head) => string = Schema.encodeSync(headJson)
/** Decodes the value that a tree publishes about itself; `undefined` for a value in an unknown format. */
export const decodeHead = (value: string): Head | undefined =>
  Option.getOrUndefined(Schema.decodeUnknownOption(headJson)(value))

/**
 * Returns an entry of the registry as other trees see it: without the modules of the actor's endpoints, because modules
 * are paths on one host.
 */
const shown = ({ listed: _, ...entry }: Entry): Entry => ({
  ...entry,
  exposed: entry.exposed.map(({ name }) => ({ name, module: null }))
})

export const encodePage = ({ entries, revision }: Page): string =>
  JSON.stringify({ revision, entries: Array.from(entries.values(), shown) })

/**
 * Decodes a published page of registry entries, and leaves out entries of other trees; `undefined` for a value in an
 * unknown format.
 */
export const decodePage = (value: string, root: string): Page | undefined => {
  const page = Option.getOrUndefined(Schema.decodeUnknownOption(pageJson)(value))
  if (page === undefined) return undefined
  const own = page.entries.filter(({ actor, path }) => path[0] === root && path.at(-1) === actor.uuid)
  return { revision: page.revision, entries: new Map(own.map((entry) => [entry.actor.uuid, entry])) }
}

/** The trees that see the published actors: all trees of an engine, or the trees of one host. */
export type Reach = "everyone" | `host/${string}`

export const headsOf = (reach: Reach): string => `trees/${reach}/`
export const headKey = (reach: Reach, root: string): string => headsOf(reach) + root
export const pageKey = (reach: Reach, root: string, page: number): string => `pages/${reach}/${root}/${page}`
export const nameKey = (reach: Reach, name: string): string => `names/${reach}/${name}`
