/**
 * The runtime bundle is the runtime of an actor in one file.
 *
 * An actor's process needs about 250 modules before it can serve, most of them Effect's. Loading the modules of the
 * runtime one by one takes most of an actor's start. The build puts the modules of the runtime into one file,
 * `dist/runtime.js`. The build leaves a small file for each bundled module under `dist/runtime`, which exports what
 * that module exports. An import of a bundled module loads the module's small file instead. Small files replace bundled
 * modules in the user's code, and in modules of Effect and Furrow outside of the bundle. Each module of the runtime is
 * loaded only once, with the runtime bundle as well as without it.
 *
 * The runtime bundle replaces exactly the files it was built from. An actor runs on the single modules, without the
 * runtime bundle, where another version of a package is installed. An actor also runs on the single modules where a
 * file has another length than in the runtime bundle, as after a patch. The actor runs on the single modules as well
 * where something that may hold modules of Effect was loaded before this file, such as a preload that ran before
 * preload.ts. With `NODE_DEBUG=furrow` the process of an actor logs whether it uses the runtime bundle, and why not.
 */

/**
 * The builtin modules of Node are not imported by `import`, which would read each of their properties and so load
 * further modules.
 */
const Fs = process.getBuiltinModule("node:fs")
const { fileURLToPath } = process.getBuiltinModule("node:url")
const { debuglog } = process.getBuiltinModule("node:util")

/** One package of the runtime bundle: the place of its installed files, and the list of its modules in the bundle. */
export interface Bundled {
  readonly name: string
  readonly version: string
  /** The specifier by which this package imports a bundled package, and the file to which the specifier resolves. */
  readonly probe: readonly [specifier: string, file: string]
  /** The length in bytes of every module of the bundled package when the bundle was built. */
  readonly files: Readonly<Record<string, number>>
}

/** The content of `dist/runtime/manifest.json`, which lists the modules in the runtime bundle. */
export interface Manifest {
  readonly entry: string
  readonly packages: ReadonlyArray<Bundled>
}

/** A bundle that may replace the installed packages. */
export interface RuntimeBundle {
  readonly entry: string
  /** Returns the file that is loaded instead of a module; undefined for a module that is not in the runtime bundle. */
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
 * True where a module is loaded before the first flag of the command line takes effect, or a loader resolves imports to
 * other files.
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

/**
 * Returns the folder of an installed package. Throws where the installed files of a package are not the files of the
 * runtime bundle.
 */
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

/** The result of preload.ts's search for the runtime bundle; undefined where preload.ts did not run. */
let first: { readonly bundle: RuntimeBundle | undefined } | undefined

/** Finds the runtime bundle before any preloaded module is loaded. */
export const findFirst = (): RuntimeBundle | undefined => {
  first = { bundle: search(isTooLate) }
  return first.bundle
}

export const find = (): RuntimeBundle | undefined => first === undefined ? search(isPreloading) : first.bundle

/**
 * Returns why the actors of this process cannot use the runtime bundle; undefined where they can, or where no bundle
 * exists.
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
