/**
 * Finds the cause of an actor's death in the actor's record, the last state of its process, and the kernel's count of
 * kills for memory. On systems without `/proc` the record of a dead actor is the only evidence of the cause of its
 * death.
 */
import type { Evidence, PostMortem } from "@furrow/actor/Spawner"
import * as Fs from "node:fs"
import * as Graves from "./graves.ts"
import { MemoryKills } from "./memoryKills.ts"
import { childrenOf, commandOf, statFields, textOf } from "./proc.ts"
import { type Record, recordPath } from "./recordFile.ts"

/**
 * Returns whether a process computes, sleeps or is stopped, according to `/proc`. For a sleeping process, the result
 * also contains the command of its first child process that is not an actor.
 */
export const stateOf = (pid: number): Evidence["state"] => {
  switch (statFields(pid)?.[0]) {
    case "R":
      return { is: "busy" }
    case "T":
    case "t":
      return { is: "stopped" }
    case "S":
    case "D": {
      const at = textOf(`/proc/${pid}/wchan`).trim()
      const command = childrenOf(pid).map(commandOf).find((line) => line !== "" && !line.startsWith("furrow"))
      return { is: "asleep", at: at === "0" ? "" : at, ...(command === undefined ? {} : { command }) }
    }
    default:
      return undefined
  }
}

/** Milliseconds after the death of an actor within which the actors below it end as well. */
const belowMillis = 1000

export class Autopsy {
  /** The folder of an actor's record and of post-mortems, or undefined where the tree keeps no records. */
  folder: string | undefined
  private readonly kills: MemoryKills
  private timer: NodeJS.Timeout | undefined

  constructor(folder: string | undefined, kills = new MemoryKills()) {
    this.folder = folder
    this.kills = kills
  }

  /** Begins to collect evidence about an actor's process that has just been started. */
  watch(pid: number): Case {
    return new Case(this, pid, this.kills)
  }

  /** Waits a second, and then writes the post-mortems of the actors that died together with the actor above them. */
  settleLater(): void {
    const { folder } = this
    if (folder === undefined) return
    this.timer ??= setTimeout(() => {
      this.timer = undefined
      Graves.settle(folder)
      Graves.removeEmpty(folder)
    }, belowMillis).unref()
  }

  /** Writes the last post-mortems and removes the empty folder of records, when the runtime of this process ends. */
  close(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    if (this.folder === undefined) return
    Graves.settle(this.folder)
    Graves.removeEmpty(this.folder)
  }
}

/** The evidence about one actor's process, from its start to the post-mortem of its death. */
export class Case {
  private readonly autopsy: Autopsy
  private readonly pid: number
  private readonly kills: MemoryKills
  private readonly mark: number
  private state: Evidence["state"]
  private record: Record | undefined

  constructor(autopsy: Autopsy, pid: number, kills: MemoryKills) {
    this.autopsy = autopsy
    this.pid = pid
    this.kills = kills
    this.mark = kills.mark()
  }

  /** Keeps the state of an actor's process at the moment before its owner sends the first signal. */
  beforeSignal(): void {
    this.state ??= stateOf(this.pid)
  }

  /**
   * Collects the evidence about an actor's process that has ended. The function `ended` reads and removes the record of
   * the dead actor.
   */
  ended(uuid: string, signal: string | null): Evidence {
    const { folder } = this.autopsy
    const record = folder === undefined ? undefined : this.take(folder, uuid)
    const now = Date.now()
    return {
      calls: record?.calls.map(({ caller, dialog, endpoint, since }) => ({
        endpoint,
        caller,
        dialog,
        millis: Math.max(0, Math.round(now - since)),
        recorded: true
      })),
      heap: record?.heap,
      last: record?.last,
      memoryKill: signal === "SIGKILL" && this.kills.mark() > this.mark,
      state: this.state
    }
  }

  private take(folder: string, uuid: string): Record | undefined {
    const path = recordPath(folder, this.pid)
    const record = Graves.readRecord(path)
    if (record === undefined) return undefined
    try {
      Fs.unlinkSync(path)
    } catch {
      // The record of the dead actor is missing where another process has already made a post-mortem of it.
    }
    Graves.removeEmpty(folder)
    return this.record = record.uuid === uuid ? record : undefined
  }

  /** Writes the post-mortem of an actor's death. */
  bury(story: PostMortem): void {
    const { folder } = this.autopsy
    if (folder === undefined) return
    Graves.bury(folder, story, this.record, this.state)
    this.autopsy.settleLater()
  }
}
