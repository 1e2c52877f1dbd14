import { describe, it } from "@effect/vitest"
import { layerDriverMemory } from "@furrow/actor/Discovery"
import * as DriverSuite from "@furrow/testing/DriverSuite"

describe("An engine in memory", () => {
  for (const { run, title } of DriverSuite.contract(DriverSuite.fromLayer(layerDriverMemory))) {
    it.live(title, () => run)
  }
})
