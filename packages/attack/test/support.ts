import { afterAll } from "@effect/vitest"
import { Victim } from "../src/victim.ts"

const started: Array<Victim> = []

/** Starts a live tree for the tests of a file, which ends after them. */
export const victim = async (): Promise<Victim> => {
  const victim = await Victim.start("unix")
  started.push(victim)
  return victim
}

afterAll(async () => {
  for (const victim of started.splice(0)) await victim.stop()
}, 30_000)
