/** Runs a program that wants to lead an election, in a process that a test may kill and freeze. */
import * as Eventually from "@furrow/testing/Eventually"
import * as Folder from "@furrow/testing/Folder"
import * as Program from "@furrow/testing/Program"
import * as Effect from "effect/Effect"
import * as Assert from "node:assert/strict"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import type { Server } from "./Server.ts"

const program = fileURLToPath(new URL("./elector.ts", import.meta.url))

interface Where {
  readonly name: string
  readonly key: string
  readonly up: Server
}

/**
 * Starts a process that takes part in an election and wants to lead. Programs of an election that should write to the
 * same resource get the resource's name; the default is a new resource.
 */
export const elected = ({ key, name, up }: Where, ttlMillis: number, resource?: string) =>
  Effect.gen(function*() {
    const file = resource ?? Path.join(yield* Folder.make(), "resource")
    if (resource === undefined) Fs.writeFileSync(file, "")
    const started = yield* Program.start(program, { args: [name, String(up.port), key, file, String(ttlMillis)] })
    yield* started.says(/up/, { within: "60 seconds" })
    const token = () => Number(/leads (\d+)(?![^]*leads)/.exec(started.stdout())?.[1] ?? 0)
    return {
      program: started,
      resource: file,
      /** Waits until the program leads with a token that is larger than `after`, and returns the token. */
      leads: (after: number) =>
        Eventually.holds("the program leads", () => token() > after && token(), { within: "60 seconds" }),
      isInOrder: () => {
        const written = Fs.readFileSync(file, "utf8").trim().split("\n").map(Number)
        Assert.deepEqual(written, written.toSorted((a, b) => a - b))
      }
    }
  })
