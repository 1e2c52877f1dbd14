/**
 * Runs the seeds of `npm run simulate` a second time in another process, as the option `--twice` asks. Each of the two
 * processes prints a digest for each seed, and the digests must be equal.
 */
import * as ChildProcess from "node:child_process"
import * as Path from "node:path"
import * as Readline from "node:readline"

export interface Twin {
  /**
   * The digests of the runs in the second process, by the seeds of the runs; available once the second process has
   * ended.
   */
  readonly digests: Promise<ReadonlyMap<number, string>>
  readonly end: () => void
}

/** Starts the second process of the option `--twice` for a range of seeds. */
export const start = (from: number, count: number, kinds: ReadonlyArray<string> | undefined): Twin => {
  const main = Path.join(import.meta.dirname, "main.ts")
  const options = ["--digests", "--from", String(from), "--seeds", String(count)]
  const kind = kinds === undefined ? [] : ["--kinds", kinds.join(",")]
  const child = ChildProcess.spawn(process.execPath, [...process.execArgv, main, ...options, ...kind], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  const digests = new Map<number, string>()
  Readline.createInterface({ input: child.stdout }).on("line", (line) => {
    const [seed, digest] = line.split(" ")
    digests.set(Number(seed), digest!)
  })
  return {
    digests: new Promise((resolve, reject) => {
      child.once("error", reject)
      child.once("close", () => resolve(digests))
    }),
    end: () => void child.kill()
  }
}
