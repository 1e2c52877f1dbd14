/**
 * Plays one test case of orphans: starts a tree, waits for each actor's state, makes one process die, and measures
 * until all processes are gone.
 */
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { boundOf, type Cell, hasStarter, isAbrupt, unplayable } from "./matrix.ts"
import * as Privileged from "./privileged.ts"
import {
  describe,
  type Found,
  isAlive,
  killMarked,
  marked,
  parentOf,
  pause,
  signal,
  stateOf,
  until,
  userOf,
  variable
} from "./processes.ts"
import { awaitedSleep, detachedSleep } from "./tree/actors.ts"
import { smallHeap } from "./tree/dying.ts"
import { giveGo, type Report, reports } from "./tree/report.ts"

export interface Verdict {
  readonly cell: Cell
  /** Milliseconds until all processes of a test case's tree were gone; `undefined` if a process stayed. */
  readonly millis: number | undefined
  /** The faults of a test case; a test case without faults has passed. */
  readonly problems: ReadonlyArray<string>
  /** The reason why this host cannot play a test case. */
  readonly skipped: string | undefined
  /** The number of subprocesses that left the process group of their actor and outlived the tree. */
  readonly detached: number
}

const root = fileURLToPath(new URL("./tree/root.ts", import.meta.url))

/** Milliseconds in which the tree of a test case, which has six processes, starts on a busy host. */
const startBound = 60_000
/**
 * Milliseconds after the bound of a test case, after which a process of its tree that still lives counts as left for
 * good.
 */
const slack = 4_000

type Tagged<Tag extends Report["_tag"]> = Extract<Report, { readonly _tag: Tag }>

class Scene {
  readonly cell: Cell
  readonly mark = Crypto.randomUUID()
  readonly folder: string
  readonly child: ChildProcess.ChildProcess
  private stderr = ""
  exit: { readonly code: number | null; readonly signal: string | null; readonly at: number } | undefined

  constructor(cell: Cell) {
    this.cell = cell
    // A root that changes its user needs a folder that every user may enter, because the folder of temporary files may
    // be private.
    const temporary = cell.rights === "usual" ? Os.tmpdir() : Privileged.everybodys ?? Os.tmpdir()
    this.folder = Fs.mkdtempSync(Path.join(temporary, "furrow-orphans-"))
    const flags = cell.who === "root" && cell.how === "oom" ? [`--max-old-space-size=${smallHeap}`] : []
    const argv = [
      ...process.execArgv,
      ...flags,
      root,
      JSON.stringify(cell),
      this.folder
    ]
    // The root of a test case is started so that it dies with the process that runs the test case, even after a
    // SIGKILL.
    const [file, ...args] = cell.rights === "capable"
      ? [...Privileged.asNobody, "--pdeathsig", "KILL", "--", Privileged.shared().file]
      : ["setpriv", "--pdeathsig", "KILL", "--", process.execPath]
    if (cell.rights === "capable") Fs.chownSync(this.folder, Privileged.nobody, Privileged.nobody)
    this.child = ChildProcess.spawn(file!, [...args, ...argv], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, TMPDIR: temporary, [variable]: this.mark }
    })
    this.child.stdout!.resume()
    this.child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text
    })
    this.child.once("exit", (code, name) => {
      this.exit = { code, signal: name, at: performance.now() }
    })
  }

  all<Tag extends Report["_tag"]>(tag: Tag): ReadonlyArray<Tagged<Tag>> {
    return reports(this.folder).filter((report): report is Tagged<Tag> => report._tag === tag)
  }

  get said(): string {
    return this.stderr.trim().split("\n").slice(-12).join("\n")
  }

  async end(): Promise<void> {
    await killMarked(this.mark)
    Fs.rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Returns the actors of a test case except the root and the sibling, the highest actor first. */
const chain = (scene: Scene) => scene.all("Up").filter(({ name }) => name !== "root")

/** Returns the pid of the root's spare, which is starting or waiting. */
const spareOf = (scene: Scene, what: "starts" | "waits"): number | undefined =>
  marked(scene.mark).find(({ command }) =>
    what === "waits" ? command.startsWith("furrow-spare[") : / spare spare [a-z]/.test(command)
  )?.pid

/** Returns the pid of the root's starter, once the starter answers. */
const starterOf = (scene: Scene): number | undefined =>
  marked(scene.mark).find(({ command }) => command.startsWith("furrow-starter["))?.pid

/**
 * Checks that the starter has started the actor directly below the root, and stops the starter if the test case
 * requires a stopped starter.
 */
const prepareStarter = async (scene: Scene): Promise<string | undefined> => {
  const starter = starterOf(scene)
  if (starter === undefined) return "there is no starter"
  if (parentOf(chain(scene)[0]!.pid) !== starter) return "the first actor was not started by the starter"
  return scene.cell.state !== "starter stopped" && scene.cell.state !== "starter asked" || await stop([starter])
    ? undefined
    : "the starter was not stopped in time"
}

const stop = async (pids: ReadonlyArray<number>): Promise<boolean> => {
  for (const pid of pids) signal(pid, "SIGSTOP")
  return until(() => pids.every((pid) => stateOf(pid) === "T"), startBound)
}

/**
 * Waits until the root has a spare, and stops the process of the spare if the test case requires a spare that is still
 * starting.
 */
const prepareSpare = async (scene: Scene): Promise<string | undefined> => {
  const what = scene.cell.state === "spare starts" ? "starts" : "waits"
  if (!await until(() => spareOf(scene, what) !== undefined, startBound, 1)) return `no spare ${what}`
  if (what === "waits") return undefined
  const spare = spareOf(scene, what)
  return spare !== undefined && await stop([spare]) && spareOf(scene, what) === spare
    ? undefined
    : "the spare was not stopped in time"
}

const prepare = async (scene: Scene): Promise<string | undefined> => {
  const { depth, state, where, who } = scene.cell
  const problem = state.startsWith("spare") ? await prepareSpare(scene) : undefined
  if (problem !== undefined) return problem
  const actors = depth + (who === "inner" ? 1 : 0)
  if (!await until(() => chain(scene).length === actors || scene.exit !== undefined, startBound)) {
    return "not up in time"
  }
  if (scene.exit !== undefined) return "the root ended while the tree was starting"
  const unserved = hasStarter(scene.cell) ? await prepareStarter(scene) : undefined
  if (unserved !== undefined) return unserved
  giveGo(scene.folder)
  const { pid } = scene.child
  if (scene.cell.rights === "changed" && !await until(() => userOf(pid!) === Privileged.nobody, startBound)) {
    return "not another user in time"
  }
  const inState = state === "spare taken" || state === "starter asked" ? depth + 1 : where === "all" ? depth : 1
  if (!await until(() => scene.all("In").length === inState, startBound)) return "not in its state in time"
  if (state === "blocked" && where === "all") {
    const awaited = () => marked(scene.mark).filter(({ command }) => command.includes(`sleep ${awaitedSleep}`)).length
    if (!await until(() => awaited() === Math.ceil(depth / 2), startBound)) return "not blocked in time"
  }
  if (state !== "stopped") return undefined
  const stopped = scene.all("In").map(({ pid }) => pid)
  return await stop(stopped) ? undefined : "not stopped in time"
}

/** Makes the process that a test case names die, and returns the time from which the case's bound counts. */
const kill = async (scene: Scene): Promise<number> => {
  const { how, who } = scene.cell
  const pid = who === "root"
    ? scene.child.pid!
    : who === "starter"
    ? starterOf(scene)!
    : chain(scene).find(({ name }) => name === "victim")!.pid
  const start = performance.now()
  if (how === "pipe") scene.child.stdout!.destroy()
  else signal(pid, how.startsWith("SIG") ? how as NodeJS.Signals : "SIGUSR2")
  if (!isAbrupt(scene.cell) || how === "SIGKILL") return start
  // A process takes a while to run out of memory, so the bound of a test case counts from the process's death.
  await until(() => !isAlive(pid), startBound, 1)
  return performance.now()
}

/** Returns the processes in the tree of a test case that must be gone, but still exist. */
const left = (scene: Scene): { readonly tree: ReadonlyArray<Found>; readonly detached: number } => {
  const staying = scene.cell.who !== "root"
    ? (found: Found) =>
      found.pid === scene.child.pid || /furrow-warden|furrow-watch|^furrow\[sibling@/.test(found.command)
    : () => false
  const found = marked(scene.mark).filter((found) => !staying(found))
  const tree = found.filter(({ command }) => !command.includes(`sleep ${detachedSleep}`))
  return { tree, detached: found.length - tree.length }
}

const exitCodes: { readonly [How in Cell["how"]]: number | string } = {
  SIGKILL: "SIGKILL",
  oom: "SIGABRT",
  exit: 0,
  SIGTERM: 143,
  SIGINT: 130,
  SIGHUP: 129,
  pipe: 141,
  throw: 70
}

const checkRoot = async (scene: Scene): Promise<ReadonlyArray<string>> => {
  await until(() => scene.exit !== undefined, 1_000)
  const ended = scene.exit?.signal ?? scene.exit?.code
  const expected = exitCodes[scene.cell.how]
  return ended === expected ? [] : [`the root ended with ${ended}, not ${expected}`]
}

/**
 * Returns the errors and exits that the caller and the owner of the dead actor in a test case must get. An actor that
 * could still send a word when it died has itself told its parent why it ended.
 */
const heardOf = ({ how }: Cell): { readonly call: string; readonly end: string } => {
  const code = exitCodes[how]
  const died = how === "oom" ? "OutOfMemory" : typeof code === "string" ? code : `exit ${code}`
  const lost = `ActorLost: ${died}`
  if (isAbrupt({ how })) return { call: lost, end: lost }
  const failed = "RemoteActorError: RangeError"
  if (how === "throw") return { call: failed, end: failed }
  return { call: `ContextCancelled by victim: ${how}`, end: `Cancelled by victim: ${how}` }
}

const checkInner = async (scene: Scene): Promise<ReadonlyArray<string>> => {
  await until(() => scene.all("Sibling").length > 0 || scene.exit !== undefined, 2_000)
  if (scene.exit !== undefined) return [`the root did not go on: it ended with ${scene.exit.signal ?? scene.exit.code}`]
  const [heard] = scene.all("Heard")
  const [sibling] = scene.all("Sibling")
  const expected = heardOf(scene.cell)
  return [
    ...heard?.call === expected.call ? [] : [`the open call ended with "${heard?.call}", not "${expected.call}"`],
    ...heard?.end === expected.end ? [] : [`its owner heard "${heard?.end}", not "${expected.end}"`],
    ...sibling?.answers === true ? [] : ["the other actor of the root does not answer"]
  ]
}

const measure = async (scene: Scene): Promise<Omit<Verdict, "cell" | "skipped">> => {
  const bound = boundOf(scene.cell)
  const start = await kill(scene)
  const patience = start + bound + slack
  let millis: number | undefined
  for (;;) {
    const now = performance.now()
    const { tree } = left(scene)
    if (tree.length === 0) {
      millis = now - start
      break
    }
    if (now > patience) break
    await pause(5)
  }
  const { detached, tree } = left(scene)
  const late = millis === undefined
    ? [`left: ${tree.map(describe).join("; ")}`]
    : millis > bound
    ? [`gone after ${Math.round(millis)} ms, the bound is ${bound}`]
    : []
  const checks = scene.cell.who === "root" ? await checkRoot(scene) : await checkInner(scene)
  return { millis, problems: [...late, ...checks], detached }
}

const judge = async (scene: Scene): Promise<Verdict> => {
  const { cell } = scene
  const unprepared = await prepare(scene)
  const measured = unprepared === undefined
    ? await measure(scene)
    : { millis: undefined, problems: [unprepared], detached: 0 }
  const said = measured.problems.length > 0 && scene.said !== "" ? [`it said: ${scene.said}`] : []
  return { cell, skipped: undefined, ...measured, problems: [...measured.problems, ...said] }
}

/** An interruption of a test case also ends the case's tree, so that no process stays behind. */
export const play = (cell: Cell): Effect.Effect<Verdict> =>
  Effect.suspend(() => {
    const skipped = unplayable(cell)
    if (skipped !== undefined) return Effect.succeed({ cell, millis: undefined, problems: [], skipped, detached: 0 })
    return Effect.acquireUseRelease(
      Effect.sync(() => new Scene(cell)),
      (scene) => Effect.promise(() => judge(scene)),
      (scene) => Effect.promise(() => scene.end())
    )
  })
