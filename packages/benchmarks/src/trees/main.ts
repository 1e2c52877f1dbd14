/**
 * The command `npm run trees` measures a large registry, or many idle connections to one actor: `npm run trees --
 * registry 100000`, `npm run trees -- idle 5000`.
 */
import * as Idle from "./idle.ts"
import * as Registry from "./registry.ts"

const [, , what = "registry", count, only] = process.argv

const cases: { readonly [what: string]: () => Promise<void> } = {
  registry: () => Registry.run(Number(count ?? 100_000)),
  idle: () => Idle.run(Number(count ?? 5_000), only)
}

const chosen = cases[what]
if (chosen === undefined) throw new Error(`there is no case "${what}": choose ${Object.keys(cases).join(" or ")}`)
await chosen()
process.exit()
