/**
 * The file `primes-pool.ts` does the work of the example `primes.ts` on a small pool of worker threads, without Furrow
 * and without Effect. The file `primes-pool.ts` contains the code of the main thread and of the worker threads.
 *
 * Compared with actors, this pool of threads has no types on its messages, cannot interrupt work, and does not end with
 * its owner. A worker thread that exhausts its heap ends the whole process.
 */
import { once } from "node:events"
import { parentPort, Worker } from "node:worker_threads"

/** Tests whether a number is prime by trial division, which is slow on purpose. */
export const hasNoDivisor = (n: number): boolean => {
  if (n % 2 === 0) return n === 2
  for (let d = 3; d * d <= n; d += 2) if (n % d === 0) return false
  return n > 1
}

export interface Pool {
  readonly isPrime: (n: number) => Promise<boolean>
  readonly close: () => Promise<unknown>
}

export const makePool = async (size: number): Promise<Pool> => {
  const workers = Array.from({ length: size }, () => new Worker(new URL(import.meta.url)))
  await Promise.all(workers.map((worker) => once(worker, "message")))
  const free = [...workers]
  const waiting: Array<(worker: Worker) => void> = []
  const release = (worker: Worker) => {
    const next = waiting.shift()
    if (next === undefined) free.push(worker)
    else next(worker)
  }
  const isPrime = async (n: number) => {
    const worker = free.pop() ?? await new Promise<Worker>((resolve) => waiting.push(resolve))
    try {
      worker.postMessage(n)
      const [answer] = await once(worker, "message") as [boolean]
      return answer
    } finally {
      release(worker)
    }
  }
  return { isPrime, close: () => Promise.all(workers.map((worker) => worker.terminate())) }
}

if (parentPort !== null) {
  const port = parentPort
  port.on("message", (n: number) => port.postMessage(hasNoDivisor(n)))
  port.postMessage("ready")
}
