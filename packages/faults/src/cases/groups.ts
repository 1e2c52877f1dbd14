/** Cases of `npm run faults` about RpcGroups in actors. */
import type { Case } from "../case.ts"

export const groups: ReadonlyArray<Case> = [
  {
    guarantees: ["G60"],
    title: "a middleware that refuses everybody refuses them in an actor, with its typed error",
    program: "refuses-everybody.ts",
    wanted: ["Effect's own server: Denied", "an actor: Denied", "exit code 0"]
  },
  {
    guarantees: ["G102"],
    title: "a request that is not known or dies hurts nothing but itself",
    program: "isolates-requests.ts",
    wanted: ["unknown: EndpointUnknown", "broken: Die broken", "the stream went on", "exit code 0"]
  }
]
