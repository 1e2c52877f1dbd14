import { it } from "@effect/vitest"
import { failures } from "@furrow/engines/Failures"
import * as Nats from "@furrow/engines/Nats"
import { shared } from "@furrow/engines/shared"
import { suite } from "@furrow/engines/suite"

/** Servers are killed and leases are waited for. */
const patienceMillis = 180_000

suite("NATS that fails", "nats-server", Nats.isInstalled, () => {
  const engine = { name: "nats", server: shared(Nats.make), layer: Nats.layer } as const

  for (const { run, title } of failures("leaders", engine)) {
    it.live(
      `G270: a leader over NATS stops before another program leads (in the case: ${title})`,
      () => run,
      patienceMillis
    )
  }
  for (const { run, title } of failures("owners", engine)) {
    it.live(
      `G271: a name in NATS has one holder at a time, whose fencing token is larger than all tokens before (in the case: ${title})`,
      () => run,
      patienceMillis
    )
  }
  for (const { run, title } of failures("outages", engine)) {
    it.live(
      `G272: programs over NATS outlast an outage of the server (in the case: ${title})`,
      () => run,
      patienceMillis
    )
  }
  for (const { run, title } of failures("losses", engine)) {
    it.live(
      `G273: fencing tokens of names in NATS keep growing although the server has lost all its data (in the case: ${title})`,
      () => run,
      patienceMillis
    )
  }
})
