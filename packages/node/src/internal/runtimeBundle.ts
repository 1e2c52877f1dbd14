/**
 * The runtime of an actor in one file.
 *
 * An actor's process needs about 250 modules before it can serve, most of them Effect's. Loading these modules one by
 * one takes most of the start. The build puts the modules into one file, `dist/runtime.js`. The build leaves a small
 * file for each module under `dist/runtime`, which exports what that module exports. An import of a module in the
 * bundle loads the module's small file instead. Small files replace modules in the user's code, and in modules of
 * Effect and Furrow outside of the bundle. So each module is loaded once, with the bundle as without.
 *
 * The bundle replaces exactly the files it was built from. An actor runs on the single modules, without the bundle,
 * where another version of a package is installed. An actor also runs on the single modules where a file has another
 * length than in the bundle, as after a patch. The actor runs on the single modules as well where something that may
 * hold modules of Effect was loaded before this file, such as a preload that ran before preload.ts. With
 * `NODE_DEBUG=furrow` the process logs whether it uses the bundle, and why not.
 */

/**
 * The builtin modules are not imported by `import`, which would read each of their properties and so load further
 * modules.
 */
const Fs = process.getBuiltinModule("node:fs")
const { fileURLToPath } = process.getBuiltinModule("node:url")
const { debuglog } = process.getBuiltinModule("node:util")

/** One package of the bundle: the place of its installed files, and the list of its modules in the bundle. */
export interface Bundled {
  readonly name: string
  readonly version: string
  /** The specifier by which this package imports the bundled package, and the file to which the specifier resolves. */
  readonly probe: readonly [specifier: string, file: string]
  /** The length in bytes of every module of the package when the bundle was built. */
  readonly files: Readonly<Record<string, number>>
}

/** `dist/runtime/manifest.json`. */
export interface Manifest {
  readonly entry: string
  readonly packages: ReadonlyArray<Bundled>
}

/** A bundle that may replace the installed packages. */
export interface RuntimeBundle {
  readonly entry: string
  /** Returns the file that is loaded instead of a module; undefined for a module that is not in the bundle. */
  readonly insteadOf: (url: string) => string | undefined
}

const debug = debuglog("furrow")

const pattern = (...flags: ReadonlyArray<string>): RegExp => new RegExp(`(?:^|\\s)(?:${flags.join("|")})(?:[\\s=]|$)`)

const loaders = ["--loader", "--experimental-loader"]
const preloads = pattern("-r", "--import", "--require", ...loaders)
/** Matches options that load a module and that Node reads from `NODE_OPTIONS`, before it reads the command line. */
const earlier = pattern("-r", "--require", ...loaders)
const loader = pattern(...loaders)

/** True where a module is loaded before an actor's entry file. */
const isPreloading = (flags: ReadonlyArray<string>, options = ""): boolean =>
  preloads.test([...flags, options].join(" "))

/**
 * True where a module is loaded even before the first flag of the command line, or a loader resolves imports to other
 * files.
 */
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

/** Returns the folder of an installed package. Throws where the installed files are not the files of the bundle. */
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

/** Returns the bundle in the folder beside these modules, if the bundle exists and may be used. */
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

/** The result of the search by preload.ts; undefined where preload.ts did not run. */
let first: { readonly bundle: RuntimeBundle | undefined } | undefined

/** Finds the bundle before any preloaded module is loaded. */
export const findFirst = (): RuntimeBundle | undefined => {
  first = { bundle: search(isTooLate) }
  return first.bundle
}

export const find = (): RuntimeBundle | undefined => first === undefined ? search(isPreloading) : first.bundle

/**
 * Returns why the actors of this process cannot use the bundle; undefined where they can, or where the bundle does not
 * exist.
 */
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
