/**
 * The cells of the matrix: who dies, how, what the actors below are doing, how deep they are, and under which guard.
 *
 *   who     root, or an actor between the root and the actors that must go
 *   how     abrupt (nothing of it runs any more) or graceful (its finalizers run, the shutdown ladder is climbed)
 *   state   what the actors below the one that dies are doing; blocked is in synchronous IO or in Atomics.wait
 *   where   all of them, or only the last one: then those between must still bring its end about
 *   depth   levels of actors below the one that dies
 */
import type { GuardMode } from "@furrow/node/NodeSpawner"

export const whos = ["root", "inner"] as const
export const hows = ["SIGKILL", "oom", "exit", "SIGTERM", "SIGINT", "SIGHUP", "pipe", "throw"] as const
export const states = ["idle", "spinning", "blocked", "stopped", "subprocesses"] as const
export const wheres = ["all", "leaf"] as const
export const depths = [1, 2, 3, 4] as const
export const guards = ["warden", "thread"] as const satisfies ReadonlyArray<GuardMode>

export interface Cell {
  readonly who: typeof whos[number]
  readonly how: typeof hows[number]
  readonly state: typeof states[number]
  readonly where: typeof wheres[number]
  readonly depth: typeof depths[number]
  readonly guard: typeof guards[number]
}

export const explained: { readonly [How in Cell["how"]]: string } = {
  SIGKILL: "killed from outside",
  oom: "out of heap",
  exit: "process.exit in the middle",
  SIGTERM: "asked from outside",
  SIGINT: "Ctrl-C",
  SIGHUP: "its terminal closed",
  pipe: "the reader of its stdout went away",
  throw: "an error thrown outside Effect"
}

export const isAbrupt = ({ how }: Pick<Cell, "how">): boolean => how === "SIGKILL" || how === "oom" || how === "exit"

/**
 * Milliseconds within which everything must be gone: from the death where it was abrupt, from what brought it about
 * where it was graceful. The second is the ladder's: 0.5 s to answer, 5 s for finalizers, 0.5 s to terminate.
 */
export const boundOf = (cell: Cell): number => isAbrupt(cell) ? 1_000 : 6_000

/** Why the guard does not promise this one; it is measured and shown, and fails nothing. */
export const unpromised = (cell: Cell): string | undefined => {
  if (cell.guard !== "thread" || cell.state !== "stopped") return undefined
  // Whoever is between the one that dies and the stopped one can still kill it.
  const killer = !isAbrupt(cell) && (cell.depth === 1 || cell.where === "leaf")
  return killer ? undefined : "the thread of a stopped actor is stopped too"
}

const makesSense = ({ depth, how, state, where, who }: Cell): boolean => {
  // An actor's stdout is read by its parent.
  if (who === "inner" && how === "pipe") return false
  return where === "all" || depth > 1 && state !== "idle" && state !== "subprocesses"
}

/** Every cell, in a fixed order. */
export const cells: ReadonlyArray<Cell> = guards.flatMap((guard) =>
  whos.flatMap((who) =>
    hows.flatMap((how) =>
      states.flatMap((state) =>
        wheres.flatMap((where) => depths.map((depth): Cell => ({ who, how, state, where, depth, guard })))
      )
    )
  )
).filter(makesSense)

export const describe = ({ depth, guard, how, state, where, who }: Cell): string =>
  `${guard}: ${who} ${how}, ${where === "all" ? "" : "leaf "}${state}, depth ${depth}`
