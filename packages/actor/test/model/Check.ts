/**
 * The tenets, asked of a `World`: every call ends, nothing leaks, nobody waits for what has happened, errors are what
 * they should be.
 */
import type * as Exit from "effect/Exit"
import type { Call, Flow, World } from "./World.ts"

const running = (call: Call): boolean => call.caller === "running"
const ended = (call: Call): boolean => typeof call.caller === "object"

/** Nothing can happen any more, though nobody was told to stop: whoever still waits must have a reason. */
export const atRest = (world: World): void => {
  for (const call of world.calls.values()) {
    if (running(call) && call.handler === "none" && !world.isLost(call)) {
      world.problem(`${call.key}: its handler never started`)
    }
    if (running(call) && typeof call.handler === "object" && !mayGoOn(call)) {
      world.problem(`${call.key}: its handler has ended, and its caller still waits (${call.body})`)
    }
    if (call.handler === "running" && ended(call)) {
      world.problem(`${call.key}: its caller has ended, and its handler still runs`)
    }
    if (call.body === "opening" && call.started && running(call)) {
      world.problem(`${call.key}: its first value was said and did not arrive`)
    }
    if (call.what._tag !== "Talk") continue
    stuck(world, call, call.up, "upwards", ended(call))
    stuck(world, call, call.down, "downwards", typeof call.handler === "object")
  }
}

/** A body that hangs by itself is woken by failures only, and one in a scope by nothing. */
const mayGoOn = (call: Call): boolean =>
  call.body === "hanging" && typeof call.handler === "object" &&
  (call.handler.how === "return" || (call.what._tag === "Talk" && call.what.open === "scoped"))

const stuck = (world: World, call: Call, flow: Flow, direction: string, writerGone: boolean): void => {
  const { closed, hearing, heard, said, saying, window } = flow
  const about = `${call.key}, ${direction}: ${said} said, ${heard} heard`
  if (hearing && said > heard) world.problem(`${about}, and its reader waits`)
  if (hearing && saying) world.problem(`${about}: its reader and its writer wait for each other`)
  if (hearing && (closed || writerGone)) world.problem(`${about}: nothing more can come, and its reader waits`)
  if (saying && !flow.atOnce && said - heard < Math.floor(window / 2)) {
    world.problem(`${about}: its writer waits, and has room`)
  }
}

export const allEnded = (world: World): void => {
  for (const call of world.calls.values()) {
    if (running(call)) world.problem(`${call.key}: its caller does not end`)
    if (call.handler === "running") world.problem(`${call.key}: its handler does not end`)
    if (ended(call)) outcome(world, call)
  }
}

/** A handler that calls on dies of what it is told; a cancel keeps its author on the way. */
const relayed = (world: World, call: Call, how: string): boolean =>
  Array.from(world.calls.values()).some((inner) =>
    inner.outer === call && typeof inner.caller === "object" && inner.caller.how === how
  )

/** A handler that ends before it has said its first value is a defect. */
const neverGreets = ({ what }: Call): boolean => what._tag === "Talk" && what.starts < 0 && what.end === "return"

/** True when a call may end like this. */
const outcome = (world: World, call: Call): void => {
  if (typeof call.caller !== "object") return
  const { how } = call.caller
  const problem = (why: string) => world.problem(`${call.key} ended with "${how}": ${why}`)
  const cancelled = world.cancelledAt(call) !== undefined
  const end = call.what._tag === "Hop" ? "return" : call.what.end
  switch (how) {
    case "interrupt":
      return cancelled ? undefined : problem("nobody interrupted it")
    case "return":
      return
    case "fail Oops":
      return end === "fail" ? undefined : problem("its handler does not fail like this")
    case "fail BodyFailed":
      return
    case "fail ContextCancelled":
      return cancelled || end === "quit" || end === "cancel" || relayed(world, call, how)
        ? undefined
        : problem("nobody cancelled it")
    case "fail RemoteActorError":
      return end === "die" || call.what._tag === "Hop" || neverGreets(call)
        ? undefined
        : problem("its handler does not die")
    case "die RemoteActorError":
      // The defect of its handler after the cancel, beside the interruption.
      return cancelled && (end === "die" || call.what._tag === "Hop" || neverGreets(call))
        ? undefined
        : problem("its handler does not die after a cancel")
    case "fail ActorLost":
    case "fail ChannelClosed":
      return cancelled ? undefined : problem("its actor was neither lost nor ended")
    default:
      return how.startsWith("die the body died") || how === "die Error: the body died"
        ? undefined
        : problem("unexpected")
  }
}

interface Channel {
  readonly state: string
  readonly dialogs: number
  readonly stuck: number
}

export const channel = (world: World, name: string, { dialogs, state, stuck }: Channel): void => {
  if (dialogs > 0) world.problem(`${name}: ${dialogs} dialog(s) are left on its connection (${state})`)
  if (stuck > 0) world.problem(`${name}: ${stuck} dialog(s) are listed as stuck though all have ended`)
}

export const nothingLeft = (
  world: World,
  left: {
    readonly owner: Exit.Exit<unknown, unknown> | undefined
    readonly children: ReadonlyArray<string>
    readonly living: ReadonlyArray<string>
    readonly sleepers: number
  }
): void => {
  if (left.owner === undefined) world.problem("the owner does not end")
  if (left.children.length > 0) world.problem(`children are left: ${left.children.join(", ")}`)
  if (left.living.length > 0) world.problem(`processes are left: ${left.living.join(", ")}`)
  if (left.sleepers > 0) world.problem(`${left.sleepers} timer(s) are left`)
  for (const call of world.calls.values()) {
    if (call.handler === "running") world.problem(`${call.key}: its handler is left`)
  }
}
