/**
 * Steps that disturb the connection between two actors: hold it, cut it in one direction, or cut it after some bytes.
 */
import type * as Simulation from "@furrow/testing/Simulation"
import * as Effect from "effect/Effect"
import { record } from "./History.ts"
import { type Does, hurt, type Stage } from "./stage.ts"

/**
 * Milliseconds for which a step lets no bytes pass on a connection. The longest of these times exceeds the bound within
 * which a cancel is acknowledged.
 */
const holds = [5, 100, 400, 1_500, 9_000, 30] as const
/** The number of bytes that still pass on a connection before it is cut, from a part of one word to many words. */
const passing = [1, 100, 1_000, 10_000, 100_000, 17] as const
const oneWay: ReadonlyArray<Simulation.Direction> = ["incoming", "outgoing"]
const anyWay: ReadonlyArray<Simulation.Direction> = ["both", ...oneWay]

/**
 * Returns the actor to which the disturbed connection leads: for a third of the steps the name of a peer, otherwise
 * `undefined` for the parent.
 */
const peerOf = ({ name, otherName, step: { b } }: Stage) => b > 3 && otherName !== name ? otherName : undefined

/**
 * Returns the name under which the checks know a connection: the actor's name if the other end is its parent, and
 * another name for a peer.
 */
const wireOf = (stage: Stage): string => {
  const peer = peerOf(stage)
  return peer === undefined ? stage.name : `${stage.name}~${peer}`
}

export const hold: Does = (stage) => {
  const { name, step: { a }, world } = stage
  const duration = holds[a]!
  return Effect.andThen(
    record({ _tag: "Held", actor: wireOf(stage), millis: duration }),
    world.hold(name, { peer: peerOf(stage), duration })
  )
}

export const sever: Does = (stage) => {
  const { name, step: { c }, world } = stage
  return hurt(wireOf(stage), "sever", world.cut(name, { peer: peerOf(stage), direction: oneWay[c % 2] }))
}

export const snap: Does = (stage) => {
  const { name, step: { a, c }, world } = stage
  const options = { peer: peerOf(stage), direction: anyWay[c % 3], afterBytes: passing[a] }
  return hurt(wireOf(stage), "snap", world.cut(name, options))
}
