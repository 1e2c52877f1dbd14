/** The tree of this root and the findings about the tree in words, as `furrow tree` and `furrow why` print them. */
import * as Effect from "effect/Effect"
import * as Findings from "./Findings.ts"
import * as Print from "./Print.ts"
import * as Trees from "./Trees.ts"
import * as TreeView from "./treeView.ts"

/** Asks the actors of this process's tree, and returns the tree and the findings about it as text. */
export const dump: Effect.Effect<string> = Effect.gen(function*() {
  const target = String(process.pid)
  const { seen, ...tree } = yield* Trees.pick(yield* Trees.look({ fibers: true, self: true, target }), target)
  const found = Findings.findings(seen, Findings.defaults)
  return [
    `furrow: the tree of process ${target}`,
    ...TreeView.lines({ ...tree, seen }),
    "",
    ...Print.all(found, seen.length),
    ""
  ].join("\n")
}).pipe(Effect.catch(({ message }) => Effect.succeed(`furrow: ${message}\n`)))
