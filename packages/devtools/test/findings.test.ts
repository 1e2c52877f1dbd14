/** Tests findings about trees that are made by hand: those that must be reported, and those that must not. */
import { assert, describe, it } from "@effect/vitest"
import type { FiberInspection } from "@furrow/actor/Inspect"
import * as Findings from "@furrow/node/internal/diagnosis/Findings"
import * as Print from "@furrow/node/internal/diagnosis/Print"
import type { Seen } from "@furrow/node/internal/diagnosis/Seen"
import { actor, channel, dialog, fiber, idOf, silent } from "./trees.ts"

const kindsOf = (seen: ReadonlyArray<Seen>) =>
  Findings.findings(seen).map(({ certainty, kind, level }) => `${level} ${kind} ${certainty}`)

const on = (peer: string, id: number, side: "caller" | "callee" = "caller") => ({ peer, id, side })

/**
 * Two actors that call each other under a lock. The fibers `a1` and `b2` hold their locks, and `b1` and `a2` wait for
 * them.
 */
const crossed = (wait: FiberInspection["waits"]["on"]) => [
  actor("root", {
    hasMain: true,
    channels: [channel("a", [dialog("caller", 1, "a1")]), channel("b", [dialog("caller", 1, "b2")])]
  }),
  actor("a", {
    channels: [
      channel("root", [dialog("callee", 1, "a1", { fiber: 1 })]),
      channel("b", [
        dialog("caller", 2, "b1", { within: { peer: "root", id: 1 } }),
        dialog("callee", 3, "a2", { fiber: 2 })
      ])
    ]
  }, [
    fiber(1, {
      within: { peer: "root", id: 1 },
      waits: { on: "Call", dialog: on("b", 2) },
      frames: [{ name: "a1", file: "shop.ts", line: 12, column: 3 }]
    }),
    fiber(2, { within: { peer: "b", id: 3 }, waits: { on: wait, dialog: null } })
  ]),
  actor("b", {
    channels: [
      channel("root", [dialog("callee", 1, "b2", { fiber: 1 })]),
      channel("a", [
        dialog("caller", 3, "a2", { within: { peer: "root", id: 1 } }),
        dialog("callee", 2, "b1", { fiber: 2 })
      ])
    ]
  }, [
    fiber(1, { within: { peer: "root", id: 1 }, waits: { on: "Call", dialog: on("a", 3) } }),
    fiber(2, { within: { peer: "a", id: 2 }, waits: { on: wait, dialog: null } })
  ])
]

/** A dialog of which both ends read. */
const bothRead = (more: Partial<FiberInspection> = {}) => [
  actor("a", {
    channels: [
      channel("b", [dialog("caller", 1, "chat", { kind: "dialog", within: { peer: "root", id: 9 } })]),
      channel("root", [dialog("callee", 9, "talk", { fiber: 1 })])
    ]
  }, [fiber(1, { within: { peer: "root", id: 9 }, waits: { on: "Read", dialog: on("b", 1) } })]),
  actor("b", { channels: [channel("a", [dialog("callee", 1, "chat", { kind: "dialog", fiber: 1 })])] }, [
    fiber(1, { within: { peer: "a", id: 1 }, waits: { on: "Read", dialog: on("a", 1, "callee") }, ...more })
  ])
]

describe("A deadlock between the actors of a tree is reported", () => {
  it("G249: a deadlock over two processes and two locks is reported as likely, with the source line of each wait", () => {
    const [found] = Findings.findings(crossed("Semaphore"))
    assert.strictEqual(found?.kind, "DEADLOCK")
    assert.strictEqual(found?.certainty, "likely")
    const text = Print.lines(found!).join("\n")
    for (const part of ["a1", "b1", "a2", "b2", "shop.ts:12", "semaphore"]) assert.include(text, part)
  })

  it("G249: a deadlock of a dialog whose two ends both read is reported as certain", () => {
    assert.deepStrictEqual(kindsOf(bothRead()), ["stuck DEADLOCK certain"])
  })

  it("G250: a cycle of calls is no deadlock where the handlers sleep, or wait for an operation that is unknown", () => {
    assert.deepStrictEqual(kindsOf(crossed("Timer")), [])
    assert.deepStrictEqual(kindsOf(crossed("Unknown")), [])
  })

  it("G250: two actors that both read from one dialog are not reported as a deadlock if a fiber that tools cannot see may still send in the dialog", () => {
    assert.deepStrictEqual(kindsOf(bothRead({ scoped: true })), [])
    assert.deepStrictEqual(kindsOf(bothRead({ children: [7] })), [])
  })

  it("G250: a cycle of calls is no deadlock where one of its actors has not answered, or cannot show its fibers", () => {
    const [root, a, b] = crossed("Semaphore")
    assert.deepStrictEqual(kindsOf([root!, a!]), [])
    assert.deepStrictEqual(kindsOf([root!, a!, { ...b!, fibers: undefined }]), [])
  })

  it("G250: a cycle of calls is no deadlock while the cycle is younger than the bound for findings", () => {
    assert.deepStrictEqual(Findings.findings(bothRead(), { ...Findings.defaults, thanMillis: 60_000 }), [])
  })
})

/** A root that waits for the answer of a worker. */
const waiting = (ageMillis: number) =>
  actor("root", { hasMain: true, channels: [channel("w", [dialog("caller", 1, "work", { ageMillis })])] })

describe("A process of a tree that does not answer is reported", () => {
  it("G251: a process that computes and does not answer is reported as a note, and after half a minute of waiting callers as stuck", () => {
    assert.deepStrictEqual(kindsOf([waiting(2000), silent("w", ["R", "S", "R"], 0.9)]), ["note BUSY likely"])
    assert.deepStrictEqual(kindsOf([waiting(40_000), silent("w", ["R", "R", "R"], 1)]), ["stuck BUSY likely"])
  })

  it("G251: a process that is stopped or in a system call and does not answer is reported with its callers", () => {
    const [stopped] = Findings.findings([waiting(2000), silent("w", ["T", "T", "T"])])
    assert.strictEqual(stopped?.kind, "STOPPED")
    assert.include(Print.lines(stopped!).join("\n"), "waits for its answer to work")
    assert.deepStrictEqual(kindsOf([waiting(2000), silent("w", ["S", "S", "S"])]), ["stuck BLOCKED likely"])
  })

  it("G251: a process that sleeps in epoll and gives an observer no answer is reported as silent, or as blocked if it runs a child process", () => {
    const asleep = ["S", "S", "S"]
    const polling = { wchan: "do_epoll_wait" }
    assert.deepStrictEqual(kindsOf([waiting(2000), silent("w", asleep, 0, polling)]), ["note SILENT certain"])
    const [blocked] = Findings.findings([
      waiting(2000),
      silent("w", asleep, 0, { ...polling, commands: ["sleep 600"] })
    ])
    assert.strictEqual(blocked?.kind, "BLOCKED")
    assert.include(Print.lines(blocked!).join("\n"), "it has the child process sleep 600")
  })
})

describe("A tree that is slow is not reported as stuck", () => {
  it("G250: a tree is not stuck while it starts, restarts or ends its actors, or waits for an actor that starts", () => {
    const starting = { actor: idOf("db"), state: "Starting", ageMillis: 20_000 }
    const tree = [
      actor("root", {
        hasMain: true,
        children: [starting, { ...starting, actor: idOf("old"), state: "Finalizing" }],
        starting: [{ name: "cache", ageMillis: 9000 }]
      }),
      actor("a", { names: [{ name: "db", ageMillis: 9000 }, { name: "cache", ageMillis: 9000 }] })
    ]
    assert.deepStrictEqual(kindsOf(tree).filter((kind) => kind.startsWith("stuck")), [])
  })

  it("G252: a wait for a name that no actor has or will have is reported as stuck", () => {
    assert.deepStrictEqual(kindsOf([actor("a", { names: [{ name: "nobody", ageMillis: 9000 }] })]), [
      "stuck NO SUCH NAME likely"
    ])
    // An actor that has not answered may be starting the actor of that name.
    assert.deepStrictEqual(
      kindsOf([actor("a", { names: [{ name: "nobody", ageMillis: 9000 }] }), silent("b", ["R"])]),
      ["note BUSY likely", "note NO SUCH NAME likely"]
    )
  })

  it("G252: a cancel that does not end is reported, and so is a stream whose reader is slower than its writer", () => {
    assert.deepStrictEqual(kindsOf([actor("a", { channels: [channel("b", [], 1)] })]), ["stuck STUCK CANCEL certain"])
    const writer = dialog("callee", 1, "feed", { kind: "stream", out: { items: 0, bytes: 0, waiting: true } })
    const reader = dialog("caller", 1, "feed", { kind: "stream", in: { items: 64, waiting: false } })
    assert.deepStrictEqual(
      kindsOf([actor("a", { channels: [channel("b", [reader])] }), actor("b", { channels: [channel("a", [writer])] })]),
      ["note SLOW READER certain"]
    )
  })
})

describe("Terminal escapes in the name of an actor are printed as harmless text", () => {
  it("G250: the name of an actor with terminal escapes is printed as harmless text", () => {
    const [found] = Findings.findings([
      actor("a", { names: [{ name: "\u001b]0;owned\u0007\u202e", ageMillis: 9000 }] })
    ])
    const text = Print.lines(found!).join("\n")
    for (const character of ["\u001b", "\u0007", "\u202e"]) assert.notInclude(text, character)
    assert.include(text, "\\u{1b}]0;owned\\u{7}\\u{202e}")
  })
})
