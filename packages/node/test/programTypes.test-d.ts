/** Tests the types of programs: this file is compiled by `tsc -b` and never run. */
import type { ActorRuntime } from "@furrow/actor/ActorRuntime"
import * as Supervisor from "@furrow/actor/Supervisor"
import { Program } from "@furrow/node"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import type * as Scope from "effect/Scope"
import { Family } from "./fixtures/programs.ts"

type Same<A, B> = [A] extends [B] ? [B] extends [A] ? true : false : false
const is = <E, R>() =>
<A, E2, R2>(
  _: Effect.Effect<A, E2, R2> | Layer.Layer<A, E2, R2>,
  ..._ok: [Same<E, E2>, Same<R, R2>] extends [true, true] ? [] : [{ readonly wrong: [E2, R2] }]
) => {}

const command = ChildProcess.make("true", [])
declare const asks: Effect.Effect<boolean, "refused", "client">

is<Program.ProgramFailed, ActorRuntime | ChildProcessSpawner | Scope.Scope>()(Program.make("p", command))
is<Program.ProgramFailed | "refused", ActorRuntime | ChildProcessSpawner | Scope.Scope | "client">()(
  Program.make("p", command, { ready: () => asks })
)
is<Program.ProgramFailed, ActorRuntime | ChildProcessSpawner>()(Family.layer)
// The Layer of a program keeps what its condition for readiness has acquired.
class Held extends Program.Service<Held>()("held", {
  command,
  ready: () => Effect.acquireRelease(asks, () => Effect.void)
}) {}
is<Program.ProgramFailed | "refused", ActorRuntime | ChildProcessSpawner | "client">()(Held.layer)
is<Program.ProgramFailed, ActorRuntime | ChildProcessSpawner>()(
  Supervisor.layer({}, [Supervisor.of(Family.layer, { name: "family" })])
)
// @ts-expect-error a pipeline has several processes, and none of them is the program
Program.make("p", ChildProcess.pipeTo(command, command))
