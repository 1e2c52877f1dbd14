import { assert, describe, it } from "@effect/vitest"
import * as MemoryTransport from "@furrow/actor/internal/transport/MemoryTransport"
import type { Connection } from "@furrow/actor/internal/transport/Transport"
import * as ConnectionSuite from "@furrow/testing/ConnectionSuite"
import type { Contract } from "@furrow/testing/Contract"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** A transport whose near end breaks one promise. */
const broken = (change: (near: Connection) => Connection): Contract =>
  ConnectionSuite.contract(Effect.sync(() => {
    const [near, far] = MemoryTransport.pair()
    return [change(near), far] as const
  }))

const refuted = (contract: Contract, word: string) =>
  Effect.gen(function*() {
    const found = contract.find(({ title }) => title.includes(word))
    assert.isDefined(found, `no case about "${word}"`)
    assert.isTrue(Exit.isFailure(yield* Effect.exit(found.run)), `"${found.title}" does not notice`)
  })

describe("ConnectionSuite and broken connections", () => {
  it.live("ConnectionSuite notices a connection that delivers bytes out of order", () =>
    refuted(broken((near) => ({ ...near, write: (chunks) => near.write([...chunks].reverse()) })), "in the order"))

  it.live("ConnectionSuite notices a connection that never tells its writer to wait", () =>
    refuted(
      broken((near) => ({
        ...near,
        write: (chunks) => {
          near.write(chunks)
          return true
        }
      })),
      "hears false"
    ))

  it.live("ConnectionSuite notices a connection that reports its end twice", () =>
    refuted(
      broken((near) => ({
        ...near,
        start: (handlers) =>
          near.start({
            ...handlers,
            end: (reason) => {
              handlers.end(reason)
              handlers.end(reason)
            }
          })
      })),
      "destroy ends both"
    ))

  it.live("ConnectionSuite notices a connection whose end drops queued bytes", () =>
    refuted(broken((near) => ({ ...near, end: () => near.destroy() })), "end sends queued bytes"))

  it.live("ConnectionSuite notices a connection that delivers bytes inside `write`", () =>
    refuted(
      ConnectionSuite.contract(Effect.sync(() => {
        const ends: Array<Parameters<Connection["start"]>[0] | undefined> = [undefined, undefined]
        const end = (own: 0 | 1): Connection => ({
          start: (handlers) => {
            ends[own] = handlers
          },
          write: (chunks) => {
            for (const chunk of chunks) ends[1 - own]?.data(chunk)
            return true
          },
          end: () => ends[1 - own]?.end(undefined),
          destroy: () => ends[1 - own]?.end(undefined)
        })
        return [end(0), end(1)] as const
      })),
      "inside the call"
    ))
})
