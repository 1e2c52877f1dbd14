import { assert, describe, it } from "@effect/vitest"
import * as Table from "@furrow/actor/internal/pool/Table"
import * as Waiting from "@furrow/actor/internal/pool/Waiting"

describe("A pool holds a hundred thousand waiting tasks", () => {
  const many = 100_000

  const options: Table.Options = {
    min: 1,
    max: 1,
    concurrency: 1,
    queue: Infinity,
    idle: 1000,
    tasks: Infinity,
    age: Infinity,
    memory: Infinity,
    attempts: 2
  }

  /** Milliseconds of a million look-ups: a scale for the speed of this machine now. */
  const unit = (): number => {
    const map = new Map(Array.from({ length: 1000 }, (_, n) => [n, n]))
    const start = performance.now()
    let sum = 0
    for (let n = 0; n < 1_000_000; n++) sum += map.get(n % 1000)!
    return sum > 0 ? Math.max(1, performance.now() - start) : 0
  }

  it("G136: each waiting task costs the same time, whether it is run or leaves the middle of the queue", () => {
    const table = Table.make(options)
    Table.step(table, { _tag: "Open" })
    for (const slot of table.slots) Table.step(table, { _tag: "Started", slot, now: 0 })
    const start = performance.now()
    const keys = [undefined, "a", "b", undefined]
    const tickets = Array.from({ length: many }, (_, n) => Waiting.makeTicket(keys[n % keys.length]))
    for (const ticket of tickets) Table.step(table, { _tag: "Submit", ticket, isAgain: false })
    assert.strictEqual(table.waiting.count, many - 1)
    for (let n = 1; n < many; n += 2) Table.step(table, { _tag: "Withdraw", ticket: tickets[(n * 7919) % many]! })
    let done = 0
    let next: Table.Ticket | undefined = tickets[0]
    while (next !== undefined) {
      const [assigned]: ReadonlyArray<Table.Action> = Table.step(table, {
        _tag: "Finish",
        ticket: next,
        fault: undefined,
        now: 0
      })
      done++
      next = assigned?._tag === "Assign" ? assigned.ticket : undefined
    }
    assert.strictEqual(table.waiting.count, 0)
    assert.isAtLeast(done, many / 2 - 1)
    assert.isBelow(performance.now() - start, 200 * unit())
  })
})
