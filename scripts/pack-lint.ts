/**
 * Checks the tarballs of the published packages, as `npm run build` made them: publint and attw (arethetypeswrong)
 * look at each tarball. The script pack-lint.ts fails for any message of publint, including suggestions.
 *
 * The published packages contain only ES modules. Only Node's own `require` can load ES modules, so attw runs with
 * the profile `esm-only`.
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { commands, pack, published, root, run } from "./lib/tarballs.ts"

/** Returns the modules that the pattern `./*` exports, because attw checks such a module only if it is named. */
const modules = (name: string): ReadonlyArray<string> => {
  const { exports } = JSON.parse(Fs.readFileSync(Path.join(root, "packages", name, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, unknown>>
  }
  return Fs.globSync("*.ts", { cwd: Path.join(root, "packages", name, "src") }).sort()
    .map((file) => `./${Path.basename(file, ".ts")}`)
    .filter((path) => path !== "./index" && exports[path] !== null)
}

const bin = (name: string) => Path.join(root, "node_modules", ".bin", name)

const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "furrow-pack-lint-"))
try {
  for (const name of [...published, ...commands]) {
    const tarball = pack(name, folder)
    const said = run(root, bin("publint"), "run", tarball, "--strict")
    console.log(said.trim())
    if (!said.includes("All good")) throw new Error(`publint has something to say of ${name}`)
    if (commands.includes(name)) continue
    const look = ["--profile", "esm-only", "--format", "ascii", "--no-emoji", "--include-entrypoints"]
    const found = run(root, bin("attw"), tarball, ...look, ...modules(name))
    for (const path of modules(name)) {
      if (!found.includes(`"@furrow/${name}/${path.slice(2)}"`)) {
        throw new Error(`attw did not look at ${path} of ${name}`)
      }
    }
    console.log(found.trim())
  }
  console.log("pack-lint: publint and attw find nothing")
} finally {
  Fs.rmSync(folder, { recursive: true, force: true })
}
