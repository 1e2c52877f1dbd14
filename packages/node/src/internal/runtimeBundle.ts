/**
 * The runtime of an actor in one file.
 *
 * An actor's process needs some 250 modules before it can serve, most of them Effect's, and loading them one by one is
 * most of its start. The build puts them into one file, `dist/runtime.js`, and leaves a small file for each
 * module under `dist/runtime`, which exports what that module exports. An import of one of those modules gets its small
 * file, in the user's code and in modules of Effect and Furrow that are not in the bundle. So there is one
 * copy of each, as without the bundle.
 *
 * The bundle stands for exactly the files it was built from. The actor runs on the modules themselves where
 * another version of a package is installed, or one of the files is not as long as it was (a patch, a build without the
 * bundle). So it does where something that may hold modules of Effect was loaded before this file: a preload that
 * preload.ts could not precede. `NODE_DEBUG=furrow` tells which it is, and why.
 */

/** Importing them would read every one of their properties, and load the modules behind the lazy ones. */
const Fs = process.getBuiltinModule("node:fs")
const { fileURLToPath } = process.getBuiltinModule("node:url")
const { debuglog } = process.getBuiltinModule("node:util")

/** One package of the bundle: where it is found, and what of it is inside. */
export interface Bundled {
  readonly name: string
  readonly version: string
  /** How this package imports it, and which file that is. */
  readonly probe: readonly [specifier: string, file: string]
  /** Every module, and how many bytes it had. */
  readonly files: Readonly<Record<string, number>>
}

/** `dist/runtime/manifest.json`. */
export interface Manifest {
  readonly entry: string
  readonly packages: ReadonlyArray<Bundled>
}

/** The bundle, where it stands for the installed packages. */
export interface RuntimeBundle {
  readonly entry: string
  /** The file that is loaded instead of a module; undefined where that is not in the bundle. */
  readonly insteadOf: (url: string) => string | undefined
}

const debug = debuglog("furrow")

const pattern = (...flags: ReadonlyArray<string>): RegExp => new RegExp(`(?:^|\\s)(?:${flags.join("|")})(?:[\\s=]|$)`)

const loaders = ["--loader", "--experimental-loader"]
const preloads = pattern("-r", "--import", "--require", ...loaders)
/** Preloads that Node takes from the environment, before it looks at the command line. */
const earlier = pattern("-r", "--require", ...loaders)
const loader = pattern(...loaders)

/** True where something is loaded before an actor's entry. */
const isPreloading = (flags: ReadonlyArray<string>, options = ""): boolean =>
  preloads.test([...flags, options].join(" "))

/** True where something is loaded even before the first flag of the command line, or resolves imports elsewhere. */
const isTooLate = (flags: ReadonlyArray<string>, options = ""): boolean =>
  earlier.test(options) || loader.test(flags.join(" "))

const versionAt = (root: string): string =>
  (JSON.parse(Fs.readFileSync(fileURLToPath(`${root}package.json`), "utf8")) as { readonly version: string }).version

const read = (folder: string): Manifest | undefined => {
  try {
    return JSON.parse(Fs.readFileSync(fileURLToPath(`${folder}manifest.json`), "utf8")) as Manifest
  } catch {
    return undefined
  }
}

/** The folder of the installed package; throws a sentence where it is not the one in the bundle. */
const rootOf = ({ files, name, probe: [specifier, file], version }: Bundled): string => {
  const found = import.meta.resolve(specifier)
  if (!found.endsWith(`/${file}`)) throw new Error(`${specifier} is ${found}`)
  const root = found.slice(0, -file.length)
  const installed = versionAt(root)
  if (installed !== version) throw new Error(`${name} is ${installed}, the bundle has ${version}`)
  const path = fileURLToPath(root)
  for (const [module, size] of Object.entries(files)) {
    if (Fs.statSync(path + module, { throwIfNoEntry: false })?.size !== size) {
      throw new Error(`${path}${module} is not the file in the bundle`)
    }
  }
  return root
}

const folder = new URL("../runtime/", import.meta.url).href

/** The bundle beside these modules, if there is one and it may be used. */
const search = (isLate: typeof isPreloading): RuntimeBundle | undefined => {
  const manifest = read(folder)
  if (manifest === undefined) return undefined
  try {
    if (isLate(process.execArgv, process.env.NODE_OPTIONS)) throw new Error("something was loaded before it")
    const packages = manifest.packages.map((bundled) => ({ ...bundled, root: rootOf(bundled) }))
    debug("the runtime is the bundle %s", folder)
    return {
      entry: folder + manifest.entry,
      insteadOf: (url) => {
        for (const { files, name, root } of packages) {
          if (!url.startsWith(root)) continue
          const file = url.slice(root.length)
          return Object.hasOwn(files, file) ? `${folder}${name}/${file}` : undefined
        }
        return undefined
      }
    }
  } catch (error) {
    debug("the runtime is not the bundle: %s", (error as Error).message)
    return undefined
  }
}

/** The bundle that preload.ts found; absent where that file did not run. */
let first: { readonly bundle: RuntimeBundle | undefined } | undefined

/** Finds the bundle before any preloaded module is loaded. */
export const findFirst = (): RuntimeBundle | undefined => {
  first = { bundle: search(isTooLate) }
  return first.bundle
}

export const find = (): RuntimeBundle | undefined => first === undefined ? search(isPreloading) : first.bundle

/** Why the actors that this process starts cannot use the bundle; undefined where they can, or there is none. */
export const reasonAgainst = (): string | undefined => {
  const manifest = read(folder)
  if (manifest === undefined) return undefined
  if (isTooLate(process.execArgv, process.env.NODE_OPTIONS)) {
    return "a `--require` in NODE_OPTIONS, or a `--loader`, comes before the runtime"
  }
  try {
    for (const bundled of manifest.packages) rootOf(bundled)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
