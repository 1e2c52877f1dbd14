/**
 * Makes temporary folders, each of which is removed when its Scope closes.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"

/**
 * Makes a new temporary folder with the given files, which are named by their paths in the folder. The temporary folder
 * is removed when the Scope closes.
 *
 * @example
 * ```ts
 * const folder = yield* Folder.make({ "node_modules/effect/package.json": "{}" })
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  files: { readonly [path: string]: string } = {}
): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      // The path of a temporary folder is resolved with `realpath`: Node knows modules by their real path, and the
      // folder may be a symbolic link.
      const folder = Fs.realpathSync(Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-testing-")))
      for (const [name, text] of Object.entries(files)) {
        const file = Path.join(folder, name)
        Fs.mkdirSync(Path.dirname(file), { recursive: true })
        Fs.writeFileSync(file, text)
      }
      return folder
    }),
    (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true, force: true }))
  )

/**
 * Reads the lines of a file; a file that does not exist has no lines. Tests use the function `lines` to read the
 * lines that their actors have appended to a file.
 *
 * @example
 * ```ts
 * const folder = yield* Folder.make({ "log.txt": "started\nended\n" })
 * Folder.lines(`${folder}/log.txt`) // ["started", "ended"]
 * Folder.lines(`${folder}/none.txt`) // []
 * ```
 * @category utils
 * @since 0.1.0
 */
export const lines = (file: string): ReadonlyArray<string> =>
  Fs.existsSync(file) ? Fs.readFileSync(file, "utf8").split("\n").filter((line) => line !== "") : []

/**
 * Appends a line to a file, from which `lines` reads it.
 *
 * @example
 * ```ts
 * const folder = yield* Folder.make()
 * Folder.append(`${folder}/log.txt`, "started")
 * Folder.lines(`${folder}/log.txt`) // ["started"]
 * ```
 * @category utils
 * @since 0.1.0
 */
export const append = (file: string, line: string): void => Fs.appendFileSync(file, `${line}\n`)
