/** Runs the benchmarks of trees that see each other: `npm run trees -- registry 100000`. */
import * as Registry from "./registry.ts"

const [, , what = "registry", count] = process.argv

const cases: { readonly [what: string]: () => Promise<void> } = {
  registry: () => Registry.run(Number(count ?? 100_000))
}

const chosen = cases[what]
if (chosen === undefined) throw new Error(`there is no case "${what}": choose ${Object.keys(cases).join(" or ")}`)
await chosen()
process.exit(0)
