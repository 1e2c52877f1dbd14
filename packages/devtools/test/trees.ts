/** Makes trees as a tool sees them, from short descriptions. */
import type { ActorInspection, DialogInspection, FiberInspection } from "@furrow/actor/Inspect"
import type { Seen } from "@furrow/node/internal/diagnosis/Seen"

/** The age, in milliseconds, of everything without another age. */
export const old = 5000

export const idOf = (name: string) => ({
  name,
  uuid: name,
  pid: 1000 + Array.from(name).reduce((n, c) => n * 31 + c.charCodeAt(0), 7) % 90_000
})

const inspection = (name: string, parent: string | undefined): ActorInspection => ({
  actor: idOf(name),
  ancestors: parent === undefined ? [] : [idOf(parent)],
  service: null,
  observe: "look",
  ending: false,
  hasMain: false,
  channels: [],
  children: [],
  starting: [],
  names: [],
  pools: [],
  supervisors: [],
  process: null
})

export const dialog = (
  side: "caller" | "callee",
  id: number,
  endpoint: string,
  more: Partial<DialogInspection> = {}
): DialogInspection => ({
  side,
  id,
  endpoint,
  kind: "call",
  state: "Open",
  ageMillis: old,
  within: null,
  fiber: null,
  in: null,
  out: null,
  ...more
})

export const fiber = (id: number, more: Partial<FiberInspection> = {}): FiberInspection => ({
  id,
  parent: null,
  within: null,
  children: [],
  scoped: false,
  frames: [],
  waits: { on: "Unknown", dialog: null },
  ...more
})

/** An actor that answers. */
export const actor = (
  name: string,
  more: Partial<ActorInspection> = {},
  fibers?: ReadonlyArray<FiberInspection>
): Seen => {
  const inside = { ...inspection(name, name === "root" ? undefined : "root"), ...more }
  return { outside: silent(name).outside, inside, fibers }
}

/** An actor that does not answer. */
export const silent = (
  name: string,
  states: ReadonlyArray<string> = ["S"],
  cpu = 0,
  { commands = [], wchan = "" }: Partial<Seen["outside"]> = {}
): Seen => ({
  outside: { pid: idOf(name).pid, parent: idOf("root").pid, name, states, cpu, wchan, syscall: "", commands },
  inside: undefined,
  fibers: undefined
})

export const channel = (peer: string, dialogs: ReadonlyArray<DialogInspection>, stuck = 0) => ({
  to: "peer" as const,
  peer: idOf(peer),
  state: "Open",
  full: false,
  stuck,
  unread: 0,
  dialogs,
  omitted: 0
})
