import { describe, it } from "@effect/vitest"
import * as MemoryTransport from "@furrow/actor/internal/transport/MemoryTransport"
import * as ConnectionSuite from "@furrow/testing/ConnectionSuite"
import * as Effect from "effect/Effect"

describe("A connection in memory", () => {
  for (const { run, title } of ConnectionSuite.contract(Effect.sync(() => MemoryTransport.pair()))) {
    it.live(title, () => run)
  }
})
