/**
 * Completes the lock files of npm with missing platform builds of packages. If a registry lacks some platform build
 * of a package, npm leaves the build out of the lock file. Without an entry for a platform build, `npm ci` of npm 11
 * refuses the lock file ("Missing: ... from lock file").
 *
 *     node scripts/lock.ts           adds the missing entries (run it after every `npm install`)
 *     node scripts/lock.ts --check   fails if something is missing, or if the lock names a registry
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

interface Entry {
  readonly version?: string
  readonly resolved?: string
  readonly link?: boolean
  readonly dev?: boolean
  readonly peer?: boolean
  readonly devOptional?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}
export interface Lock {
  readonly packages: Readonly<Record<string, Entry>>
  readonly [field: string]: unknown
}

const systems = "aix android darwin freebsd linux netbsd openbsd openharmony sunos win32".split(" ")
const processors = "arm arm64 ia32 loong64 mips64el ppc64 riscv64 s390x wasm32 x64".split(" ")
const libraries: Readonly<Record<string, string>> = { glibc: "glibc", gnu: "glibc", musl: "musl" }

/**
 * Reads the platform of a build from the build's name, so that npm does not try to fetch the build on other platforms.
 */
const platformOf = (name: string) => {
  const words = name.split(/[-/@.]/)
  const os = words.find((word) => systems.includes(word))
  const cpu = words.find((word) => processors.includes(word))
  if (os === undefined && cpu === undefined) {
    throw new Error(
      `${name} is optional and absent, and its name does not say for which platform it is: add it by hand`
    )
  }
  const libc = os === "linux"
    ? words.map((word) => libraries[word]).find((library) => library !== undefined)
    : undefined
  return { ...(cpu && { cpu: [cpu] }), ...(libc && { libc: [libc] }), ...(os && { os: [os] }) }
}

/**
 * Returns where the package at `from` finds its dependency `name`: in the same folder, or inside of `from` if that
 * folder has another version.
 */
const placeFor = (lock: Lock, name: string, from: string): string => {
  const beside = `${/^(.*\/)?node_modules\//.exec(from)?.[0] ?? "node_modules/"}${name}`
  return lock.packages[beside] === undefined ? beside : Path.posix.join(from, "node_modules", name)
}

/**
 * Returns the package that Node finds as `name` from the package at `from`; `undefined` if its version is not the
 * requested version.
 */
const found = (lock: Lock, name: string, from: string): Entry | undefined => {
  const here = lock.packages[Path.posix.join(from, "node_modules", name)]
  if (here !== undefined || from === "") return here
  const at = from.lastIndexOf("/node_modules/")
  return found(lock, name, at === -1 ? "" : from.slice(0, at))
}

const fits = (entry: Entry, range: string) => !/^\d/.test(range) || entry.version === range

/**
 * Finds optional dependencies that are missing in the lock file, and makes the entries that npm would have written
 * for them.
 */
export const missing = (lock: Lock): ReadonlyArray<readonly [key: string, entry: Entry]> =>
  Object.entries(lock.packages).flatMap(([from, parent]) =>
    Object.entries(parent.optionalDependencies ?? {})
      .flatMap(([name, range]) => {
        const other = found(lock, name, from)
        if (other !== undefined && fits(other, range)) return []
        const { cpu, libc, os } = platformOf(name) as Record<string, ReadonlyArray<string> | undefined>
        const entry: Record<string, unknown> = { version: range.replace(/^[\^~]/, "") }
        if (cpu !== undefined) entry.cpu = cpu
        if (parent.dev === true) entry.dev = true
        if (libc !== undefined) entry.libc = libc
        entry.optional = true
        if (os !== undefined) entry.os = os
        if (parent.peer === true) entry.peer = true
        return [[placeFor(lock, name, from), entry] as const]
      })
  )

export const complete = (lock: Lock): Lock => ({
  ...lock,
  packages: Object.fromEntries(
    [...Object.entries(lock.packages), ...missing(lock)].sort(([a], [b]) => a.localeCompare(b, "en"))
  )
})

/**
 * Finds entries of the lock file with the address of a registry, which would tie the lock file to this registry.
 * Links of workspaces in the lock file also have an address, which is the address of a folder.
 */
export const resolved = (lock: Lock): ReadonlyArray<string> =>
  Object.keys(lock.packages).filter((key) => {
    const entry = lock.packages[key]!
    return entry.resolved !== undefined && entry.link !== true
  })

/** The paths of the lock files: that of the repository, and that of Stryker, which only `npm run mutate` installs. */
const files = ["package-lock.json", "scripts/mutation/package-lock.json"]

if (import.meta.main) {
  for (const name of files) {
    const file = Path.join(import.meta.dirname, "..", name)
    const lock = JSON.parse(Fs.readFileSync(file, "utf8")) as Lock
    const added = missing(lock).map(([key]) => key)
    const urls = resolved(lock)
    for (const key of urls) console.error(`${key}: names a registry (.npmrc should omit it; delete its "resolved")`)
    if (process.argv.includes("--check")) {
      for (const key of added) console.error(`${key}: optional, but not in the lock (run: npm run lock)`)
      if (added.length > 0) process.exitCode = 1
    } else Fs.writeFileSync(file, `${JSON.stringify(complete(lock), null, 2)}\n`)
    if (urls.length > 0) process.exitCode = 1
    console.log(`${name}: ${added.length} absent, ${urls.length} tied to a registry`)
  }
}
