/**
 * Reads the stack of a child actor that is busy with JavaScript. The signal SIGUSR1 makes Node open its inspector, even
 * in an endless loop. Node writes the inspector's address, with which any local user could run code, to a pipe that
 * only the actor's parent reads.
 *
 * The parent reads the frames of its actor's stack and closes the inspector, so that no observer gets the address.
 */
import type { FrameInspection, StackInspection } from "@furrow/actor/Inspect"
import * as Net from "node:net"
import * as Inspector from "./inspectorLines.ts"
import { open, type Session } from "./inspectorSession.ts"
import { Origins, type Script } from "./origins.ts"
import { statFields, textOf } from "./proc.ts"

/** Milliseconds within which the inspector has to send each answer, long enough for a host under load. */
export const stepMillis = 3000

/** Milliseconds after the end of an inspector's session within which the inspector writes its last lines. */
const lastLinesMillis = 300

/** The largest number of frames in an actor's stack; frames beyond the limit, the outermost ones, are left out. */
const maxFrames = 60

export const within = <A>(promise: Promise<A>, millis: number, what: string): Promise<A> => {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(what)), millis)
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

export const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

interface CallFrame {
  readonly functionName: string
  readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber?: number }
}

const frameOf = (scripts: ReadonlyMap<string, Script>) => {
  const origins = new Origins()
  return ({ functionName, location }: CallFrame): FrameInspection => {
    const { columnNumber = 0, lineNumber, scriptId } = location
    const script = scripts.get(scriptId) ?? { url: "", map: "" }
    return { name: functionName, ...origins.of(script, lineNumber + 1, columnNumber + 1) }
  }
}

export const framesOf = async (session: Session): Promise<StackInspection> => {
  const scripts = new Map<string, Script>()
  session.on("Debugger.scriptParsed", ({ scriptId, sourceMapURL = "", url }) => {
    scripts.set(String(scriptId), { url: String(url), map: String(sourceMapURL) })
  })
  const paused = Promise.withResolvers<ReadonlyArray<CallFrame>>()
  session.on("Debugger.paused", ({ callFrames }) => paused.resolve(callFrames as ReadonlyArray<CallFrame>))
  await session.post("Debugger.enable")
  // The inspector answers the request to pause JavaScript at once, while the pause itself begins only when JavaScript
  // runs.
  await session.post("Debugger.pause")
  const stopped = await within(paused.promise, stepMillis, "it runs no JavaScript").catch(() => undefined)
  if (stopped !== undefined) await session.post("Debugger.resume")
  await session.post("Debugger.disable")
  return stopped?.slice(0, maxFrames).map(frameOf(scripts)) ?? null
}

const signal = "__furrowShuts"

/**
 * The code that runs in the actor and closes the actor's inspector. The code that closes the inspector first answers
 * that it has begun, because the close ends the session that would carry a later answer.
 */
const shutting =
  `globalThis.${signal}(""); delete globalThis.${signal}; process.getBuiltinModule("node:inspector").close()`

/**
 * Milliseconds within which the code that closes the inspector has to begin in the actor, long enough for a host under
 * load.
 */
const beginMillis = 10_000

/**
 * Milliseconds between two checks whether the inspector's port is closed, and the number of checks before the actor
 * gets the request again.
 */
const lookMillis = 50
const looks = 40

const maxAttempts = 5

const isShut = (address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = Net.connect({ host: new URL(address).hostname, port: Number(new URL(address).port) })
    socket.on("connect", () => {
      socket.destroy()
      resolve(false)
    })
    socket.on("error", () => resolve(true))
  })

const askToShut = async (session: Session): Promise<void> => {
  const begun = Promise.withResolvers<void>()
  session.on("Runtime.bindingCalled", () => begun.resolve())
  await within(session.post("Runtime.enable"), beginMillis, "late")
  await session.post("Runtime.addBinding", { name: signal })
  void session.post("Runtime.evaluate", { expression: shutting }).catch(() => {})
  await within(begun.promise, beginMillis, "late")
}

/**
 * Makes an actor close its inspector, and checks that the inspector's port is closed, because an actor under load may
 * be late. The inspector in the actor closes the session, and this process must not. If this process closes the session
 * while the inspector closes, Node uses freed memory and the actor dies of SIGSEGV.
 */
export const shut = async (first: Session, address: string): Promise<void> => {
  let session: Session | undefined = first
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    if (session !== undefined) {
      await askToShut(session).catch(() => {})
      await within(session.closed, beginMillis, "late").catch(() => {})
    }
    for (let look = 0; look < looks; look++) {
      if (await isShut(address)) return
      await pause(lookMillis)
    }
    session?.drop()
    session = await within(open(address), stepMillis, "late").catch(() => undefined)
  }
  session?.drop()
}

// ---- the actor ------------------------------------------------------------------------------------------------------

const samples = 5

/** Milliseconds between two samples of the state of a busy actor's process. */
const betweenMillis = 20

/**
 * Returns the state of a process and the processor time that it has used, or undefined where the kernel does not show
 * them.
 */
const sampleOf = (pid: number): { readonly state: string; readonly ticks: number } | undefined => {
  const fields = statFields(pid)
  return fields && { state: fields[0]!, ticks: Number(fields[11]) + Number(fields[12]) }
}

/**
 * True for a process that computes in user code. A process that waits in the kernel gets no SIGUSR1, because it would
 * open its inspector only after the wait. On a system without /proc every process counts as computing, so that its
 * stack can be read.
 */
export const computes = async (pid: number): Promise<boolean> => {
  const first = sampleOf(pid)
  for (let i = 0; i < samples; i++) {
    const now = sampleOf(pid)
    if (first === undefined || now === undefined || now.state === "R" || now.ticks > first.ticks) return true
    await pause(betweenMillis)
  }
  return false
}

/** The bit of SIGUSR1, which is signal 10 on Linux, in the mask `SigCgt` of a process. */
const openBit = 1n << 9n

/**
 * Returns the reason why SIGUSR1 would kill a process instead of opening its inspector, or undefined where Node listens
 * for the signal.
 */
export const deafness = (pid: number): string | undefined => {
  const [, mask] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(textOf(`/proc/${pid}/status`)) ?? []
  return mask === undefined || (BigInt(`0x${mask}`) & openBit) !== 0n
    ? undefined
    : "its Node was started with --disable-sigusr1, so its inspector stays shut"
}

const looking = new Set<number>()

/**
 * Reads the stack of an actor through its inspector, after the inspector has opened. An inspector that opens too late
 * for reading the stack is still closed.
 */
const lookAt = async (pid: number, lines: Inspector.Watch, done: () => void): Promise<StackInspection> => {
  process.kill(pid, "SIGUSR1")
  const looked = lines.address.then(async (address) => {
    try {
      const session = await within(open(address), stepMillis, "its inspector did not answer")
      try {
        return await framesOf(session)
      } finally {
        await shut(session, address)
      }
    } finally {
      setTimeout(done, lastLinesMillis).unref()
    }
  })
  looked.catch(() => {})
  await within(lines.address, stepMillis, "its inspector did not open: it may catch SIGUSR1 itself")
  return looked
}

/**
 * Returns the stack of a child of this process, which has no frames where the child waits in a system call. The promise
 * of a child's stack rejects where this process does not read the child's stderr, or where the child's inspector does
 * not open.
 */
export const stackOf = async (pid: number): Promise<StackInspection> => {
  if (!await computes(pid)) return null
  const deaf = deafness(pid)
  if (deaf !== undefined) throw new Error(deaf)
  if (looking.has(pid)) throw new Error("another tool looks at its stack, or its inspector has not opened yet")
  const lines = Inspector.watch(pid)
  if (lines === undefined) throw new Error("its stderr does not come to its parent, so its inspector stays shut")
  looking.add(pid)
  return lookAt(pid, lines, () => {
    lines.end()
    looking.delete(pid)
  })
}
