/**
 * Compares a contract at both sides by a digest of every schema of an endpoint, which is sent with the first call on a
 * connection. The error that two contracts differ is made from the full representations of both contracts.
 *
 * A digest leaves out descriptions and other annotations, because annotations do not decide which bytes are valid.
 *
 * @since 0.1.0
 */
import * as Hash from "effect/Hash"
import * as Schema from "effect/Schema"
import type { AnyEndpoint } from "./Endpoint.ts"

const parts = ["payload", "success", "error", "started", "input", "output"] as const

const withoutAnnotations = (key: string, value: unknown): unknown => key === "annotations" ? undefined : value

interface Known {
  readonly digest: string
  readonly representation: string
}

const known = new WeakMap<AnyEndpoint, Known>()

const of = (endpoint: AnyEndpoint): Known => {
  const found = known.get(endpoint)
  if (found !== undefined) return found
  const schemas: Record<string, unknown> = {}
  for (const part of parts) {
    const schema = endpoint[part]
    if (schema !== undefined) schemas[part] = Schema.toRepresentation(schema)
  }
  if (endpoint.idempotent === true) schemas["idempotent"] = true
  const representation = JSON.stringify(schemas, withoutAnnotations)
  const made = {
    digest: `${(Hash.string(representation) >>> 0).toString(36)}.${representation.length}`,
    representation
  }
  known.set(endpoint, made)
  return made
}

export const digest = (endpoint: AnyEndpoint): string => of(endpoint).digest

export const representation = (endpoint: AnyEndpoint): string => of(endpoint).representation

const short = (value: unknown): string => {
  const tag = typeof value === "object" && value !== null ? (value as { readonly _tag?: string })._tag : undefined
  return tag ?? JSON.stringify(value) ?? "nothing"
}

const names = (properties: ReadonlyArray<{ readonly name?: unknown }>): ReadonlyArray<string> =>
  properties.map(({ name }) => String(name))

/** Returns the first place where the representations of two contracts differ, in the terms of their schemas. */
const difference = (ours: any, theirs: any, path: string): string | undefined => {
  if (typeof ours !== "object" || ours === null || typeof theirs !== "object" || theirs === null) {
    return ours === theirs ? undefined : `${path}: ${short(ours)} here, ${short(theirs)} there`
  }
  if (ours._tag !== theirs._tag) return `${path}: ${short(ours)} here, ${short(theirs)} there`
  if (Array.isArray(ours.propertySignatures) && Array.isArray(theirs.propertySignatures)) {
    const [here, there] = [names(ours.propertySignatures), names(theirs.propertySignatures)]
    const missing = here.find((name) => !there.includes(name))
    if (missing !== undefined) return `${path}.${missing}: only here`
    const added = there.find((name) => !here.includes(name))
    if (added !== undefined) return `${path}.${added}: only there`
  }
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const name = (ours[key] as { readonly name?: unknown } | undefined)?.name
    const step = name !== undefined ? `.${String(name)}` : parts.includes(key as never) ? `${key}` : ""
    const found = difference(ours[key], theirs[key], `${path}${step}`)
    if (found !== undefined) return found
  }
  return undefined
}

/** Names the first difference between this side's contract of an endpoint and the contract that the peer sent. */
export const explain = (endpoint: AnyEndpoint, theirs: string): string => {
  try {
    return difference(JSON.parse(of(endpoint).representation), JSON.parse(theirs), "") ??
      "the two contracts differ in a way that cannot be named"
  } catch {
    return "the other side sent a contract that cannot be read"
  }
}
