/**
 * The account that all processes of a tree keep in one file, a line for each thing that happens. Lines are written at once
 * and survive the process that wrote them.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import * as Path from "node:path"

/** The variable with the folder of the round, which all processes of its tree inherit. */
export const variable = "FURROW_ORPHANS_BOOK"

const folder = (): string => process.env[variable]!

export const accountsOf = (folder: string): string => Path.join(folder, "accounts")

/** The signs between the judge and the root: files that are there or not. */
export type Sign = "ready" | "stop" | "settled" | "end"

export const give = (sign: Sign, at: string = folder()): void => Fs.writeFileSync(Path.join(at, sign), "")
export const isGiven = (sign: Sign, at: string = folder()): boolean => Fs.existsSync(Path.join(at, sign))

export const write = (line: string): void => {
  try {
    Fs.appendFileSync(accountsOf(folder()), `${line}\n`)
  } catch (error) {
    // The round is over, and its folder is gone.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error
  }
}

/** A caller: its calls are numbered, and its process is known. */
export class Caller {
  private readonly id = Crypto.randomUUID().slice(0, 12)
  private count = 0

  constructor() {
    write(`caller ${this.id} ${process.pid}`)
  }

  /** Makes one call, and writes down that it was tried and how it ended. The callee is to answer with its number. */
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
  // Which way is closed, or what an actor has died of.
  const detail = error?.why ?? error?.type
  return typeof error?._tag === "string"
    ? `failed ${id} ${error._tag}${detail === undefined ? "" : `:${detail}`} ${error.began ?? "-"}`
    : `wrong ${id} failed without a type: ${Cause.pretty(exit.cause).replaceAll("\n", " ")}`
}
