/**
 * The keys and leases of an engine as one value, which pure functions change. The time of a change is an input of the
 * function that makes the change, in milliseconds.
 *
 * @since 0.2.0
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { Created, Held, Lease, Page, Token } from "./Driver.ts"

export interface Keys {
  /** The time at which each lease expires, by the id of the lease. */
  readonly leases: ReadonlyMap<string, number>
  readonly held: HashMap.HashMap<string, Held>
  readonly last: Token
  /** The keys of an engine that the last operation has changed. */
  readonly changed: ReadonlyArray<string>
}

const unchanged: ReadonlyArray<string> = []

export const start = (last: Token = 0): Keys => ({ leases: new Map(), held: HashMap.empty(), last, changed: unchanged })

/** Returns a key with its holder; `undefined` for a free key. */
export const get = ({ held }: Keys, key: string): Held | undefined => Option.getOrUndefined(HashMap.get(held, key))

const nothingSaved = { last: 0, leases: [], held: [] }

interface Saved {
  readonly now: number
  readonly last: Token
  readonly leases: ReadonlyArray<readonly [id: string, until: number]>
  readonly held: ReadonlyArray<Held>
}

/**
 * Returns the leases and keys of an engine as text. If the parameter `isApart` is true, the text leaves out the keys,
 * because each key is saved by itself.
 */
export const save = ({ held, last, leases }: Keys, now: number, isApart = false): string =>
  JSON.stringify(
    {
      now,
      last,
      leases: Array.from(leases),
      held: isApart ? [] : Array.from(HashMap.values(held))
    } satisfies Saved
  )

/**
 * Returns one key and its holder as text, for an engine that saves each key separately; `undefined` for a key without a
 * lease.
 */
export const saveKey = (keys: Keys, key: string): string | undefined => {
  const held = get(keys, key)
  return held && JSON.stringify(held)
}

/**
 * Restores an engine from its saved text, and from the texts `apart` of the keys that the engine saved separately. If
 * the engine's clock has begun again since the data were saved, only the tokens are kept. The function `restore` throws
 * for a text that holds neither an engine's data nor a key.
 */
export const restore = (text: string | undefined, now: number, apart: Iterable<string> = []): Keys => {
  const alone = Array.from(apart, (one) => JSON.parse(one) as Held)
  const { held, last, leases, now: then } = text === undefined || text === ""
    ? { ...nothingSaved, now }
    : JSON.parse(text) as Saved
  const all = then > now ? [] : [...held, ...alone]
  const known = new Map(then > now ? [] : leases)
  const kept = HashMap.fromIterable(
    all.flatMap((one) => (known.get(one.lease) ?? 0) > now ? [[one.key, one] as const] : [])
  )
  const changed = alone.flatMap(({ key }) => HashMap.has(kept, key) ? [] : [key])
  return { ...expire({ last, leases: known, held: kept, changed }, now), changed }
}

/** Returns the keys that have become free because their leases expired; an empty list when no lease expired. */
const expiredIn = (before: Keys, keys: Keys): ReadonlyArray<string> => keys === before ? unchanged : keys.changed

/** Drops the leases that have expired, with their keys. */
export const expire = (keys: Keys, now: number): Keys => {
  let isSame = true
  for (const until of keys.leases.values()) if (until <= now) isSame = false
  if (isSame) return keys
  const leases = new Map(Array.from(keys.leases).filter(([, until]) => until > now))
  const gone: Array<string> = []
  for (const { key, lease } of HashMap.values(keys.held)) if (!leases.has(lease)) gone.push(key)
  return { ...keys, leases, held: HashMap.removeMany(keys.held, gone), changed: gone }
}

/** The time at which the next lease expires; `undefined` when there is no lease. */
export const nextExpiry = ({ leases }: Keys): number | undefined =>
  leases.size === 0 ? undefined : Math.min(...leases.values())

export const renew = (before: Keys, { id, ttlMillis }: Lease, now: number): readonly [Keys, boolean] => {
  const keys = expire(before, now)
  return [
    { ...keys, leases: new Map(keys.leases).set(id, now + ttlMillis), changed: expiredIn(before, keys) },
    keys.leases.has(id)
  ]
}

export const create = (
  before: Keys,
  key: string,
  value: string,
  { id }: Lease,
  now: number
): readonly [Keys, Created] => {
  const keys = expire(before, now)
  if (!keys.leases.has(id)) return [keys, { _tag: "Expired" }]
  const holder = get(keys, key)
  if (holder !== undefined && holder.lease !== id) return [keys, { _tag: "Taken", by: holder }]
  const token = keys.last + 1
  const held = HashMap.set(keys.held, key, { key, value, token, lease: id })
  return [{ ...keys, held, last: token, changed: [...expiredIn(before, keys), key] }, { _tag: "Granted", token }]
}

export const remove = (before: Keys, key: string, token: Token, now: number): Keys => {
  const keys = expire(before, now)
  if (get(keys, key)?.token !== token) return keys
  return { ...keys, held: HashMap.remove(keys.held, key), changed: [...expiredIn(before, keys), key] }
}

/** The number of keys in one page of a listing. */
export const pageSize = 1_000

const inOrder = (a: Held, b: Held): number => a.key < b.key ? -1 : 1

/**
 * Lists a page of the keys with a prefix. The function `list` sorts only the keys that may stand on the wanted page.
 */
export const list = ({ held }: Keys, prefix: string, after: string | undefined): Page => {
  let found: Array<Held> = []
  let last: string | undefined
  let isWhole = true
  for (const one of HashMap.values(held)) {
    const { key } = one
    if (!key.startsWith(prefix) || after !== undefined && key <= after) continue
    if (last !== undefined && key > last) continue
    found.push(one)
    if (found.length <= 2 * pageSize) continue
    found = found.sort(inOrder).slice(0, pageSize)
    last = found.at(-1)!.key
    isWhole = false
  }
  found.sort(inOrder)
  const page = found.slice(0, pageSize)
  return { held: page, next: isWhole && found.length <= pageSize ? undefined : page.at(-1)!.key }
}
