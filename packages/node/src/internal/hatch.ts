/**
 * Lets a tool of the same user look into an actor: the tool knocks, and the actor opens its door (door.ts).
 *
 * A knock is the signal SIGURG. A process without a listener for SIGURG ignores the signal, and only processes of the
 * same user may send it. Before a knock an actor has no socket, no file and no loaded code for its door. An observable
 * actor needs one signal handler at its start.
 */
import type { PlatformSpec } from "@furrow/actor/ActorProcess"
import type { Observe, Observed, Offer } from "@furrow/actor/Inspect"
import { hasUnixSockets } from "./drivers.ts"
import * as RuntimeFolder from "./runtimeFolder.ts"
import { tell } from "./told.ts"

export const knock = "SIGURG"

const levels: ReadonlyArray<string> = ["off", "look", "debug"]

/**
 * Reads from an environment variable how much of a tree an observer may see. An unknown value of the environment
 * variable keeps the door of an actor shut.
 */
export const levelOf = (word: string | undefined): Observe => {
  if (word === undefined || word === "") return "look"
  return levels.includes(word) ? word as Observe : "off"
}

/** Returns the folder for an actor's door: the folder of the tree's Unix sockets, or else the default folder. */
export const folderOf = ({ run, transports }: PlatformSpec): string => {
  const unix = transports.find(({ key, module }) => module === "furrow:node" && key === "unix")
  return RuntimeFolder.treeFolder(unix?.settings ?? RuntimeFolder.runtimeFolder(undefined), run)
}

/**
 * One actor of this process into which an observer may look. A process with several roots has several actors into which
 * an observer may look.
 */
interface Behind {
  readonly observed: Observed
  readonly folder: string
  close: Promise<() => void> | undefined
}

const behind = new Set<Behind>()

const open = (one: Behind): void => {
  one.close ??= import("./door.ts").then(({ open }) =>
    open(one.observed, one.folder, () => {
      one.close = undefined
    })
  )
  one.close.catch((error: unknown) => {
    one.close = undefined
    tell(error, "the door for observers could not be opened: ")
  })
}

const knocked = (): void => {
  for (const one of behind) open(one)
}

/** Listens for knocks at this process, until the function that `listen` returns is called. */
export const offer: Offer = (observed, spec) => {
  if (!hasUnixSockets) return () => {}
  const one: Behind = { observed, folder: folderOf(spec), close: undefined }
  if (behind.size === 0) process.on(knock, knocked)
  behind.add(one)
  return () => {
    if (!behind.delete(one)) return
    if (behind.size === 0) process.off(knock, knocked)
    one.close?.then((close) => close(), () => {})
  }
}

/** True when this process has an actor into which an observer may look. */
export const isOffered = (): boolean => behind.size > 0
