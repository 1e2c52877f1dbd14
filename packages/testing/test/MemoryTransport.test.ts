import { describe, it } from "@effect/vitest"
import * as MemoryTransport from "@furrow/actor/internal/transport/MemoryTransport"
import * as TransportSuite from "@furrow/testing/TransportSuite"
import * as Effect from "effect/Effect"

describe("A connection in memory", () => {
  for (const { run, title } of TransportSuite.contract(Effect.sync(() => MemoryTransport.pair()))) {
    it.live(title, () => run)
  }
})
