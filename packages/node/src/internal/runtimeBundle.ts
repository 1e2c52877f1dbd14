/**
 * The runtime bundle contains all modules of an actor's runtime in one file.
 *
 * An actor's process needs about 250 modules before it can serve, and most of them belong to Effect. An actor that
 * loads the modules of the runtime one by one spends most of its start on loading them. The build puts the modules of
 * the runtime into one file, `dist/runtime.js`. For each bundled module the build writes a small file under
 * `dist/runtime`, which exports what the module exports. An import of a bundled module loads the small file of the
 * module instead of the module's own file. Small files replace the bundled modules for the user's code, and for modules
 * of Effect and Furrow outside of the bundle. Each module of the runtime is loaded only once, with or without the
 * runtime bundle.
 *
 * An actor runs on the runtime bundle only if the installed files are those from which the bundle was built. An actor
 * runs without the runtime bundle, on the single modules, where another version of a package is installed. An actor
 * also runs without the runtime bundle where a file of a module has another length than at the build, as after a patch.
 * An actor runs without the runtime bundle where other modules were loaded first, for example by a preload that ran
 * before preload.ts. With `NODE_DEBUG=furrow` the process of an actor logs whether it uses the runtime bundle, or why
 * not.
 */

/**
 * Builtin modules of Node come from `process.getBuiltinModule`, because an `import` would read each of their properties
 * and load further modules.
 */
const Fs = process.getBuiltinModule("node:fs")
const { fileURLToPath } = process.getBuiltinModule("node:url")
const { debuglog } = process.getBuiltinModule("node:util")

/** One package in the runtime bundle: the place of its installed files, and the list of its bundled modules. */
export interface Bundled {
  readonly name: string
  readonly version: string
  /** The specifier by which `@furrow/node` imports a bundled package, and the file to which the specifier resolves. */
  readonly probe: readonly [specifier: string, file: string]
  /** The length in bytes of each module of a bundled package at the build of the bundle. */
  readonly files: Readonly<Record<string, number>>
}

/** The content of `dist/runtime/manifest.json`, which lists the modules in the runtime bundle. */
export interface Manifest {
  readonly entry: string
  readonly packages: ReadonlyArray<Bundled>
}

/** A runtime bundle that may replace the modules of the installed packages. */
export interface RuntimeBundle {
  readonly entry: string
  /**
   * Returns the file that is loaded instead of a module, or undefined for a module that is not in the runtime bundle.
   */
  readonly insteadOf: (url: string) => string | undefined
}

const debug = debuglog("furrow")

const pattern = (...flags: ReadonlyArray<string>): RegExp => new RegExp(`(?:^|\\s)(?:${flags.join("|")})(?:[\\s=]|$)`)

const loaders = ["--loader", "--experimental-loader"]
const preloads = pattern("-r", "--import", "--require", ...loaders)
/** Matches options that load a module, in `NODE_OPTIONS`, which Node reads before the command line. */
const earlier = pattern("-r", "--require", ...loaders)
const loader = pattern(...loaders)

/** True if the flags of Node or the variable NODE_OPTIONS make an actor load a module before its entry file. */
const isPreloading = (flags: ReadonlyArray<string>, options = ""): boolean =>
  preloads.test([...flags, options].join(" "))

/**
 * True where a module is loaded before the first flag of the command line takes effect, or where a loader redirects
 * imports.
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
 * Returns the folder of an installed package whose modules are in the runtime bundle. Throws where the installed files
 * of a package differ from the files of the runtime bundle.
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

/** Returns the runtime bundle in the folder beside the runtime's modules, if the bundle exists and may be used. */
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

/** The result of the search for the runtime bundle by preload.ts, or undefined where preload.ts did not run. */
let first: { readonly bundle: RuntimeBundle | undefined } | undefined

/** Searches for the runtime bundle before any preloaded module is loaded. */
export const findFirst = (): RuntimeBundle | undefined => {
  first = { bundle: search(isTooLate) }
  return first.bundle
}

export const find = (): RuntimeBundle | undefined => first === undefined ? search(isPreloading) : first.bundle

/**
 * Returns the reason why the actors of this process cannot use the runtime bundle, or undefined where they can, and
 * where there is no bundle.
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
