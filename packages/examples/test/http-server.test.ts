/**
 * Runs the server of docs/http-server.md as its own process and uses it over HTTP, with jobs that fail in different
 * ways.
 */
import { afterAll, assert, beforeAll, beforeEach, describe, it } from "@effect/vitest"
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Leaks from "@furrow/testing/Leaks"
import * as Processes from "@furrow/testing/Processes"
import * as Program from "@furrow/testing/Program"
import { Duration, Effect, Fiber } from "effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { secret } from "./fixtures/hashing.ts"
import * as Pages from "./pages.ts"

/** The folder is inside this package, so that the server and its actors find the packages they import. */
const folder = Path.join(import.meta.dirname, "..", `.http-${process.pid}`)
const evidence = (name: string) => Folder.lines(Path.join(folder, name)).map(Number)
const temporary = Path.join(folder, "tmp")
const patience = { within: "30 seconds" } as const

/** The number of workers in the pool of the page. */
const workers = 2
const queue = 16

beforeAll(() => {
  Fs.mkdirSync(temporary, { recursive: true })
  const { files } = Pages.all().find(({ path }) => path === "docs/http-server.md")!
  for (const { name, text } of files) Fs.writeFileSync(Path.join(folder, name), text)
  Fs.copyFileSync(Path.join(import.meta.dirname, "fixtures", "hashing.ts"), Path.join(folder, "hashing.ts"))
})

beforeEach(() => {
  const files = Fs.readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile())
  for (const { name } of files) if (!name.endsWith(".ts")) Fs.rmSync(Path.join(folder, name))
})

afterAll(() => Fs.rmSync(folder, { recursive: true, force: true }))

interface Answer {
  readonly status: number
  readonly text: string
  readonly retryAfter: string | null
}

interface Client {
  readonly program: Program.Program
  /** Posts a body; an interruption closes the connection. */
  readonly post: (body: unknown) => Effect.Effect<Answer, Error>
  /** Requests a job. */
  readonly job: (text: string) => Effect.Effect<Answer, Error>
}

/** Runs the server while some clients run, and ends it by SIGTERM. Checks that it leaves no process. */
const withServer = <A, E>(clients: (client: Client) => Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const program = yield* Program.start(Path.join(folder, "server-main.ts"), { env: { PORT: "0", TMPDIR: temporary } })
    const [, port] = yield* program.says(/Listening on \S+:(\d+)/, patience)
    const post = (body: unknown) =>
      Effect.tryPromise({
        try: async (signal) => {
          const headers = { "content-type": "application/json" }
          const url = `http://localhost:${port}/hash`
          const response = await fetch(url, { method: "POST", body: JSON.stringify(body), headers, signal })
          return {
            status: response.status,
            text: await response.text(),
            retryAfter: response.headers.get("retry-after")
          }
        },
        catch: (error) => error as Error
      })
    yield* clients({ program, post, job: (text) => post({ text, rounds: 1 }) })
    const started = program.left()
    yield* program.signal("SIGTERM")
    yield* program.ended(patience)
    yield* Processes.gone([...started, ...program.left()].map(({ pid }) => pid))
    // A killed worker leaves its post-mortem in the folder.
    assert.deepStrictEqual(Array.from(Leaks.files({ folder: temporary, prefix: "" })), [])
    return program
  }).pipe(Effect.scoped)

const statuses = (answers: ReadonlyArray<Answer>) => answers.map(({ status }) => status).toSorted()
const count = <A>(n: number, value: A): ReadonlyArray<A> => Array.from({ length: n }, () => value)
const unbounded = { concurrency: "unbounded" } as const

describe("The HTTP server of docs/http-server.md answers requests by a pool", { timeout: 120_000 }, () => {
  it.live("the HTTP server of docs/http-server.md answers with the result of a worker, and refuses an invalid body", () =>
    withServer(({ job, post }) =>
      Effect.gen(function*() {
        assert.deepInclude(yield* job("hay"), { status: 200, text: "HAY" })
        assert.deepInclude(yield* post({ text: 1 }), { status: 400, text: "no such job" })
        assert.deepInclude(yield* post({ text: "x".repeat(65_536), rounds: 1 }), { status: 400, text: "no such job" })
        const texts = Array.from({ length: workers + queue }, (_, n) => `hay ${n}`)
        const answers = yield* Effect.forEach(texts, job, unbounded)
        assert.deepStrictEqual(answers.map(({ text }) => text), texts.map((text) => text.toUpperCase()))
      })
    ))

  it.live("the HTTP server of docs/http-server.md answers 429 at once when its queue is full, and 504 to a request that waits too long", () =>
    withServer(({ job }) =>
      Effect.gen(function*() {
        const answers = yield* Effect.forEach(
          count(workers + queue + 5, "hold"),
          (text) => Effect.timed(job(text)),
          unbounded
        )
        const held = answers.filter(([, { status }]) => status === 504)
        const refused = answers.filter(([, { status }]) => status === 429)
        assert.deepStrictEqual([held.length, refused.length], [workers + queue, 5])
        for (const [took, { retryAfter, text }] of refused) {
          assert.deepStrictEqual([text, retryAfter], ["too many requests", "1"])
          assert.isBelow(Duration.toMillis(took), 1500)
        }
        // Tasks that exceed their time end, and their workers go on.
        const pids = evidence("hold").slice(0, workers)
        assert.strictEqual((yield* job("hay")).status, 200)
        assert.include(pids, evidence("hay")[0]!)
        yield* Eventually.succeeds(
          Effect.sync(() => assert.sameMembers(evidence("let-go"), evidence("hold"))),
          { what: "all have let go" }
        )
      })
    ))

  it.live("the HTTP server of docs/http-server.md answers 504 to an endless task, kills its worker, and answers the next request", () =>
    withServer(({ job }) =>
      Effect.gen(function*() {
        assert.deepInclude(yield* job("spin"), { status: 504, text: "it took too long" })
        const [pid] = evidence("spin")
        assert.strictEqual((yield* job("hay")).status, 200)
        yield* Processes.gone([pid!])
        const texts = yield* Effect.forEach(count(4, "oats"), job, unbounded)
        assert.deepStrictEqual(statuses(texts), count(4, 200))
        assert.notInclude(evidence("oats"), pid)
      })
    ))

  it.live("the HTTP server of docs/http-server.md interrupts the task of a client that disconnects; the finalizer runs in the worker, which goes on", () =>
    withServer(({ job }) =>
      Effect.gen(function*() {
        const client = yield* Effect.forkChild(Effect.exit(job("hold")))
        yield* Eventually.holds("the task has begun", () => evidence("hold").length === 1, patience)
        const gone = performance.now()
        client.interruptUnsafe()
        yield* Eventually.holds("the finalizer has run", () => evidence("let-go").length === 1)
        // The task ended before its deadline would have ended it.
        assert.isBelow(performance.now() - gone, 1500)
        assert.deepStrictEqual(evidence("let-go"), evidence("hold"))
        // There are as many clients as workers, so one of them uses this worker.
        const clients = yield* Effect.replicateEffect(Effect.forkChild(job("hold")), workers)
        yield* Eventually.holds("the next tasks have begun", () => evidence("hold").length === 1 + workers, patience)
        const [first, ...next] = evidence("hold")
        assert.include(next, first)
        yield* Fiber.interruptAll(clients)
      })
    ))

  it.live("the HTTP server of docs/http-server.md answers a defect or a second crash of a task with a fixed text, and logs the reasons", () =>
    Effect.gen(function*() {
      const program = yield* withServer(({ job }) =>
        Effect.gen(function*() {
          const failed = { status: 500, text: "it did not work" }
          assert.deepInclude(yield* job("bug"), failed)
          // The other worker still lives, so the request does not wait for a successor, which waits longer after each
          // crash in a row.
          assert.deepInclude(yield* job("crash-once"), { status: 200, text: "again" })
          assert.deepInclude(yield* job("crash"), failed)
        })
      )
      const log = program.stdout() + program.stderr()
      assert.include(log, secret)
      assert.include(log, "SIGABRT")
    }))

  it.live("the HTTP server of docs/http-server.md answers its open requests before it ends", () =>
    Effect.gen(function*() {
      let last: Answer | undefined
      yield* withServer(({ job, program }) =>
        Effect.gen(function*() {
          const client = yield* Effect.forkChild(job("hold"))
          yield* Eventually.holds("the task has begun", () => evidence("hold").length === 1, patience)
          yield* program.signal("SIGTERM")
          last = yield* Fiber.join(client)
        })
      )
      assert.deepInclude(last, { status: 504 })
    }))
})
