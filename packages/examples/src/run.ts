/**
 * The runner lists the examples, runs one example, or runs all examples:
 *
 *     npm run example
 *     npm run example -- primes
 *     npm run example -- --all
 *
 * Each example runs in a process of its own. The exit code of the runner is the exit code of its single example. A run
 * of all examples has the exit code 1 if an example failed.
 */
import * as ChildProcess from "node:child_process"
import * as Path from "node:path"
import { catalog, type Name, names } from "./catalog.ts"

const run = (name: Name): number => {
  const file = Path.join(import.meta.dirname, `${name}.ts`)
  const { error, signal, status } = ChildProcess.spawnSync(process.execPath, [...process.execArgv, file], {
    stdio: "inherit"
  })
  if (error !== undefined || signal !== null) console.error(`${name}: ${error?.message ?? `killed by ${signal}`}`)
  return status ?? 1
}

const list = (): void => {
  const width = Math.max(...names.map((name) => name.length))
  for (const name of names) console.log(`${name.padEnd(width)}  ${catalog[name]}`)
  console.log("\nnpm run example -- NAME    npm run example -- --all")
}

/** Runs every example, even if another example fails, and returns 1 if an example failed. */
export const all = (runOne: (name: Name) => number): number => {
  const failed = names.filter((name) => {
    console.log(`== ${name}: ${catalog[name]}`)
    return runOne(name) !== 0
  })
  console.log(`\n${names.length - failed.length} of ${names.length} examples ran well`)
  if (failed.length > 0) console.error(`failed: ${failed.join(", ")}`)
  return failed.length === 0 ? 0 : 1
}

const main = (wish: string | undefined): number => {
  const name = names.find((name) => name === wish)
  if (name !== undefined) return run(name)
  if (wish === "--all") return all(run)
  if (wish !== undefined) {
    console.error(`there is no example "${wish}"; there are: ${names.join(", ")}`)
    return 1
  }
  list()
  return 0
}

if (import.meta.main) process.exitCode = main(process.argv[2])
