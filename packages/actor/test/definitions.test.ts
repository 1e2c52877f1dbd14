import { assert, describe, it } from "@effect/vitest"
import { Actor } from "@furrow/actor"
import * as Definitions from "@furrow/actor/internal/settings/Definitions"
import * as Effect from "effect/Effect"
import { afterEach } from "vitest"

const { define, definitionOf, fileOf, forgetDefinitions, recordDefinitions } = Definitions

const module = "file:///app/program.mjs"
const run = { kind: "endpoint", module, name: "run" } as const
const make = (name: string, from = module) => Actor.fn(name, { module: from })(() => Effect.void)

const ping = Actor.endpoint("ping")
class Store extends Actor.Service<Store>()("Store", { module, endpoints: [ping] }) {}
const store = { kind: "service", module, name: "Store" } as const

afterEach(forgetDefinitions)

describe("The definitions of a process", () => {
  it("the definitions of a process are not recorded in a root, which may make them for as long as it lives", () => {
    make("run")
    assert.isUndefined(definitionOf(run))
  })

  it("the definitions of a process are known by kind, module and name from the first record to the last", () => {
    recordDefinitions()
    const definition = make("run")
    make("walk")
    make("run", "file:///app/other.mjs")
    make("run", `${module}#orders`)
    // The actor may say so more than once.
    recordDefinitions()
    assert.strictEqual(definitionOf(run), definition)
    assert.isUndefined(definitionOf({ ...run, name: "jump" }))
    assert.isUndefined(definitionOf({ ...run, kind: "service" }))
    forgetDefinitions()
    assert.isUndefined(definitionOf(run))
  })

  it("two definitions of one kind, module and name are refused, with the place of each", () => {
    recordDefinitions()
    make("run")
    make("run")
    assert.throws(() => definitionOf(run), /makes 2 endpoints named "run" \(at \S+:\d+:\d+ and at \S+:\d+:\d+\)/)
  })

  it("the definition that says where the implementation of a Service is leads the others", () => {
    recordDefinitions()
    const from = Actor.serveFrom(Store, () => Promise.resolve({ default: live }))
    const live = Store.serve({ ping: () => Effect.void })
    assert.strictEqual(definitionOf(store), from)
    Store.serve({ ping: () => Effect.void })
    assert.strictEqual(definitionOf(store), from)
    Actor.serveFrom(Store, () => Promise.resolve({ default: live }))
    assert.throws(() => definitionOf(store), /makes 2 implementations of the Service "Store"/)
  })

  it("the definitions of a process are each copy's own where a process has two copies of Furrow", async () => {
    const copy = await import("../src/internal/settings/Definitions.ts?copy" as string) as typeof Definitions
    copy.recordDefinitions()
    define("ours", run)
    assert.isUndefined(copy.definitionOf(run))
    copy.define("theirs", run)
    recordDefinitions()
    assert.isUndefined(definitionOf(run))
    assert.strictEqual(copy.definitionOf(run), "theirs")
  })
})

describe("The file of a module", () => {
  it("the file of a module is its URL without the mark", () => {
    assert.deepStrictEqual([fileOf(module), fileOf(`${module}#orders`)], [module, module])
  })
})
