/**
 * The machine that keeps what one tree knows of the other trees of an engine. Each tree publishes two kinds of values:
 * a head, which names its root, and pages with the entries of its actors.
 *
 *   tree   (unknown) --Listed--> known --Listed without it--> (unknown): all its actors are lost
 *   page   wanted --Read--> read --Listed with a newer revision--> wanted
 *
 * A page of registry entries is read again when its tree publishes a newer revision of the page. A tree whose published
 * values are gone from the engine has lost its lease, so all actors of the tree count as lost.
 *
 * @since 0.2.0
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { Token } from "../leases/Driver.ts"
import type { Entry } from "../settings/ActorRef.ts"
import type { Head, Page } from "./TreePages.ts"

export interface Tree {
  readonly head: Head
  readonly token: Token
  readonly pages: HashMap.HashMap<number, Page>
}

export type State = ReadonlyMap<string, Tree>

export const initial: State = new Map()

export interface Seen {
  readonly root: string
  readonly token: Token
  readonly head: Head | undefined
}

export type Input =
  | { readonly _tag: "Listed"; readonly seen: ReadonlyArray<Seen> }
  | { readonly _tag: "Read"; readonly root: string; readonly number: number; readonly page: Page | undefined }

export interface Outcome {
  readonly found: ReadonlyArray<Entry>
  readonly lost: ReadonlyArray<string>
  /**
   * The reason for which actors are lost, which is `stale` when their tree has gone, and `ended` when their tree
   * reports their end.
   */
  readonly why: "ended" | "stale"
}

const nothing: Outcome = { found: [], lost: [], why: "ended" }

const pageOf = ({ pages }: Tree, number: number): Page | undefined => Option.getOrUndefined(HashMap.get(pages, number))

const uuidsOf = (pages: Iterable<Page>): ReadonlyArray<string> =>
  Array.from(pages).flatMap(({ entries }) => Array.from(entries.keys()))

const listed = (state: State, seen: ReadonlyArray<Seen>): readonly [State, Outcome] => {
  const next = new Map<string, Tree>()
  for (const { head, root, token } of seen) {
    const before = state.get(root)
    if (head !== undefined) next.set(root, { head, token, pages: before?.pages ?? HashMap.empty() })
    // A value that a newer version of Furrow has published in an unknown format is ignored, and the tree's previous
    // value stays.
    else if (before !== undefined) next.set(root, before)
  }
  const gone = Array.from(state).filter(([root]) => !next.has(root))
  return [next, { ...nothing, lost: gone.flatMap(([, { pages }]) => uuidsOf(HashMap.values(pages))), why: "stale" }]
}

const read = (state: State, root: string, number: number, page: Page | undefined): readonly [State, Outcome] => {
  const tree = state.get(root)
  if (tree === undefined || page === undefined) return [state, nothing]
  const before = pageOf(tree, number)
  if (before !== undefined && before.revision >= page.revision) return [state, nothing]
  const pages = HashMap.set(tree.pages, number, page)
  const found = Array.from(page.entries.values()).filter(({ actor }) => before?.entries.has(actor.uuid) !== true)
  const lost = before === undefined ? [] : Array.from(before.entries.keys()).filter((uuid) => !page.entries.has(uuid))
  return [new Map(state).set(root, { ...tree, pages }), { found, lost, why: "ended" }]
}

export const step = (state: State, input: Input): readonly [State, Outcome] =>
  input._tag === "Listed"
    ? listed(state, input.seen)
    : read(state, input.root, input.number, input.page)

export const wanted = (state: State, root: string): ReadonlyArray<number> => {
  const tree = state.get(root)
  return tree === undefined ? [] : tree.head.pages.flatMap((revision, number) => {
    const page = pageOf(tree, number)
    return page === undefined || page.revision < revision ? [number] : []
  })
}
