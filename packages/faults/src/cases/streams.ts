/** Cases of `npm run faults` about streams, memory and back-pressure. */
import type { Case } from "../case.ts"

export const streams: ReadonlyArray<Case> = [
  {
    guarantees: ["G31", "G85"],
    title: "a writer holds the large items on their way, and no others",
    program: "streams-large-items.ts",
    wanted: ["read: 14000000, 14000000, 14000000", "it grew by less than 400 MB: true", "exit code 0"]
  },
  {
    guarantees: ["G86"],
    title: "calls wait unencoded while their actor is busy",
    program: "calls-a-busy-actor.ts",
    wanted: ["the root grew by less than 400 MB: true", "exit code 0"]
  },
  {
    guarantees: ["G50"],
    title: "nothing is lost by a reader that goes, and nobody waits for one that has ended",
    program: "subscribes.ts",
    wanted: [
      "the first reader: 1",
      "the next item: 2",
      "a reader with enough, in a Scope that lives on: 3 4 5",
      "all the others: 6 to 200, 195 items",
      "exit code 0"
    ]
  },
  {
    guarantees: ["G39"],
    title: "one item that does not match a narrower schema costs no other",
    program: "narrows.ts",
    wanted: ["1", "2", "PayloadInvalid", "4", "5", "exit code 0"]
  }
]
