/**
 * Plays rounds of chaos over a supervised tree, each with a new root process. Processes of a supervised tree get
 * signals while they call each other. After the last restarts the tree's log is judged, and the root ends or is killed.
 */
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { describe, type Found, isAlive, killMarked, marked, pause, signal, until, variable } from "../processes.ts"
import * as Book from "./book.ts"
import * as Judge from "./judge.ts"
import { type Plan, plan, type Strike } from "./plan.ts"

export interface Result {
  readonly plan: Plan
  readonly seconds: number
  readonly kills: number
  readonly stops: number
  readonly accounts: Judge.Accounts
  readonly verdict: Judge.Verdict
  /** Milliseconds from the end of the root until no process of the supervised tree was left. */
  readonly goneMillis: number
}

const root = fileURLToPath(new URL("./root.ts", import.meta.url))

/** Milliseconds for the start of a supervised tree and for its last restarts, on a busy host. */
const patienceMillis = 120_000
/** Milliseconds after the death of a root until no process of its tree may be left. */
const orphanMillis = 5_000

class Scene {
  readonly plan: Plan
  readonly mark = Crypto.randomUUID()
  readonly folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-supervised-"))
  readonly child: ChildProcess.ChildProcess
  readonly struck = { kills: 0, stops: 0 }
  private said = ""

  constructor(plan: Plan) {
    this.plan = plan
    Fs.writeFileSync(Book.accountsOf(this.folder), "")
    // The root gets SIGKILL when the process that runs this test dies (`--pdeathsig`), so that no root is left behind.
    const args = ["--pdeathsig", "KILL", "--", process.execPath, ...process.execArgv, root, JSON.stringify(plan)]
    this.child = ChildProcess.spawn("setpriv", args, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, [variable]: this.mark, [Book.variable]: this.folder }
    })
    this.child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.said = (this.said + text).slice(-4000)
    })
  }

  get accounts(): Judge.Accounts {
    return Judge.read(Fs.readFileSync(Book.accountsOf(this.folder), "utf8"))
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  /** Waits until the root has made the file with the name of the given sign, for example `ready`. */
  async given(sign: Book.Sign): Promise<string | undefined> {
    const seen = () => Book.isGiven(sign, this.folder)
    const inTime = await until(() => seen() || this.hasEnded, patienceMillis, 50)
    if (seen()) return undefined
    const ended = this.child.signalCode ?? this.child.exitCode
    return `the root ${inTime ? `ended with ${ended}` : `was not ${sign} in time`}: ${this.said}`
  }

  /** Returns all processes of a supervised tree except the root and the warden. */
  targets(): ReadonlyArray<Found> {
    return marked(this.mark)
      .filter(({ command, pid }) => pid !== this.child.pid && !/furrow-(warden|watch)/.test(command))
      .toSorted((a, b) => a.pid - b.pid)
  }

  async strike({ kind, millis, target }: Strike): Promise<void> {
    const there = this.targets()
    if (there.length === 0) return
    const { pid } = there[target % there.length]!
    if (kind === "SIGKILL") {
      this.struck.kills++
      return signal(pid, "SIGKILL")
    }
    this.struck.stops++
    signal(pid, "SIGSTOP")
    await pause(millis)
    signal(pid, "SIGCONT")
  }

  async end(): Promise<void> {
    await killMarked(this.mark)
    Fs.rmSync(this.folder, { recursive: true, force: true })
  }
}

/**
 * Sends the random signals of a round to processes of a supervised tree. A stopped process of a supervised tree is
 * continued at a later time, so that the next signal is not delayed.
 */
const strikes = async (scene: Scene): Promise<void> => {
  const under: Array<Promise<void>> = []
  for (const strike of scene.plan.strikes) {
    await pause(strike.after)
    under.push(scene.strike(strike))
  }
  await Promise.all(under)
}

/**
 * Plays a round over a supervised tree up to the end of its root, and returns the faults that were found until then.
 */
const played = async (scene: Scene): Promise<ReadonlyArray<string>> => {
  const unready = await scene.given("ready")
  if (unready !== undefined) return [unready]
  await strikes(scene)
  if (scene.plan.end === "is killed under load") {
    scene.child.kill("SIGKILL")
    return []
  }
  Book.give("stop", scene.folder)
  const unsettled = await scene.given("settled")
  if (unsettled !== undefined) return [unsettled]
  // A caller below the root may have one open call that it made before the end of the round of chaos.
  await until(() => Judge.judge(roundOf(scene, [])).hung === 0, patienceMillis / 2, 100)
  const { problems } = Judge.judge(roundOf(scene, []))
  if (scene.plan.end === "is killed at rest") scene.child.kill("SIGKILL")
  else Book.give("end", scene.folder)
  return problems
}

const roundOf = (scene: Scene, left: ReadonlyArray<string>): Judge.Round => ({
  accounts: scene.accounts,
  isAlive,
  left,
  actors: scene.plan.end === "is killed under load" ? undefined : scene.plan.actors
})

const play = async (scene: Scene): Promise<Result> => {
  const start = performance.now()
  const problems = await played(scene)
  const seconds = (performance.now() - start) / 1000
  const ended = performance.now()
  const isOrderly = scene.plan.end === "ends" && problems.length === 0
  await until(() => marked(scene.mark).length === 0, isOrderly ? patienceMillis : orphanMillis)
  const goneMillis = performance.now() - ended
  const left = problems.length === 0 ? marked(scene.mark).map(describe) : []
  if (isOrderly) await until(() => scene.hasEnded, orphanMillis)
  const { exitCode, signalCode } = scene.child
  const wrongEnd = isOrderly && exitCode !== 0 ? [`the root ended with ${signalCode ?? exitCode}`] : []
  const round = roundOf(scene, left)
  const verdict = Judge.judge(round)
  return {
    plan: scene.plan,
    seconds,
    ...scene.struck,
    accounts: round.accounts,
    goneMillis,
    verdict: { ...verdict, problems: Array.from(new Set([...problems, ...verdict.problems, ...wrongEnd])) }
  }
}

/** The largest number of seconds in which a round sends signals to a supervised tree. */
const roundSeconds = 30

/** Plays rounds over supervised trees until the time is up, and at least one round. */
export const run = (
  { actors, minutes, seed, told }: {
    readonly actors: number
    readonly minutes: number
    readonly seed: number
    readonly told: (result: Result) => Effect.Effect<void>
  }
): Effect.Effect<ReadonlyArray<Result>> =>
  Effect.gen(function*() {
    const end = performance.now() + minutes * 60_000
    const results: Array<Result> = []
    while (results.length === 0 || performance.now() < end && results.at(-1)!.verdict.problems.length === 0) {
      const seconds = Math.min(roundSeconds, Math.max(1, (end - performance.now()) / 1000))
      const result = yield* Effect.acquireUseRelease(
        Effect.sync(() => new Scene(plan(seed, results.length, actors, seconds))),
        (scene) => Effect.promise(() => play(scene)),
        (scene) => Effect.promise(() => scene.end())
      )
      results.push(result)
      yield* told(result)
    }
    return results
  })

const tagsOf = (failed: ReadonlyMap<string, number>): string =>
  failed.size === 0 ? "" : ` (${Array.from(failed, ([tag, count]) => `${count} ${tag}`).join(", ")})`

/** Formats the result of one round over a supervised tree as a line of text. */
export const line = ({ accounts, goneMillis, kills, plan, seconds, stops, verdict }: Result): string => {
  const { cancels, giveUps, restarts, roll } = accounts
  const rolled = roll === undefined ? "" : `${roll} of ${plan.actors} answer, `
  return `round ${plan.round}: ${plan.actors} actors, ${plan.strategy}, ${seconds.toFixed(1)} s: ${kills} kills, ` +
    `${stops} stops, ${cancels} cancels, ${restarts} restarts, ${giveUps} give-ups; ${rolled}` +
    `the root ${plan.end}, all gone after ${Math.round(goneMillis)} ms` +
    (verdict.problems.length === 0 ? "" : " FAILED")
}

/** Formats the results of all rounds over supervised trees as text. */
export const report = (results: ReadonlyArray<Result>): string => {
  const total = (of: (result: Result) => number) => results.reduce((sum, result) => sum + of(result), 0)
  const failed = new Map<string, number>()
  for (const { accounts } of results) {
    for (const [tag, count] of accounts.failed) failed.set(tag, (failed.get(tag) ?? 0) + count)
  }
  return [
    `tried ${total(({ accounts }) => accounts.tried)} = answered ${total(({ accounts }) => accounts.answered)} + ` +
    `failed typed ${Judge.sum(failed)}${tagsOf(failed)} + interrupted ${
      total(({ accounts }) => accounts.interrupted)
    } + died with their callers ${total(({ verdict }) => verdict.bereft)}`,
    `lost ${total(({ verdict }) => verdict.lost)}, hung ${total(({ verdict }) => verdict.hung)}, ran twice ${
      total(({ verdict }) => verdict.twice)
    }, had not begun and ran ${total(({ verdict }) => verdict.untrue)}, orphans ${
      total(({ verdict }) => verdict.problems.filter((problem) => problem.startsWith("left")).length)
    }`,
    `not begun and said so: ${total(({ accounts }) => accounts.unbegun.size)}; idempotent and ran twice: ${
      total(({ verdict }) => verdict.repeated)
    }; ${total(({ accounts }) => accounts.restarts)} restarts, ${total(({ accounts }) => accounts.giveUps)} give-ups, ${
      total(({ kills }) => kills)
    } kills, ${total(({ stops }) => stops)} stops, ${total(({ accounts }) => accounts.cancels)} cancels`
  ].join("\n")
}
