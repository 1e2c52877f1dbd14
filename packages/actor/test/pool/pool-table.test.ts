import { assert, describe, it } from "@effect/vitest"
import { ActorError } from "@furrow/actor"
import * as Table from "@furrow/actor/internal/pool/Table"
import * as Waiting from "@furrow/actor/internal/pool/Waiting"
import { Cause, Schema } from "effect"

const error = Cause.fail(
  new ActorError.ActorUnreachable({ actor: null, target: "a worker", why: "gone", reason: "tests say so" })
)

const defaults: Table.Options = {
  min: 1,
  max: 3,
  concurrency: 1,
  queue: 4,
  idle: 1000,
  tasks: Infinity,
  age: Infinity,
  memory: Infinity,
  attempts: 2
}

type Standing = "waiting" | "running" | "over" | "refused" | "failed"

/** A table with somebody who does what it says, as the runtime would. */
class Model {
  readonly table: Table.Table
  readonly standing = new Map<Table.Ticket, Standing>()
  readonly log: Array<string> = []
  readonly ended = new Set<Table.Slot>()
  /** Numbers of the tasks without a key that were never tried again, in the order in which they got a worker. */
  readonly order: Array<number> = []
  readonly again = new Set<Table.Ticket>()
  closed = 0
  now = 0
  /** The most failures that a worker ever waited for. */
  longestRow = 0

  constructor(options: Partial<Table.Options> = {}) {
    this.table = Table.make({ ...defaults, ...options })
  }

  input(input: Table.Input): void {
    for (const action of Table.step(this.table, input)) this.note(action)
  }

  private note(action: Table.Action): void {
    switch (action._tag) {
      case "Assign": {
        const { ticket } = action
        assert.strictEqual(this.standing.get(ticket), "waiting", "a task has one worker at a time")
        this.standing.set(ticket, "running")
        if (ticket.key === undefined && !this.again.has(ticket)) this.order.push(ticket.number)
        return void this.log.push(`assign ${(ticket.holder as Table.Slot).id}`)
      }
      case "Refuse":
        assert.strictEqual(this.standing.get(action.ticket), "waiting")
        this.standing.set(action.ticket, "refused")
        return void this.log.push(action.why)
      case "Fail":
        for (const ticket of action.tickets) {
          assert.strictEqual(this.standing.get(ticket), "waiting")
          this.standing.set(ticket, "failed")
        }
        return void this.log.push(`fail ${action.tickets.length}`)
      case "Start":
      case "BackOff":
        if (action._tag === "BackOff") this.longestRow = Math.max(this.longestRow, action.failures)
        return void this.log.push(`${action._tag === "Start" ? "start" : "back off"} ${action.slot.id}`)
      case "End":
        assert.isFalse(this.ended.has(action.slot), "a worker is ended once")
        this.ended.add(action.slot)
        return void this.log.push(`end ${action.slot.id} ${action.why}`)
      case "Closed":
        this.closed++
        return void this.log.push("closed")
      case "Opened":
      case "OpenFailed":
        return void this.log.push(action._tag === "Opened" ? "opened" : "open failed")
      case "Wake":
        return void this.log.push(`wake ${action.at}`)
      case "Condemned":
        return void this.log.push(`condemned ${action.why}`)
    }
  }

  submit(key?: string, patient = false): Table.Ticket {
    const ticket = Waiting.makeTicket(key, patient)
    this.standing.set(ticket, "waiting")
    this.input({ _tag: "Submit", ticket, isAgain: false })
    return ticket
  }

  retry(ticket: Table.Ticket): void {
    this.again.add(ticket)
    this.standing.set(ticket, "waiting")
    this.input({ _tag: "Submit", ticket, isAgain: true })
  }

  finish(ticket: Table.Ticket, why?: Table.Reason): void {
    this.standing.set(ticket, "over")
    const fault = why === undefined ? undefined : { why, error: why === "stuck" ? undefined : error }
    this.input({ _tag: "Finish", ticket, fault, now: this.now })
  }

  withdraw(ticket: Table.Ticket): void {
    this.standing.set(ticket, "over")
    this.input({ _tag: "Withdraw", ticket })
  }

  /** Everything that was started becomes ready. */
  start(): void {
    for (const slot of this.in("Starting")) this.input({ _tag: "Started", slot, now: this.now })
  }

  in(...phases: ReadonlyArray<Table.Phase["_tag"]>): ReadonlyArray<Table.Slot> {
    return Array.from(this.table.slots).filter(({ phase }) => phases.includes(phase._tag))
  }

  tickets(...standings: ReadonlyArray<Standing>): ReadonlyArray<Table.Ticket> {
    return Array.from(this.standing).filter(([, standing]) => standings.includes(standing)).map(([ticket]) => ticket)
  }

  /** The log since the last time. */
  said(): ReadonlyArray<string> {
    return this.log.splice(0)
  }

  states(): string {
    return Array.from(this.table.slots, ({ id, phase }) => {
      const active = "active" in phase ? phase.active : 0
      return `${id}:${phase._tag}${active === 0 ? "" : `(${active})`}`
    }).join(" ")
  }
}

const open = (options: Partial<Table.Options> = {}): Model => {
  const model = new Model(options)
  model.input({ _tag: "Open" })
  model.start()
  model.said()
  return model
}

describe("The machine of a pool starts workers and gives them tasks", () => {
  it("a pool is open when its first workers are ready, and not earlier", () => {
    const model = new Model({ min: 2 })
    model.input({ _tag: "Open" })
    assert.deepStrictEqual(model.said(), ["start 1", "start 2"])
    model.input({ _tag: "Started", slot: model.in("Starting")[0]!, now: 0 })
    assert.deepStrictEqual(model.said(), [])
    model.start()
    assert.deepStrictEqual(model.said(), ["opened"])
  })

  it("a pool closes when one of its first workers fails to start, and ends its other workers", () => {
    const model = new Model({ min: 2 })
    model.input({ _tag: "Open" })
    model.input({ _tag: "Started", slot: model.in("Starting")[0]!, now: 0 })
    model.input({ _tag: "StartFailed", slot: model.in("Starting")[0]!, error })
    assert.deepStrictEqual(model.said(), ["start 1", "start 2", "open failed", "condemned closed", "end 1 closed"])
    model.input({ _tag: "Gone", slot: model.in("Condemned")[0]! })
    assert.deepStrictEqual(model.said(), ["closed"])
  })

  it("a pool starts a worker for each waiting task, up to its maximum", () => {
    const model = open({ queue: 10 })
    for (let n = 0; n < 5; n++) model.submit()
    assert.deepStrictEqual(model.said(), ["assign 1", "start 2", "start 3"])
    model.start()
    assert.strictEqual(model.states(), "1:Busy(1) 2:Busy(1) 3:Busy(1)")
  })

  it("a pool refuses a task beyond the bound of its queue, except for a task that may wait (`patient`)", () => {
    const model = open({ max: 1, queue: 1 })
    for (let n = 0; n < 3; n++) model.submit()
    assert.deepStrictEqual(model.said(), ["assign 1", "full"])
    model.submit(undefined, true)
    assert.strictEqual(model.table.waiting.count, 2)
  })

  it("G136: a pool accepts as many tasks before its workers are ready as afterwards", () => {
    const model = open({ min: 0, max: 2, concurrency: 2, queue: 3 })
    for (let n = 0; n < 9; n++) model.submit()
    assert.deepStrictEqual(model.said(), ["start 1", "start 2", "full", "full"])
    model.start()
    model.submit()
    assert.strictEqual(model.said().at(-1), "full")
  })

  it("a pool gives a task to its least busy worker", () => {
    const model = open({ min: 2, max: 2, concurrency: 3 })
    const first = model.submit()
    for (let n = 0; n < 3; n++) model.submit()
    assert.strictEqual(model.states(), "1:Busy(2) 2:Busy(2)")
    model.finish(first)
    model.said()
    model.submit()
    assert.deepStrictEqual(model.said(), ["assign 1"])
  })

  it("a pool ends workers that were idle for long, down to its minimum, the longest idle first", () => {
    const model = open({ queue: 10 })
    const tasks = [model.submit(), model.submit(), model.submit()]
    model.start()
    for (const task of tasks) {
      model.now += 100
      model.finish(task)
    }
    assert.include(model.said(), "wake 1100")
    model.input({ _tag: "Tick", now: 1100 })
    assert.deepStrictEqual(model.said(), ["condemned spare", "end 1 spare", "wake 1200"])
    model.input({ _tag: "Tick", now: 1200 })
    assert.deepStrictEqual(model.said(), ["condemned spare", "end 2 spare"])
    model.input({ _tag: "Tick", now: 10_000 })
    assert.deepStrictEqual(model.said(), [])
  })

  it("a pool replaces a worker after the allowed number of tasks, once the last of these tasks has ended", () => {
    const model = open({ max: 1, tasks: 2 })
    model.finish(model.submit())
    const last = model.submit()
    assert.deepStrictEqual(model.said(), ["assign 1", "assign 1", "condemned tasks", "start 2"])
    model.finish(last)
    assert.deepStrictEqual(model.said(), ["end 1 tasks"])
  })

  it("a pool replaces a worker at its maximum age, once its task has ended", () => {
    const model = open({ max: 1, age: 500 })
    const task = model.submit()
    model.input({ _tag: "Tick", now: 500 })
    assert.deepStrictEqual(model.said(), ["assign 1", "condemned age", "start 2"])
    model.finish(task)
    assert.deepStrictEqual(model.said(), ["end 1 age"])
  })

  it("G140: a pool has at most one worker above its maximum while replaced workers do their last tasks", () => {
    const model = open({ max: 2, tasks: 1, queue: 10 })
    const tasks = Array.from({ length: 6 }, () => model.submit())
    for (let turn = 0; turn < 6; turn++) model.start()
    assert.strictEqual(model.states(), "1:Condemned(1) 2:Condemned(1) 3:Condemned(1)")
    model.finish(tasks[0]!)
    model.start()
    assert.strictEqual(model.tickets("running").length, 3)
  })

  it("G139: a key stays at its worker until the key's last task has ended, even if the worker is to be replaced", () => {
    const model = open({ max: 2, tasks: 1 })
    const first = model.submit("a")
    model.submit("a")
    model.start()
    model.submit("a")
    assert.deepStrictEqual(model.tickets("running"), [first])
    model.submit("b")
    assert.strictEqual(model.tickets("running").length, 2)
    model.finish(first)
    model.start()
    assert.deepStrictEqual(model.tickets("running").map(({ key }) => key), ["a", "b"])
  })

  it("G139: when the worker of a key is lost before its replacement, the waiting tasks of the key run on another worker", () => {
    const model = open({ max: 2, tasks: 1 })
    model.submit("a")
    const second = model.submit("a")
    model.start()
    model.input({ _tag: "Part", slot: model.in("Condemned")[0]!, why: "lost", error })
    assert.strictEqual(model.standing.get(second), "running")
  })

  it("G136: a pool accepts a task for each worker that it can still start, whatever the bound of its queue is", () => {
    const model = open({ min: 0, max: 2, queue: 0 })
    for (let n = 0; n < 3; n++) model.submit()
    assert.deepStrictEqual(model.said(), ["start 1", "start 2", "full"])
    model.start()
    model.submit()
    assert.deepStrictEqual(model.said(), ["assign 1", "assign 2", "full"])
  })

  it("a pool gives tasks of one key to one worker, and the tasks wait for this worker even if another worker is free", () => {
    const model = open({ min: 2, max: 2 })
    const first = model.submit("a")
    model.submit("a")
    model.submit("b")
    assert.strictEqual(model.states(), "1:Busy(1) 2:Busy(1)")
    assert.deepStrictEqual(model.said().map((line) => line.slice(0, 6)), ["assign", "assign"])
    model.finish(first)
    assert.strictEqual(model.tickets("waiting").length, 0)
    const [again] = model.tickets("running").filter(({ key }) => key === "a")
    assert.strictEqual((again!.holder as Table.Slot).id, 1)
  })

  it("a pool gives tasks that wait for a key to other workers when the worker of the key is gone", () => {
    const model = open({ min: 2, max: 2 })
    model.submit("a")
    model.submit("a")
    model.submit("a")
    const { holder } = model.tickets("running")[0]!
    model.input({ _tag: "Part", slot: holder as Table.Slot, why: "lost", error })
    assert.deepStrictEqual(model.said(), ["assign 1", "condemned lost", "assign 2", "back off 3", "end 1 lost"])
    assert.strictEqual(model.tickets("waiting").length, 1)
    assert.strictEqual(model.states(), "1:Condemned(1) 2:Busy(1) 3:Backing")
  })

  it("a pool fails the waiting tasks when a worker has failed all its starts, and starts no more workers", () => {
    const model = open({ min: 0, max: 1 })
    model.submit()
    const [slot] = model.in("Starting")
    model.input({ _tag: "StartFailed", slot: slot!, error })
    assert.deepStrictEqual(model.said(), ["start 1", "back off 2"])
    model.input({ _tag: "Retry", slot: model.in("Backing")[0]! })
    model.input({ _tag: "StartFailed", slot: model.in("Starting")[0]!, error })
    assert.deepStrictEqual(model.said(), ["start 2", "fail 1"])
    assert.strictEqual(model.table.slots.size, 0)
    model.submit()
    model.input({ _tag: "StartFailed", slot: model.in("Starting")[0]!, error })
    assert.deepStrictEqual(model.said(), ["start 3", "fail 1"])
    model.submit()
    model.start()
    assert.deepStrictEqual(model.said(), ["start 4", "assign 4"])
  })

  it("a pool waits before it replaces a worker that died without a task, and gives up after its number of attempts", () => {
    const model = open({ min: 1, attempts: 3 })
    model.input({ _tag: "Part", slot: model.in("Idle")[0]!, why: "lost", error })
    assert.deepStrictEqual(model.said(), ["condemned lost", "back off 2", "end 1 lost"])
    model.input({ _tag: "Retry", slot: model.in("Backing")[0]! })
    model.start()
    model.input({ _tag: "Part", slot: model.in("Idle")[0]!, why: "lost", error })
    assert.deepStrictEqual(model.said(), ["start 2", "condemned lost", "back off 3", "end 2 lost"])
    model.input({ _tag: "Retry", slot: model.in("Backing")[0]! })
    model.start()
    model.input({ _tag: "Part", slot: model.in("Idle")[0]!, why: "lost", error })
    assert.deepStrictEqual(model.said(), ["start 3", "condemned lost", "end 3 lost"])
  })

  it("a pool without a limit of tasks per worker starts one worker for the first task that waits", () => {
    const model = open({ min: 0, max: 1, concurrency: Infinity })
    for (let n = 0; n < 3; n++) model.submit()
    assert.deepStrictEqual(model.said(), ["start 1"])
    model.start()
    assert.strictEqual(model.states(), "1:Busy(3)")
  })

  it("G165: a pool waits longer after each worker that dies with its first task, then gives up", () => {
    const model = open({ min: 1, max: 1, attempts: 3, queue: 100 })
    for (let n = 0; n < 20; n++) model.submit()
    for (let turn = 0; turn < 2; turn++) {
      die(model)
      model.input({ _tag: "Retry", slot: model.in("Backing")[0]! })
      model.start()
    }
    assert.deepStrictEqual(model.said().filter((line) => !line.startsWith("assign")), [
      "condemned lost",
      "back off 2",
      "end 1 lost",
      "start 2",
      "condemned lost",
      "back off 3",
      "end 2 lost",
      "start 3"
    ])
    die(model)
    assert.deepStrictEqual(model.said(), ["condemned lost", "fail 17", "end 3 lost"])
    // Each later task has one worker at most.
    model.submit()
    model.submit()
    assert.deepStrictEqual(model.said(), ["start 4"])
    model.start()
    die(model)
    assert.deepStrictEqual(model.said(), ["assign 4", "condemned lost", "fail 1", "end 4 lost"])
  })

  it("G165: a pool counts the workers that died since a task last ended, even if new workers start before further tasks have ended", () => {
    const model = open({ min: 1, max: 1, tasks: 1, attempts: 3, queue: 100 })
    for (let n = 0; n < 90; n++) model.submit()
    let deaths = 0
    for (; model.tickets("waiting").length > 0 && deaths < 90; deaths++) {
      die(model)
      for (const slot of model.in("Backing")) model.input({ _tag: "Retry", slot })
      model.start()
    }
    assert.isAtMost(deaths, 8)
  })

  it("G165: a pool forgets its count of dead workers when a task ends, and starts workers at once again", () => {
    const model = open({ min: 1, max: 1, attempts: 3, queue: 100 })
    for (let n = 0; n < 20; n++) model.submit()
    for (let turn = 0; turn < 8; turn++) {
      die(model)
      for (const slot of model.in("Backing")) model.input({ _tag: "Retry", slot })
      model.start()
      model.finish(model.tickets("running")[0]!)
    }
    assert.strictEqual(model.tickets("failed").length, 0)
    model.said()
    die(model)
    assert.include(model.said().join(), "start ")
  })

  it("G165: a pool fails no task that another worker can run, and its waits grow no further than its option `attempts` allows", () => {
    const model = open({ min: 2, max: 2, attempts: 2, queue: 100 })
    const long = model.submit()
    for (let n = 0; n < 20; n++) model.submit()
    for (let turn = 0; turn < 10; turn++) {
      const [victim] = model.tickets("running").filter((ticket) => ticket !== long)
      die(model, victim!.holder as Table.Slot)
      for (const slot of model.in("Backing")) model.input({ _tag: "Retry", slot })
      model.start()
    }
    assert.strictEqual(model.tickets("failed").length, 0)
    assert.isAtMost(model.longestRow, 2)
  })

  it("a repeated task keeps its number in the queue of a pool, before a later task with the key of a worker", () => {
    const model = open({ max: 1, queue: 10 })
    const first = model.submit("a")
    const tried = model.submit()
    const later = model.submit("a")
    model.finish(first)
    assert.strictEqual(model.standing.get(tried), "running")
    model.finish(tried)
    const numbers = [tried.number, later.number]
    model.retry(tried)
    assert.deepStrictEqual([tried.number, later.number], numbers)
  })

  it("a pool starts another worker for each task that comes while all workers are busy", () => {
    const model = open()
    const said = [1, 2, 3].flatMap(() => {
      model.submit()
      model.start()
      return model.said()
    })
    assert.deepStrictEqual(said, ["assign 1", "start 2", "assign 2", "start 3", "assign 3"])
  })

  it("a pool in which a worker waits to repeat its failed start starts only one more worker for a second task", () => {
    const model = open({ min: 0 })
    model.submit()
    model.input({ _tag: "StartFailed", slot: model.in("Starting")[0]!, error })
    assert.deepStrictEqual(model.said(), ["start 1", "back off 2"])
    model.submit()
    assert.deepStrictEqual(model.said(), ["start 3"])
  })

  it("a pool gives up a worker that waits for its next start, but no worker that is being started", () => {
    const model = open({ min: 0, max: 1 })
    model.submit()
    model.input({ _tag: "GiveUp", slot: model.in("Starting")[0]!, error })
    assert.deepStrictEqual([model.said(), model.states()], [["start 1"], "1:Starting"])
    model.input({ _tag: "StartFailed", slot: model.in("Starting")[0]!, error })
    model.said()
    model.input({ _tag: "GiveUp", slot: model.in("Backing")[0]!, error })
    assert.deepStrictEqual([model.said(), model.states()], [["fail 1"], ""])
  })

  it("a worker that fails to start fails no task if no task waits", () => {
    const model = open({ attempts: 3 })
    model.input({ _tag: "Part", slot: model.in("Idle")[0]!, why: "lost", error })
    model.said()
    model.input({ _tag: "GiveUp", slot: model.in("Backing")[0]!, error })
    assert.deepStrictEqual(model.said(), [])
  })

  it("a pool asks for no timer tick while a worker is being started", () => {
    const model = open({ min: 0 })
    model.submit()
    model.said()
    model.input({ _tag: "Tick", now: 500 })
    assert.deepStrictEqual([model.said(), model.table.wakeAt], [[], Infinity])
  })

  it("a pool that closes while a worker is being recycled also ends this worker and the worker that replaces it", () => {
    const model = open({ max: 1, tasks: 1 })
    model.submit()
    model.start()
    model.said()
    model.input({ _tag: "Close" })
    assert.deepStrictEqual(model.said(), ["end 1 tasks", "condemned closed", "end 2 closed"])
  })

  it("G139: when a worker at its maximum age is lost before it is replaced, the waiting tasks of its key run on another worker", () => {
    const model = open({ max: 2, age: 500 })
    model.submit("a")
    const second = model.submit("a")
    model.input({ _tag: "Tick", now: 500 })
    model.start()
    assert.strictEqual(model.standing.get(second), "waiting")
    model.input({ _tag: "Part", slot: model.in("Condemned")[0]!, why: "lost", error })
    assert.strictEqual(model.standing.get(second), "running")
  })

  it("a draining pool accepts no task, runs the tasks that it has, and ends its workers", () => {
    const model = open({ max: 1 })
    const tasks = [model.submit(), model.submit()]
    model.input({ _tag: "Drain" })
    model.submit()
    assert.deepStrictEqual(model.said(), ["assign 1", "closed"])
    model.finish(tasks[0]!)
    model.finish(tasks[1]!)
    assert.deepStrictEqual(model.said(), ["assign 1", "condemned closed", "end 1 closed"])
    model.input({ _tag: "Gone", slot: model.in("Condemned")[0]! })
    assert.deepStrictEqual(model.said(), ["closed"])
  })

  it("a closing pool fails its waiting tasks and ends every worker at once", () => {
    const model = open({ max: 2 })
    for (let n = 0; n < 3; n++) model.submit()
    model.input({ _tag: "Close" })
    assert.deepStrictEqual(model.said(), [
      "assign 1",
      "start 2",
      "fail 2",
      "condemned closed",
      "end 1 closed",
      "end 2 closed"
    ])
  })
})

/** A worker dies, and its tasks with it. */
const die = (model: Model, slot = (model.tickets("running")[0]!.holder) as Table.Slot): void => {
  const tasks = model.tickets("running").filter(({ holder }) => holder === slot)
  model.input({ _tag: "Part", slot, why: "lost", error })
  for (const task of tasks) model.finish(task)
  model.input({ _tag: "Gone", slot })
}

const Op = Schema.Literals([
  "submit",
  "submit a",
  "submit b",
  "patient",
  "finish",
  "stuck",
  "retry",
  "withdraw",
  "started",
  "start failed",
  "wait over",
  "give up",
  "lost",
  "left",
  "gone",
  "memory",
  "time"
])

const Ops = Schema.Array(
  Schema.Struct({ op: Op, pick: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 7 })) })
)
  .check(Schema.isMaxLength(60))

const pickFrom = <A>(from: ReadonlyArray<A>, pick: number): A | undefined => from[pick % Math.max(1, from.length)]

const act = (model: Model, op: typeof Op.Type, pick: number): void => {
  const ticket = (standing: Standing, f: (ticket: Table.Ticket) => void) => {
    const picked = pickFrom(model.tickets(standing), pick)
    if (picked !== undefined) f(picked)
  }
  const slot = (phases: ReadonlyArray<Table.Phase["_tag"]>, f: (slot: Table.Slot) => void) => {
    const picked = pickFrom(model.in(...phases), pick)
    if (picked !== undefined) f(picked)
  }
  switch (op) {
    case "submit":
      return void model.submit()
    case "submit a":
    case "submit b":
      return void model.submit(op.at(-1))
    case "patient":
      return void model.submit(undefined, true)
    case "finish":
      return ticket("running", (picked) => model.finish(picked))
    case "stuck":
      return ticket("running", (picked) => model.finish(picked, "stuck"))
    case "retry":
      return ticket("running", (picked) => {
        model.finish(picked)
        model.retry(picked)
      })
    case "withdraw":
      return ticket("waiting", (picked) => model.withdraw(picked))
    case "started":
      return slot(["Starting"], (picked) => model.input({ _tag: "Started", slot: picked, now: model.now }))
    case "start failed":
      return slot(["Starting"], (picked) => model.input({ _tag: "StartFailed", slot: picked, error }))
    case "wait over":
      return slot(["Backing"], (picked) => model.input({ _tag: "Retry", slot: picked }))
    case "give up":
      return slot(["Backing"], (picked) => model.input({ _tag: "GiveUp", slot: picked, error }))
    case "lost":
      return slot(["Idle", "Busy"], (picked) => model.input({ _tag: "Part", slot: picked, why: "lost", error }))
    case "left":
      return ticket("running", (picked) => model.finish(picked, "left"))
    case "gone":
      return slot(["Condemned"], (picked) => {
        if (!model.ended.has(picked)) return
        // Its tasks end with it.
        for (const task of model.tickets("running").filter(({ holder }) => holder === picked)) model.finish(task)
        model.input({ _tag: "Gone", slot: picked })
      })
    case "memory":
      return slot(["Idle", "Busy"], (picked) => model.input({ _tag: "Measured", slot: picked, bytes: 100 }))
    case "time":
      model.now += 400
      return model.input({ _tag: "Tick", now: model.now })
  }
}

/** What holds after every step, whatever has happened. */
const check = (model: Model): void => {
  const { table } = model
  const { options } = table
  const said = model.states()
  const live = model.in("Starting", "Backing", "Idle", "Busy")
  assert.isAtMost(live.length, options.max, said)
  const leaving = model.in("Condemned").filter((slot) => !model.ended.has(slot))
  assert.isAtMost(live.length + leaving.length, options.max + 1, said)
  const free = model.in("Idle", "Busy").filter(({ phase }) =>
    phase._tag === "Idle" || phase._tag === "Busy" && phase.active < options.concurrency
  )
  assert.isTrue(free.length === 0 || table.waiting.anybody.isEmpty, `a worker is free while tasks wait: ${said}`)
  assert.strictEqual(table.waiting.count, model.tickets("waiting").length)
  const running = model.tickets("running")
  assert.strictEqual(table.running, running.length)
  for (const slot of table.slots) {
    const { phase } = slot
    const active = running.filter(({ holder }) => holder === slot).length
    assert.strictEqual("active" in phase ? phase.active : 0, active, said)
    assert.isAtMost(active, options.concurrency)
    const mayEnd = phase._tag === "Condemned" &&
      (active === 0 || ["lost", "left", "stuck", "closed"].includes(phase.why))
    assert.strictEqual(model.ended.has(slot), mayEnd, said)
  }
  // Tasks for anybody have somebody to wait for.
  const coming = model.in("Starting", "Backing", "Busy").length + leaving.length
  assert.isTrue(table.waiting.anybody.isEmpty || coming > 0, `tasks wait for nobody: ${said}`)
  assert.strictEqual([...table.waiting.anybody].length, table.waiting.forAnybody)
  assert.isAtMost(
    model.tickets("waiting").filter((ticket) => !ticket.patient && !model.again.has(ticket)).length,
    options.queue + options.max * options.concurrency
  )
  for (const key of ["a", "b"]) {
    const places = running.filter((ticket) => ticket.key === key).map(({ holder }) => holder as Table.Slot)
    const kept = new Set(places.filter((slot) => !model.ended.has(slot)))
    assert.isAtMost(kept.size, 1, `the key ${key} is at two workers: ${said}`)
  }
}

const variants: ReadonlyArray<readonly [string, Partial<Table.Options>]> = [
  ["one task a worker", {}],
  ["two tasks a worker", { concurrency: 2, max: 2 }],
  ["no worker kept", { min: 0, max: 2, attempts: 1 }],
  ["everything recycled", { tasks: 2, age: 1000, memory: 50, concurrency: 2 }]
]

describe("The machine of a pool loses no task and exceeds no limit under random events", () => {
  for (const [what, options] of variants) {
    it.prop(
      `G135: a pool exceeds neither its numbers of workers, tasks and waiting tasks nor one worker for a key under random events (case: ${what})`,
      { ops: Ops },
      ({ ops }) => {
        const model = open(options)
        for (const { op, pick } of ops) {
          act(model, op, pick)
          check(model)
        }
      }
    )

    it.prop(
      `G135: a pool begins tasks without a key in the order of their calls under random events (case: ${what})`,
      { ops: Ops },
      ({ ops }) => {
        const model = open(options)
        for (const { op, pick } of ops) act(model, op, pick)
        assert.deepStrictEqual(model.order, model.order.toSorted((a, b) => a - b))
      }
    )

    it.prop(`G142: a draining pool ends every task with an answer, and every worker, under random events, ${what}`, {
      ops: Ops
    }, ({ ops }) => {
      const model = open(options)
      for (const { op, pick } of ops) act(model, op, pick)
      model.input({ _tag: "Drain" })
      for (let turn = 0; turn < 500 && model.closed === 0; turn++) {
        for (const op of ["started", "wait over", "finish", "gone"] as const) act(model, op, 0)
      }
      check(model)
      assert.strictEqual(model.closed, 1)
      assert.strictEqual(model.table.slots.size, 0)
      assert.deepStrictEqual(model.tickets("waiting", "running"), [])
    })

    it.prop(
      `G165: every task of a pool ends even if every worker dies before it completes a task (case: ${what})`,
      { ops: Ops },
      ({ ops }) => {
        const model = open(options)
        for (const { op, pick } of ops) act(model, op, pick)
        for (let n = 0; n < 50; n++) model.submit(n % 3 === 0 ? "a" : undefined, true)
        let starts = 0
        for (let turn = 0; turn < 500 && model.tickets("waiting", "running").length > 0; turn++) {
          for (const slot of model.in("Backing")) model.input({ _tag: "Retry", slot })
          starts += model.in("Starting").length
          model.start()
          for (const slot of model.in("Idle", "Busy", "Condemned")) die(model, slot)
        }
        check(model)
        assert.deepStrictEqual(model.tickets("waiting", "running"), [])
        assert.isAtMost(starts, 6 * model.table.options.max * model.table.options.attempts)
      }
    )

    it.prop(
      `G141: a pool that closes after random events keeps no waiting task and no worker (case: ${what})`,
      { ops: Ops },
      ({ ops }) => {
        const model = open(options)
        for (const { op, pick } of ops) act(model, op, pick)
        model.input({ _tag: "Close" })
        assert.deepStrictEqual(model.tickets("waiting"), [])
        for (let turn = 0; turn < 100 && model.closed === 0; turn++) {
          for (const slot of Array.from(model.table.slots)) model.input({ _tag: "Gone", slot })
        }
        assert.strictEqual(model.closed, 1)
      }
    )
  }
})
