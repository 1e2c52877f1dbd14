/**
 * `npm run devtools-check`: checks the promises of the command `furrow`, with one line for each that passes or fails.
 * The check uses the built packages, and names the rows of the design that are not built.
 *
 * Speed is measured as a ratio to the start of an empty Node process in the same run. Rows 1, 3, 6 and 17 may fail on a
 * busy host, so run them alone.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as NodeInspect from "@furrow/node/NodeInspect"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import * as Costs from "./costs.ts"
import { abort, delay, doze, fillHeap, leave } from "./fixtures/actors.ts"
import type { Part } from "./fixtures/caller.ts"

const pathOf = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-devtools-"))

interface Answer {
  readonly code: number | null
  readonly text: string
  readonly millis: number
}

const run = (...args: ReadonlyArray<string>): Answer => {
  const begin = performance.now()
  const { status, stderr, stdout } = ChildProcess.spawnSync(process.execPath, args, { encoding: "utf8" })
  return { code: status, text: stdout + stderr, millis: performance.now() - begin }
}

const furrow = (...args: ReadonlyArray<string>): Answer => run(pathOf("../dist/furrow.js"), ...args)

const median = (all: ReadonlyArray<number>): number => all.toSorted((a, b) => a - b)[all.length >> 1]!

/** Milliseconds in which a tree has to reach its state. */
const patience = 60_000

const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

/** Runs a tree in one faulty state, and looks at it with `furrow`. */
const inTree = async (
  args: ReadonlyArray<string>,
  ready: string,
  look: (pid: string) => Promise<ReadonlyArray<string>> | ReadonlyArray<string>
): Promise<ReadonlyArray<string>> => {
  const child = ChildProcess.spawn(process.execPath, [pathOf("./fixtures/main.ts"), ...args], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  try {
    const signal = AbortSignal.timeout(patience)
    let said = ""
    while (!said.includes(`${ready}\n`)) said += String((await once(child.stdout, "data", { signal }))[0])
    await pause(2500)
    return await look(String(child.pid))
  } finally {
    const ended = once(child, "exit")
    child.kill("SIGTERM")
    await ended
  }
}

const wants = (text: string, ...parts: ReadonlyArray<RegExp | string>): ReadonlyArray<string> =>
  parts.filter((part) => typeof part === "string" ? !text.includes(part) : !part.test(text))
    .map((part) => `no ${part} in ${JSON.stringify(text)}`)

const hasCode = ({ code }: Answer, wanted: number): ReadonlyArray<string> =>
  code === wanted ? [] : [`exit code ${code}`]

/** Returns a figure with its bound. */
const atMost = (what: string, value: number, bound: number): ReadonlyArray<string> => {
  process.stdout.write(`      ${what} ${value.toFixed(2)}, at most ${bound}\n`)
  return value <= bound ? [] : [`${what} ${value.toFixed(2)} is above ${bound}`]
}

const deadlock = () =>
  inTree(["deadlock", "2"], "all", (pid) => {
    const first = furrow("why", pid)
    const ratios = Array.from({ length: 9 }, () => furrow("why", pid).millis / run("-e", "0").millis)
    return [
      ...hasCode(first, 3),
      ...wants(first.text, "(likely)", /a \(\d+\) in transfer/, /b \(\d+\) in transfer/, /actors\.ts:\d+/, "in count"),
      ...atMost("a warm look to a bare start of Node:", median(ratios), 6)
    ]
  })

const readers = () =>
  inTree(["readers"], "ready", (pid) => {
    const seen = furrow("why", pid)
    return [...hasCode(seen, 3), ...wants(seen.text, "(certain)", /in talk reads from echo/, /in echo reads from echo/)]
  })

const sleepers = () => inTree(["sleepers"], "ready", (pid) => hasCode(furrow("why", pid), 0))

const actors = 20

const many = () =>
  inTree(["many", String(actors)], "all", (pid) => {
    furrow("tree", pid)
    const seen = furrow("tree", pid)
    const pids = Array.from(seen.text.matchAll(/^\s*\S+\s+(\d+)/gm), ([, found]) => Number(found))
    process.stdout.write(`      ${pids.length} processes in ${Math.round(seen.millis)} ms\n`)
    return [
      ...pids.length === actors + 3 ? [] : [`${pids.length} processes are shown`],
      ...pids.filter((found) => !Fs.existsSync(`/proc/${found}`)).map((found) => `process ${found} does not exist`),
      ...wants(seen.text, "computes, and does not answer")
    ]
  })

const blocked = async () => [
  ...await inTree(["fifo", Path.join(folder, "pipe")], "ready", (pid) => {
    const seen = furrow("why", pid)
    return [...hasCode(seen, 3), ...wants(seen.text, /BLOCKED \(likely\) a /)]
  }),
  ...await inTree(["child"], "ready", (pid) => {
    const seen = furrow("why", pid)
    return [...hasCode(seen, 3), ...wants(seen.text, /BLOCKED \(likely\) a /, "sleep 600")]
  })
]

const cpuMillis = (): number => {
  const { system, user } = process.cpuUsage()
  return (user + system) / 1000
}

/** Returns the processor time that a parent needs for the start and the end of an actor. */
const start = (observe: "look" | "off") =>
  Effect.runPromise(Effect.provide(
    Effect.gen(function*() {
      const before = cpuMillis()
      yield* Effect.scoped(Actor.startScoped("one", { expose: [doze] }))
      return cpuMillis() - before
    }),
    NodeActor.layer({ observe })
  ))

const stack = () =>
  inTree(["busy"], "ready", (pid) => {
    const [, a = ""] = /^ *a +(\d+)/m.exec(furrow("tree", pid).text) ?? []
    const seen = furrow("stack", a)
    return [...hasCode(seen, 0), ...wants(seen.text, "it computes", /actors\.ts:\d+/)]
  })

const traces = () => {
  const test = ["vitest", "run", "--config", "vitest.workspace.ts", "packages/node/test/Telemetry.test.ts"]
  const { status, stdout } = ChildProcess.spawnSync("npx", test, { encoding: "utf8", cwd: pathOf("../../..") })
  return Promise.resolve(status === 0 ? [] : [stdout.slice(-2000)])
}

const counted = () =>
  inTree(["sleepers"], "ready", (pid) => {
    const seen = furrow("metrics", pid)
    return [
      ...hasCode(seen, 0),
      ...wants(seen.text, /^furrow_starts\{.*actor="root".*\} 2$/m, "# TYPE furrow_calls_open gauge")
    ]
  })

const startRounds = 40

const costs = async () => {
  const part: Array<number> = []
  const noise: Array<number> = []
  await start("look")
  for (let i = 0; i < startRounds; i++) {
    const taken = { look: 0, off: 0, other: 0 }
    const order = ["look", "off", "other"] as const
    for (const each of i % 2 === 0 ? order : order.toReversed()) {
      taken[each] = await start(each === "look" ? "look" : "off")
    }
    part.push(taken.look / taken.off)
    noise.push(taken.other / taken.off)
  }
  process.stdout.write(`      off to off, for comparison: ${Costs.median(noise).toFixed(3)}\n`)
  return atMost("a parent's processor time for a start, look to off:", Costs.median(part), 1.03)
}

/** The kinds of death that destroy everything an actor has in its memory. */
const deaths = [
  ["a full heap", fillHeap(), "heap"],
  ["process.abort()", abort(), "abort"],
  ["SIGKILL", doze(), "signal"],
  ["process.exit()", leave({ code: 3 }), "exit"]
] as const

const graves = Path.join(folder, "graves")

/** Lets an actor die in a call, and reads the cause from its error. */
const death = ([what, call, death]: (typeof deaths)[number]) =>
  Effect.runPromise(
    Effect.scoped(Effect.gen(function*() {
      const victim = yield* Actor.startScoped("victim", {
        expose: [fillHeap, abort, doze, leave],
        memoryLimit: 64,
        stderr: "ignore"
      })
      const running = yield* Effect.forkChild(Effect.flip(victim.run(call as ReturnType<typeof doze>)))
      if (death === "signal") {
        yield* Effect.promise(() => pause(1000))
        process.kill(victim.actor.pid, "SIGKILL")
      }
      const error = yield* Fiber.join(running)
      return error._tag !== "ActorLost" ? [`${what}: ${error._tag}`] : [
        ...error.hint?.death === death ? [] : [`${what}: the hint is ${error.hint?.death}`],
        ...wants(error.message, `It was serving ${call.endpoint.name} (root@${process.pid}, `)
      ]
    })).pipe(Effect.provide(NodeActor.layer({ graves })))
  )

const died = async () => {
  const problems: Array<string> = []
  for (const one of deaths) problems.push(...await death(one))
  const { text } = furrow("graves", "--folder", graves)
  problems.push(...wants(text, ...deaths.map(([, , death]) => new RegExp(` victim +\\d+ +${death} `))))
  return problems
}

/** The processor time of calls with one part of the runtime, to calls of the same process without. */
const costOf = async (what: string, part: Part) => {
  const { noise, part: ratios, switched } = await Costs.measure(part, Path.join(folder, "records"))
  const show = (compared: string, ratios: ReadonlyArray<number>) => {
    const [middle, upper] = [Costs.median(ratios), Costs.upperBound(ratios)].map((ratio) => ratio.toFixed(3))
    process.stdout.write(`      ${compared}: median ${middle}, upper bound at 90 % ${upper}\n`)
  }
  show(`without ${what} to without, for comparison`, noise)
  show(`without ${what} to a process that never has it, for comparison`, switched)
  show(`with ${what} to without`, ratios)
  return atMost(
    `processor time of ${Costs.pairs} pairs of blocks of calls, upper bound:`,
    Costs.upperBound(ratios),
    1.03
  )
}

const recorded = () => costOf("a record", "record")

const telemetry = async () => [
  ...await costOf("counts for metrics", "counts"),
  ...await costOf("a span that nobody reads", "span")
]

/** As many as one connection may have. The last one is for the question how long the loop stood still. */
const dialogs = 10_000
const lasting = dialogs - 1

/** The number of looks whose median counts. */
const looks = 9

/** Milliseconds after a look until its last turn has been sampled. */
const sampledMillis = 20

const crowded = () =>
  Effect.runPromise(
    Effect.scoped(Effect.gen(function*() {
      const actor = yield* Actor.startScoped("crowded", { expose: [doze, delay] })
      const open = Effect.forEach(Array.from({ length: lasting }), () => actor.run(doze()), {
        concurrency: "unbounded"
      })
      yield* Effect.forkScoped(open)
      const observer = yield* NodeInspect.observe(actor.actor.pid, { within: "20 seconds" })
      const count = Effect.map(
        observer.snapshot,
        ({ channels }) => channels.reduce((sum, channel) => sum + channel.dialogs.length, 0)
      )
      let seen = 0
      for (const until = performance.now() + patience; seen < lasting && performance.now() < until;) seen = yield* count
      const during = (work: Effect.Effect<unknown, unknown>) =>
        Effect.gen(function*() {
          yield* actor.run(delay())
          yield* work
          yield* Effect.sleep(sampledMillis)
          return yield* actor.run(delay())
        })
      // The first look at fibers reads the list of scripts, once in the life of the actor.
      yield* observer.fibers
      const taken = { snapshot: new Array<number>(), fibers: new Array<number>(), alone: new Array<number>() }
      for (let i = 0; i < looks; i++) {
        taken.snapshot.push(yield* during(observer.snapshot))
        taken.fibers.push(yield* during(observer.fibers))
        // A machine under load delays an actor that is left alone, too.
        taken.alone.push(yield* during(Effect.sleep("100 millis")))
      }
      process.stdout.write(
        `      milliseconds that the loop of the actor stood still, left alone: ${median(taken.alone).toFixed(2)}\n`
      )
      return [
        ...seen >= lasting ? [] : [`${seen} dialogs are shown`],
        ...atMost("the same during a snapshot:", median(taken.snapshot), 50),
        ...atMost("the same during a look at the fibers:", median(taken.fibers), 50)
      ]
    })).pipe(Effect.provide(NodeActor.layer({ graves: "off" })))
  )

const rows: ReadonlyArray<readonly [name: string, check: () => Promise<ReadonlyArray<string>>]> = [
  ["1  a deadlock over two processes is named, and fast", deadlock],
  ["2  a dialog whose ends both read is certain", readers],
  ["2  two actors that sleep in calls to each other: exit code 0", sleepers],
  [`3  a tree of ${actors + 2} actors with one in a loop is complete`, many],
  ["4  the stack of an actor in a loop is named", stack],
  ["5  an actor in a system call is named, with its child", blocked],
  ["6  being observable costs a start nothing", costs],
  ["7  an actor that is killed says what it served, and has a grave", died],
  ["7  the record of an actor costs a call nothing", recorded],
  ["15 one trace over root and actors, each span sent once", traces],
  ["15 metrics of all actors, for Prometheus", counted],
  ["15 telemetry costs a call nothing where nobody listens", telemetry],
  [`17 ${dialogs} open dialogs`, crowded]
]

const unbuilt = [
  "8 to 14  the debugger and the page",
  "16 is npm run attack -- --only observer"
]

const [only = ""] = process.argv.slice(2)
let failed = 0
for (const [name, check] of rows.filter(([name]) => name.startsWith(only))) {
  const problems = await check().catch((error: unknown) => [String(error)])
  failed += problems.length === 0 ? 0 : 1
  process.stdout.write(`${problems.length === 0 ? "ok    " : "FAILED"} ${name}\n`)
  for (const problem of problems) process.stdout.write(`       ${problem}\n`)
}
for (const name of unbuilt) process.stdout.write(`-      ${name}\n`)
Fs.rmSync(folder, { recursive: true, force: true })
process.exit(failed === 0 ? 0 : 1)
