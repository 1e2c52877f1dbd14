/**
 * The post-mortems of dead actors, with one small file for each actor, in a folder that only its user can open. The
 * owner of a dead actor writes the post-mortem of the actor's death. An actor that died together with its owner leaves
 * only its record. The next reader of the folder of post-mortems writes the missing post-mortem from the dead actor's
 * record.
 *
 * Only the newest post-mortems of dead actors are kept, within limits of number and of bytes.
 */
import { type ActorId, formatLost, type Lost } from "@furrow/actor/ActorError"
import type { Evidence, PostMortem } from "@furrow/actor/Spawner"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { startOf } from "./processStat.ts"
import { read, type Record, type Step } from "./recordFile.ts"
import * as RuntimeFolder from "./runtimeFolder.ts"

/** The largest number of post-mortems of dead actors that are kept. */
export const maxGraves = 100
export const maxGraveBytes = 1024 * 1024

/**
 * The post-mortem of one actor's death, as its file holds it.
 *
 * @category models
 * @since 0.2.0
 */
export interface Grave {
  readonly id: string
  /** The time of the actor's death by the wall clock, in milliseconds since 1970. */
  readonly at: number
  readonly actor: ActorId
  /** The actors above the dead actor as `name@pid`, the root first. */
  readonly above: ReadonlyArray<string>
  /** The end of the dead actor's process in words. */
  readonly how: string
  /** The kind of the actor's death, as in `ActorError.Death`, or null when the evidence shows no kind. */
  readonly death: string | null
  readonly hint: string | null
  /** The calls that the actor served when it died. */
  readonly doing: PostMortem["doing"]
  /** The size of the dead actor's heap at its last measurement, in bytes, or null when it was not measured. */
  readonly heap: { readonly used: number; readonly limit: number } | null
  /** The state of the dead actor's process before its owner sent a signal, or null when the owner sent no signal. */
  readonly state: NonNullable<Evidence["state"]> | null
  /** The number of calls that the actor had begun in its life. */
  readonly begun: number
  /** The last steps of the dead actor, the oldest step first. */
  readonly steps: ReadonlyArray<Step>
}

/** Returns the folder in which this user's trees keep their post-mortems by default. */
export const usualGraves = (): string => Path.join(RuntimeFolder.defaultRuntimeFolder(), "graves")

const suffix = ".json"

const entries = (folder: string): ReadonlyArray<string> => {
  try {
    return Fs.readdirSync(folder)
  } catch {
    return []
  }
}

const remove = (path: string): void => {
  try {
    Fs.unlinkSync(path)
  } catch {
    // The removal of a post-mortem's file has no effect where another process has already removed the file.
  }
}

/**
 * The name of a post-mortem's file. The name of a post-mortem's file begins with the time of the death, so that sorting
 * by name is sorting by time.
 */
const idOf = (at: number, pid: number): string => `${Math.round(at).toString(36).padStart(9, "0")}-${pid}`

const stories = (folder: string): ReadonlyArray<string> =>
  entries(folder).filter((name) => name.endsWith(suffix)).sort()

/** Removes the oldest post-mortems of dead actors until the limits of number and bytes hold. */
const prune = (folder: string): void => {
  let bytes = 0
  let kept = 0
  for (const name of stories(folder).toReversed()) {
    const path = Path.join(folder, name)
    try {
      bytes += Fs.lstatSync(path).size
    } catch {
      continue
    }
    if (++kept > maxGraves || bytes > maxGraveBytes) remove(path)
  }
}

const write = (folder: string, grave: Grave): void => {
  try {
    RuntimeFolder.prepare(folder)
    const path = Path.join(folder, `${grave.id}${suffix}`)
    const draft = `${path}.${process.pid}`
    Fs.writeFileSync(draft, JSON.stringify(grave), { mode: 0o600, flag: "wx" })
    Fs.renameSync(draft, path)
    prune(folder)
  } catch {
    // A post-mortem cannot be written on a full disk, or into a folder that belongs to another user. The failure to
    // write a post-mortem is ignored, and the owner still learns of the actor's death.
  }
}

/** Writes the post-mortem of an actor whose death the actor's owner has seen. */
export const bury = (
  folder: string,
  { above, actor, death, doing, hint, how }: PostMortem,
  record: Record | undefined,
  state: Evidence["state"]
): void => {
  const at = Date.now()
  write(folder, {
    id: idOf(at, actor.pid),
    at,
    actor,
    above,
    how: formatLost(how),
    death: death ?? null,
    hint: hint ?? null,
    doing,
    heap: record?.heap ?? null,
    state: state ?? null,
    begun: record?.begun ?? 0,
    steps: record?.steps ?? []
  })
}

const recordName = /^([1-9]\d{0,9})\.record$/

/**
 * True for the record of an actor whose process has ended, even when another process has the ended process's pid by
 * now.
 */
const isOver = ({ pid, started }: Record): boolean =>
  RuntimeFolder.isDead(pid) || started !== "-" && startOf(pid) !== started

export const readRecord = (path: string): Record | undefined => {
  try {
    return read(Fs.readFileSync(path))
  } catch {
    return undefined
  }
}

/**
 * The exit of an actor that died together with its parent. No process has seen the end of an actor that died together
 * with its parent; the kernel or the guard killed the actor.
 */
const endedWith: Lost = { _tag: "Signalled", signal: "SIGKILL" }

/**
 * Writes post-mortems from the records of actors whose parents are dead as well, because a dead parent reads no record.
 */
export const settle = (folder: string): void => {
  for (const name of entries(folder)) {
    if (!recordName.test(name)) continue
    const path = Path.join(folder, name)
    const record = readRecord(path)
    if (record === undefined) {
      remove(path)
      continue
    }
    // The record of a dead actor with a living owner is skipped, because the owner reads the record itself.
    if (!isOver(record) || !RuntimeFolder.isDead(record.parent)) continue
    remove(path)
    const parent = record.above.at(-1) ?? "(unknown)"
    write(folder, {
      id: idOf(record.writtenAt, record.pid),
      at: record.writtenAt,
      actor: { name: record.name, uuid: record.uuid, pid: record.pid },
      above: record.above,
      how: formatLost(endedWith),
      death: "parent",
      hint: `Its parent ${parent} was lost, and no actor outlives its parent: look at the end of its parent`,
      doing: record.calls.map(({ caller, endpoint, since }) => ({
        endpoint,
        caller,
        millis: Math.max(0, Math.round(record.writtenAt - since)),
        recorded: true
      })),
      heap: record.heap ?? null,
      state: null,
      begun: record.begun,
      steps: record.steps
    })
  }
}

const parsed = (path: string): Grave | undefined => {
  try {
    const grave = JSON.parse(Fs.readFileSync(path, "utf8")) as Grave
    return typeof grave.id === "string" && typeof grave.actor?.name === "string" && Array.isArray(grave.steps)
      ? grave
      : undefined
  } catch {
    return undefined
  }
}

/** Lists the post-mortems of dead actors in a folder, the newest first. */
export const list = (folder: string): ReadonlyArray<Grave> => {
  settle(folder)
  return stories(folder).toReversed().flatMap((name) => parsed(Path.join(folder, name)) ?? [])
}

/** Removes every post-mortem in a folder, and then the folder when it is empty. */
export const clear = (folder: string): void => {
  settle(folder)
  for (const name of stories(folder)) remove(Path.join(folder, name))
  removeEmpty(folder)
}

/** Removes the folder of post-mortems and the runtime folder above it, as far as these folders are empty. */
export const removeEmpty = (folder: string): void => {
  try {
    Fs.rmdirSync(folder)
  } catch {
    return
  }
  RuntimeFolder.removeIfLast(folder)
}
