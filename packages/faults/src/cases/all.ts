/** All cases of `npm run faults`, in the order in which the command shows them. */
import type { Case } from "../case.ts"
import { bundles } from "./bundles.ts"
import { ends } from "./ends.ts"
import { groups } from "./groups.ts"
import { kills } from "./kills.ts"
import { messages } from "./messages.ts"
import { streams } from "./streams.ts"
import { surroundings } from "./surroundings.ts"

export const cases: ReadonlyArray<Case> = [
  ...ends,
  ...kills,
  ...streams,
  ...messages,
  ...surroundings,
  ...bundles,
  ...groups
]
