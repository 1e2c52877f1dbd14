/**
 * Runs one random program with real processes: every actor is a process, time is real time, and a kill is a signal.
 *
 * All processes of a random program append to one file of history, so the order of lines is the order of the events.
 * The operating system decides the schedule of real processes, so a run cannot be repeated.
 */
import { NodeActor, NodeSpawner } from "@furrow/node"
import { described } from "@furrow/protocol/Described"
import * as Leaks from "@furrow/testing/Leaks"
import * as Processes from "@furrow/testing/Processes"
import * as Simulation from "@furrow/testing/Simulation"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fileRecorder, fileVariable, Recorder, type Timed } from "../History.ts"
import { ofRoot } from "../partings.ts"
import type { Program } from "../Program.ts"
import { type Result, whole } from "../Run.ts"
import * as Sinks from "../sinks.ts"
import { reset, type Started, Watched } from "./Watched.ts"

/** Milliseconds that are added to every bound of a check, because the processes share their computer with others. */
const slackMillis = 10_000
/** Milliseconds by which calls that end by themselves may take longer than in virtual time. */
const extraMillis = 10_000

/** Milliseconds that a random program with real processes may take. */
const limitMillis = 120_000

/** Milliseconds within which the processes that a random program leaves behind must end. */
const goneMillis = 15_000

type Signal = "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT"

const signal = (pid: number, name: Signal): void => {
  try {
    process.kill(pid, name)
  } catch {
    // The process to which the signal is sent has already ended.
  }
}

/**
 * Returns the functions by which steps kill, stop and cut off an actor, for a real process. A real process cannot have
 * a wall clock of its own.
 */
const worldOf = ({ handles }: Started, note: (actor: string, text: string) => void): Simulation.World["Service"] => {
  const sendNow = (actor: string, name: Signal) => {
    const pid = handles.get(actor)?.actor.pid
    if (pid !== undefined) signal(pid, name)
  }
  const send = (actor: string, name: Signal) => Effect.sync(() => sendNow(actor, name))
  // Sends SIGCONT to a stopped process after the given time, from a timer that the step does not wait for.
  const continueLater = (actor: string, duration: Duration.Input) =>
    Effect.sync(() => void setTimeout(() => sendNow(actor, "SIGCONT"), Duration.toMillis(duration)).unref())
  return {
    note: (text) => Effect.sync(() => note("root", text)),
    kill: (actor) => send(actor, "SIGKILL"),
    terminate: (actor) => send(actor, "SIGTERM"),
    stop: (actor, duration) =>
      Effect.andThen(
        send(actor, "SIGSTOP"),
        duration === undefined ? Effect.void : continueLater(actor, duration)
      ),
    continue: (actor) => send(actor, "SIGCONT"),
    // A connection of the kernel can be cut only in both directions at once, and cannot be held.
    cut: (actor, { peer } = {}) =>
      Effect.sync(() => peer === undefined ? handles.get(actor)?.connection.destroy() : undefined),
    hold: () => Effect.void,
    release: () => Effect.void,
    setClock: () => Effect.void,
    alive: Effect.sync(() => Array.from(handles.keys())),
    now: Clock.currentTimeMillis
  }
}

const loggerOf = (note: (actor: string, text: string) => void) =>
  Logger.make<unknown, void>(({ logLevel, message }) => {
    const text = (Array.isArray(message) ? message : [message]).map((part) => described(part)).join(" ")
    note("root", `logs ${logLevel}: ${text}`)
  })

/** Reads the events from the file of the history. The last line that a killed process wrote may be incomplete. */
const read = (file: string): ReadonlyArray<Timed> =>
  Fs.readFileSync(file, "utf8").split("\n").flatMap((line) => {
    try {
      return [JSON.parse(line) as Timed]
    } catch {
      return []
    }
  })

/** Runs a random program whose history and sockets are in the given folder. */
export const run = (program: Program, folder: string): Effect.Effect<Result> =>
  Effect.gen(function*() {
    const file = Path.join(folder, `history-${program.schedule}`)
    Fs.writeFileSync(file, "")
    process.env[fileVariable] = file
    const started = reset()
    const began = performance.now()
    const millis = () => Math.round(performance.now() - began)
    const history: Array<Simulation.Happening> = []
    const note = (actor: string, text: string) => void history.push({ millis: millis(), actor, text })
    // When Node opens the first stream of a process, libuv keeps /dev/null open, as a reserve for when the process
    // has no free file descriptor.
    const ignore = (description: string) => description === "/dev/null"
    const leaks = { within: Duration.millis(goneMillis), temporary: { folder }, ignore }
    const before = yield* Leaks.picture(leaks)
    const sinks = Sinks.make()
    const exit = yield* whole(program, {
      extraMillis,
      spoilLogs: sinks.spoilLogs,
      breakConnection: (actor) => void started.broken.add(actor),
      // The transport between real processes cannot be made to fail, because the kernel provides it.
      unplug: () => Effect.void
    }).pipe(
      Effect.provideService(Simulation.World, worldOf(started, note)),
      Effect.provide(
        NodeActor.layer({ expose: ofRoot }).pipe(Layer.provide(Watched), Layer.provide(NodeSpawner.layer))
      ),
      Effect.provideService(Recorder, fileRecorder(file)),
      Effect.provideService(Logger.CurrentLoggers, new Set([sinks.logger, loggerOf(note)])),
      Effect.timeoutOption(limitMillis),
      Effect.exit
    )
    for (const { actor, text } of started.exits) note(actor, text)
    const wrong: Array<string> = []
    if (Exit.isFailure(exit)) wrong.push(`the program failed: ${Simulation.how(exit)}`)
    const leaked = yield* Effect.flip(Leaks.check(before, leaks)).pipe(Effect.option)
    if (leaked._tag === "Some") wrong.push(leaked.value.message)
    const orphans = Processes.withVariable(fileVariable, file).filter(({ pid }) => pid !== process.pid)
    for (const orphan of orphans) wrong.push(`left: ${Processes.describe(orphan)}`)
    const events = read(file)
    const at = events.at(-1)?.at ?? 0
    const isLate = Exit.isSuccess(exit) && exit.value._tag === "None"
    Fs.rmSync(file)
    return {
      program,
      slackMillis,
      run: {
        seed: program.schedule,
        end: isLate ? "endless" : "done",
        exit,
        history,
        left: [],
        hurt: [],
        millis: millis(),
        choices: 0,
        fingerprint: 0
      },
      events: [...events, ...wrong.map((text): Timed => ({ _tag: "Wrong", check: "comesToRest", text, at }))]
    }
  })
