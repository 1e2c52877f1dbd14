/**
 * Makes tarballs of the published packages.
 */
import * as ChildProcess from "node:child_process"
import * as Path from "node:path"

export const root = Path.resolve(import.meta.dirname, "../..")
export const published = ["protocol", "actor", "node", "testing", "sql", "nats"]

/** Published packages that contain only a command, and no module to import. */
export const commands: ReadonlyArray<string> = ["devtools"]

// The command `npm run` puts the path of its project into environment variables. The variables of `npm run` are removed
// for child processes, because the command `npm` that this script starts works in another project.
const { npm_config_local_prefix: _, NODE_OPTIONS: __, ...rest } = process.env
export const env: NodeJS.ProcessEnv = rest

/** Runs a command and returns its stdout; fails if the command fails. */
export const run = (cwd: string, command: string, ...args: ReadonlyArray<string>): string => {
  console.log(`$ ${[Path.basename(command), ...args].join(" ")}`)
  const { error, status, stdout } = ChildProcess.spawnSync(command, args, {
    cwd,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 300_000
  })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: exit ${status}\n${stdout}`)
  return stdout
}

export const npm = (cwd: string, ...args: ReadonlyArray<string>) => run(cwd, "npm", ...args)

/** Packs one published package as it is built, and returns the path of the tarball. */
export const pack = (name: string, into: string): string => {
  const [packed] = Object.values(
    JSON.parse(npm(Path.join(root, "packages", name), "pack", "--json", "--pack-destination", into))
  ) as ReadonlyArray<{ readonly filename: string; readonly files: ReadonlyArray<{ readonly path: string }> }>
  const paths = packed!.files.map((file) => file.path)
  const strange = paths.filter((path) => !/^((dist|src)\/[^.].*|package\.json|LICENSE|[A-Z]+\.md)$/.test(path))
  if (strange.length > 0) throw new Error(`${name} packs files that no user needs: ${strange.join(", ")}`)
  for (const page of ["README.md", "LICENSE"]) if (!paths.includes(page)) throw new Error(`${name} packs no ${page}`)
  const built = commands.includes(name) ? "dist/furrow.js" : ".d.ts"
  if (!paths.some((path) => path.endsWith(built))) throw new Error(`${name} packs no build: run npm run build`)
  return Path.join(into, packed!.filename)
}
