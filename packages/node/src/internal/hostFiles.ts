/**
 * The state of a host's names as files, which the holder of the names writes:
 *
 *   host/keys.json         leases and the last token
 *   host/held/<hash>       a key that is held, by the hash of its name
 *
 * A change of a host's names writes `host/keys.json` and the files of the changed names, however many names the host
 * has. Each file of a host's names is replaced as a whole, so that no reader sees a half-written file.
 */
import type { DriverOptions } from "@furrow/actor/Discovery"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Builtins from "./builtins.ts"

/**
 * The number of files that the engine of this host reads in one turn of the event loop; each file contains one stored
 * name.
 */
const filesAtOnce = 64

export interface HostFiles {
  /** True where an earlier holder of the host's names has left a state of the names. */
  readonly isThere: () => boolean
  readonly restored: Effect.Effect<Pick<DriverOptions, "restored" | "restoredKeys">>
  readonly saving: Required<Pick<DriverOptions, "save" | "saveKey">>
}

const replace = (file: string, text: string): void => {
  const next = `${file}.${process.pid}`
  Fs.writeFileSync(next, text, { mode: 0o600 })
  Fs.renameSync(next, file)
}

/** Returns the text of a file, or `undefined` where the file does not exist. */
const read = (file: string): string | undefined => {
  try {
    return Fs.readFileSync(file, "utf8")
  } catch {
    return undefined
  }
}

/**
 * Returns the functions with which the engine of this host reads and writes its names as files in a folder. The
 * function `check` is called before each write, and throws where this process is no longer the engine.
 */
export const open = (folder: string, check: () => void): HostFiles => {
  const head = Path.join(folder, "keys.json")
  const held = Path.join(folder, "held")
  const fileOf = (key: string) => Path.join(held, Builtins.crypto().createHash("sha256").update(key).digest("hex"))
  const isThere = () => Fs.existsSync(head)
  return {
    isThere,
    restored: Effect.gen(function*() {
      const restored = read(head)
      const restoredKeys: Array<string> = []
      Fs.mkdirSync(held, { recursive: true, mode: 0o700 })
      for (const [at, name] of Fs.readdirSync(held).entries()) {
        if (at % filesAtOnce === filesAtOnce - 1) yield* Effect.yieldNow
        // A dot in a file's name marks a temporary file, which remains only if a process died during a write, and is
        // not read.
        const text = name.includes(".") ? undefined : read(Path.join(held, name))
        if (text !== undefined && text !== "") restoredKeys.push(text)
      }
      return { restored, restoredKeys }
    }),
    saving: {
      save: (state) => {
        check()
        replace(head, state)
      },
      saveKey: (key, text) => {
        check()
        if (text === undefined) Fs.rmSync(fileOf(key), { force: true })
        else replace(fileOf(key), text)
      }
    }
  }
}
