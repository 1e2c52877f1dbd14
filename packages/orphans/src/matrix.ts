/**
 * The test cases of the matrix of orphans: which process dies, how, what the actors below it do, at which depth, and
 * under which guard.
 *
 *   who     root; an actor between the root and the actors that must go; or the starter of the root, which has started them
 *   how     abrupt (nothing of it runs any more) or graceful (its finalizers run, the shutdown ladder is climbed)
 *   state   what the actors below the one that dies are doing; blocked is in synchronous IO or in Atomics.wait. Those with
 *           programs, and the root with them, run one each that ignores what it can and has started another process. With
 *           spares the root has one: it starts and is stopped, it waits, or a start takes it in the instant of the death. With
 *           a starter the root has one that serves, is stopped, or was stopped and then asked for one more start
 *   where   all of them, or only the last one: then those between must still bring its end about
 *   depth   levels of actors below the one that dies
 *   rights  the usual ones; a program that the kernel takes for a privileged one; a root that has changed its user
 */
import type { GuardMode } from "@furrow/node/NodeSpawner"
import * as Privileged from "./privileged.ts"

export const whos = ["root", "inner", "starter"] as const
export const hows = ["SIGKILL", "oom", "exit", "SIGTERM", "SIGINT", "SIGHUP", "pipe", "throw"] as const
export const states = [
  "idle",
  "spinning",
  "blocked",
  "stopped",
  "subprocesses",
  "programs",
  "release fails",
  "release hangs",
  "spare starts",
  "spare waits",
  "spare taken",
  "starter serves",
  "starter stopped",
  "starter asked"
] as const
export const wheres = ["all", "leaf"] as const
export const depths = [1, 2, 3, 4] as const
export const rights = ["usual", "capable", "changed"] as const
export const guards = ["warden", "thread"] as const satisfies ReadonlyArray<GuardMode>

export interface Cell {
  readonly who: typeof whos[number]
  readonly how: typeof hows[number]
  readonly state: typeof states[number]
  readonly where: typeof wheres[number]
  readonly depth: typeof depths[number]
  readonly rights: typeof rights[number]
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
 * Returns the milliseconds within which all processes of a test case must be gone. The bound of a test case counts from
 * an abrupt death, or from the cause of a graceful death. The bound of a graceful death is that of the shutdown ladder:
 * 0.5 s to answer, 5 s for finalizers, 0.5 s to terminate.
 */
export const boundOf = (cell: Cell): number => isAbrupt(cell) ? 1_000 : 6_000

/** The name of the dying process in a row of the table of orphans. */
export const whoOf = ({ rights, who }: Pick<Cell, "rights" | "who">): string =>
  ({ usual: who, capable: `${who}, with file capabilities`, changed: `${who} that changed its user` })[rights]

/** Returns why a test case cannot be played on this host. */
export const unplayable = ({ rights }: Cell): string | undefined => {
  if (rights === "usual") return undefined
  const capable = rights === "capable" ? Privileged.capableNode() : undefined
  return capable !== undefined && "problem" in capable ? capable.problem : Privileged.rootless()
}

/**
 * The ways to die for test cases whose actors release a layer. The release of a layer does not depend on the way to
 * die, so only some ways are played, at small depths.
 */
const releasing: ReadonlyArray<Cell["how"]> = ["SIGKILL", "SIGTERM", "throw"]
/**
 * The ways to die for test cases with changed users and file capabilities, in which the kernel's rules about signals
 * differ.
 */
const signalling: ReadonlyArray<Cell["how"]> = ["SIGKILL", "SIGTERM"]
const reached: ReadonlyArray<Cell["state"]> = ["idle", "spinning", "subprocesses"]
/** The states of actors in test cases whose starter dies. */
const below: ReadonlyArray<Cell["state"]> = ["idle", "spinning", "blocked", "stopped", "subprocesses", "programs"]

/** True if a starter starts the actors of the root in a test case. */
export const hasStarter = ({ state, who }: Pick<Cell, "state" | "who">): boolean =>
  who === "starter" || state.startsWith("starter")

const makesSense = ({ depth, guard, how, rights, state, where, who }: Cell): boolean => {
  // The parent of an inner actor reads the actor's stdout, so the pipe of that stdout cannot break.
  if (who === "inner" && how === "pipe") return false
  // A starter has no finalizers and ignores the signals that ask it to end, so a test case kills a starter only by
  // SIGKILL.
  if (who === "starter" && (how !== "SIGKILL" || rights !== "usual" || !below.includes(state))) return false
  if (rights !== "usual") {
    // The guards `warden` and `thread` behave the same in a privileged program, so test cases of such a program use
    // only one guard.
    if (rights === "capable" && guard === "thread") return false
    if (who === "inner" || depth > 2 || !signalling.includes(how) || !reached.includes(state)) return false
  }
  if (state === "programs") {
    return where === "all" && depth <= 2 && rights === "usual" && signalling.includes(how)
  }
  if (state.startsWith("release")) return where === "all" && depth <= 2 && releasing.includes(how)
  if (state.startsWith("starter")) return who === "root" && where === "all" && depth === 1 && rights === "usual"
  if (state.startsWith("spare")) return who === "root" && where === "all" && depth === 1 && rights === "usual"
  return where === "all" || depth > 1 && state !== "idle" && state !== "subprocesses"
}

/** All test cases of the matrix of orphans in a fixed order. */
export const cells: ReadonlyArray<Cell> = guards.flatMap((guard) =>
  rights.flatMap((rights) =>
    whos.flatMap((who) =>
      hows.flatMap((how) =>
        states.flatMap((state) =>
          wheres.flatMap((where) => depths.map((depth): Cell => ({ who, how, state, where, depth, rights, guard })))
        )
      )
    )
  )
).filter(makesSense)

export const describe = (cell: Cell): string =>
  `${cell.guard}: ${whoOf(cell)} ${cell.how}, ${cell.where === "all" ? "" : "leaf "}${cell.state}, depth ${cell.depth}`
