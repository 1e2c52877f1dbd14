/**
 * The numbers of one actor from which metrics are made, and the service at which a Layer registers to read these
 * numbers.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import type { ActorId } from "../errors/ActorError.ts"
import type { PoolInspection } from "./Inspection.ts"
import type { Meter } from "./Meter.ts"

export interface Metered {
  readonly actor: ActorId
  readonly meter: Meter
  /** The number of children that the actor has now. */
  readonly children: () => number
  /** The pools that are open now, with their names. */
  readonly pools: Iterable<readonly [inspect: () => PoolInspection, name: string]>
}

/** The functions that read an actor's numbers, as ambient Layers have registered them. */
export const MeterReaders: Context.Reference<ReadonlyArray<(metered: Metered) => void>> = Context.Reference<
  ReadonlyArray<(metered: Metered) => void>
>("@furrow/actor/MeterReaders", { defaultValue: () => [] })
