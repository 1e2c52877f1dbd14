/**
 * The keys and leases of an engine as one value, which pure functions change. The time of each change is an input of
 * the function, in milliseconds.
 *
 * @since 0.2.0
 */
import type { Created, Held, Lease, Page, Token } from "./Driver.ts"

export interface Keys {
  /** The time at which each lease expires, by the id of the lease. */
  readonly leases: ReadonlyMap<string, number>
  readonly held: ReadonlyMap<string, Held>
  readonly last: Token
}

export const start = (last: Token = 0): Keys => ({ leases: new Map(), held: new Map(), last })

interface Saved {
  readonly now: number
  readonly last: Token
  readonly leases: ReadonlyArray<readonly [id: string, until: number]>
  readonly held: ReadonlyArray<Held>
}

export const save = ({ held, last, leases }: Keys, now: number): string =>
  JSON.stringify({ now, last, leases: Array.from(leases), held: Array.from(held.values()) } satisfies Saved)

/**
 * Reads a saved state of an engine. Only the tokens of the saved state are kept if the clock has started again since
 * the state was saved. The function throws when the text is no saved state.
 */
export const restore = (text: string | undefined, now: number): Keys => {
  if (text === undefined || text === "") return start()
  const { held, last, leases, now: then } = JSON.parse(text) as Saved
  if (then > now) return start(last)
  return expire({ last, leases: new Map(leases), held: new Map(held.map((one) => [one.key, one])) }, now)
}

/** Drops the leases that have expired, with their keys. */
export const expire = (keys: Keys, now: number): Keys => {
  const leases = new Map(Array.from(keys.leases).filter(([, until]) => until > now))
  if (leases.size === keys.leases.size) return keys
  return { ...keys, leases, held: new Map(Array.from(keys.held).filter(([, { lease }]) => leases.has(lease))) }
}

/** The time at which the next lease expires; `undefined` when there is no lease. */
export const nextExpiry = ({ leases }: Keys): number | undefined =>
  leases.size === 0 ? undefined : Math.min(...leases.values())

export const renew = (before: Keys, { id, ttlMillis }: Lease, now: number): readonly [Keys, boolean] => {
  const keys = expire(before, now)
  return [{ ...keys, leases: new Map(keys.leases).set(id, now + ttlMillis) }, keys.leases.has(id)]
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
  const holder = keys.held.get(key)
  if (holder !== undefined && holder.lease !== id) return [keys, { _tag: "Taken", by: holder }]
  const token = keys.last + 1
  const held = new Map(keys.held).set(key, { key, value, token, lease: id })
  return [{ ...keys, held, last: token }, { _tag: "Granted", token }]
}

export const remove = (before: Keys, key: string, token: Token, now: number): Keys => {
  const keys = expire(before, now)
  if (keys.held.get(key)?.token !== token) return keys
  const held = new Map(keys.held)
  held.delete(key)
  return { ...keys, held }
}

/** The number of keys in one page of a listing. */
export const pageSize = 1_000

export const list = ({ held }: Keys, prefix: string, after: string | undefined): Page => {
  const found = Array.from(held.values())
    .filter(({ key }) => key.startsWith(prefix) && (after === undefined || key > after))
    .sort((a, b) => a.key < b.key ? -1 : 1)
  const page = found.slice(0, pageSize)
  return { held: page, next: found.length > pageSize ? page.at(-1)!.key : undefined }
}

/** The keys that differ between two states. */
export const changed = (before: Keys, after: Keys): ReadonlyArray<string> => {
  if (before.held === after.held) return []
  const keys = new Set([...before.held.keys(), ...after.held.keys()])
  return Array.from(keys).filter((key) => before.held.get(key) !== after.held.get(key))
}
