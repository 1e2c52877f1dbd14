/** An actor writes bytes that are not UTF-8, without a newline. */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"

export const write = Actor.fn("write", { module: import.meta.url })(() =>
  Effect.sync(() => void process.stdout.write(Buffer.from([0x1f, 0x8b, 0xff, 0xfe, 0x80, 0x00])))
)

NodeActor.runMain(Actor.runInActor(write()))
