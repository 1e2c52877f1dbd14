/**
 * The log file that all processes of a supervised tree write, with a line for each event. A line of the log file is
 * written at once, and stays after the death of the process that wrote it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import * as Path from "node:path"

/**
 * The environment variable with the path of the folder of a round, which all processes of the supervised tree inherit.
 */
export const variable = "FURROW_ORPHANS_BOOK"

const folder = (): string => process.env[variable]!

export const accountsOf = (folder: string): string => Path.join(folder, "accounts")

/** Signals between the judge of a round of chaos and the root, each given by the existence of a file. */
export type Sign = "ready" | "stop" | "settled" | "end"

export const give = (sign: Sign, at: string = folder()): void => Fs.writeFileSync(Path.join(at, sign), "")
export const isGiven = (sign: Sign, at: string = folder()): boolean => Fs.existsSync(Path.join(at, sign))

export const write = (line: string): void => {
  try {
    Fs.appendFileSync(accountsOf(folder()), `${line}\n`)
  } catch (error) {
    // The folder of a round of chaos is removed when the round is over, and later lines of its processes are dropped.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error
  }
}

/** A caller in a known process, whose calls are numbered. */
export class Caller {
  private readonly id = Crypto.randomUUID().slice(0, 12)
  private count = 0

  constructor() {
    write(`caller ${this.id} ${process.pid}`)
  }

  /**
   * Makes one call of a numbered caller, and logs that the call was made and how it ended. The called actor must answer
   * with the number of the call.
   */
  tried<E, R>(isIdempotent: boolean, call: (id: string) => Effect.Effect<string, E, R>): Effect.Effect<void, E, R> {
    return Effect.suspend(() => {
      const id = `${this.id}.${++this.count}${isIdempotent ? "+" : ""}`
      write(`tried ${id}`)
      return Effect.asVoid(Effect.onExit(call(id), (exit) => Effect.sync(() => write(endOf(id, exit)))))
    })
  }
}

const endOf = (id: string, exit: Exit.Exit<string, unknown>): string => {
  if (Exit.isSuccess(exit)) return exit.value === id ? `answered ${id}` : `wrong ${id} answered with ${exit.value}`
  if (Cause.hasInterruptsOnly(exit.cause)) return `interrupted ${id}`
  const [reason, ...others] = exit.cause.reasons
  const error = reason?._tag === "Fail" && others.length === 0
    ? reason.error as { readonly [field in "_tag" | "began" | "why" | "type"]?: unknown } | undefined
    : undefined
  // The detail of an error: why a portal was closed, or why an actor has died.
  const detail = error?.why ?? error?.type
  return typeof error?._tag === "string"
    ? `failed ${id} ${error._tag}${detail === undefined ? "" : `:${detail}`} ${error.began ?? "-"}`
    : `wrong ${id} failed without a type: ${Cause.pretty(exit.cause).replaceAll("\n", " ")}`
}
