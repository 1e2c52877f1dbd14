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

describe("An actor's process finds the recorded definitions of endpoints and Services", () => {
  it("the process of a root records no definitions of endpoints, and may define endpoints at any time", () => {
    make("run")
    assert.isUndefined(definitionOf(run))
  })

  it("an actor's process that records definitions of endpoints finds each definition by kind, module and name", () => {
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

  it("two definitions of endpoints with one kind, module and name are refused, and the error names both source positions", () => {
    recordDefinitions()
    make("run")
    make("run")
    assert.throws(() => definitionOf(run), /makes 2 endpoints named "run" \(at \S+:\d+:\d+ and at \S+:\d+:\d+\)/)
  })

  it("a definition that names the module of its Service's implementation is found before other definitions of the Service", () => {
    recordDefinitions()
    const from = Actor.serveFrom(Store, () => Promise.resolve({ default: live }))
    const live = Store.serve({ ping: () => Effect.void })
    assert.strictEqual(definitionOf(store), from)
    Store.serve({ ping: () => Effect.void })
    assert.strictEqual(definitionOf(store), from)
    Actor.serveFrom(Store, () => Promise.resolve({ default: live }))
    assert.throws(() => definitionOf(store), /makes 2 implementations of the Service "Store"/)
  })

  it("two copies of Furrow in one process have separate definitions of endpoints", async () => {
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

describe("A process finds the file of the module that a definition names", () => {
  it("the file of a module is the module's URL without the fragment", () => {
    assert.deepStrictEqual([fileOf(module), fileOf(`${module}#orders`)], [module, module])
  })
})
