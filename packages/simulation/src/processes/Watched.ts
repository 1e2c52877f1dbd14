/** A spawner of real processes, with which the root can kill or stop each process by the name of its actor. */
import { NativeSpawner, type ProcessHandle, Spawner, SpawnerDriver } from "@furrow/actor/Spawner"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { breakable } from "../Run.ts"

/** The processes that this spawner has started. */
export interface Started {
  /** The living processes by the names of their actors. */
  readonly handles: Map<string, ProcessHandle>
  /** The names of the actors to whose connections the parent cannot write: a step makes every write throw an error. */
  readonly broken: Set<string>
  /** The ends of the processes that this spawner has started, as texts. */
  readonly exits: Array<{ readonly actor: string; readonly text: string }>
}

const none = (): Started => ({ handles: new Map(), broken: new Set(), exits: [] })

let started = none()

/** Forgets all processes of the spawner, and returns an empty list for the processes that it will start. */
export const reset = (): Started => started = none()

export const Watched = Spawner.portable("watched", { module: import.meta.url }, () =>
  Layer.effect(
    SpawnerDriver,
    Effect.map(NativeSpawner, (native) => ({
      ...native,
      spawn: (request) =>
        Effect.map(native.spawn(request), (handle) => {
          const { broken, exits, handles } = started
          const { name } = handle.actor
          handles.set(name, handle)
          handle.whenExited(({ signal }) => {
            if (handles.get(name) === handle) handles.delete(name)
            exits.push({ actor: name, text: `exits: ${signal ?? "by itself"}` })
          })
          return breakable(handle, (actor) => broken.has(actor))
        })
    }))
  ))
