/** Cases of `npm run faults` about the ends of actors: in order, by a signal, by a failure, or by SIGKILL. */
import * as Eventually from "@furrow/testing/Eventually"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import type { Case } from "../case.ts"

const patient = { within: "60 seconds" } as const

export const ends: ReadonlyArray<Case> = [
  {
    guarantees: ["G72", "G94"],
    title: "a layer that cannot be released fails the caller of its actor",
    program: "release-dies.ts",
    wanted: [
      "it works",
      "[<time>] ERROR (#<fiber>): the cleanup of this actor failed Error: the release broke",
      "    at file://<programs>/release-dies.ts { actor: 'work@<pid>' }",
      "the caller hears RemoteActorError: Error in work@<pid>: the release broke",
      "exit code 0"
    ]
  },
  {
    guarantees: ["G72", "G95"],
    title: "an actor whose layer is never released ends within its bound after a signal",
    program: "release-hangs.ts",
    wanted: [
      "it works",
      "[<time>] ERROR (#<fiber>): the cleanup of this actor failed CleanupUnfinished: the release of its " +
      "layers did not end within 750 ms (Timeouts.finalizers, less what the last words need). The actor ends without it " +
      "{ actor: 'worker@<pid>' }",
      "it ended: Cancelled, cut off: CleanupUnfinished",
      "it is there: false",
      "exit code 0"
    ]
  },
  {
    guarantees: ["G82"],
    title: "a cleanup that dies after its reader has left is the same defect here and there",
    program: "cleanup-dies.ts",
    wanted: [
      "here:  Die the cleanup broke",
      "there: Die the cleanup broke",
      "exit code 0"
    ]
  },
  {
    guarantees: ["G89"],
    title: "a fiber that dies in the background is an event and an Error log",
    program: "fiber-dies.ts",
    wanted: [
      "[<time>] ERROR (#<fiber>): a fiber in the background of this actor failed Error: the refresh broke",
      "    at file://<programs>/fiber-dies.ts { actor: 'Prices@<pid>' }",
      "it answers: 7",
      "stderr: the event: the refresh broke",
      "exit code 0"
    ]
  },
  {
    guarantees: ["G88", "G93"],
    title: "an actor whose main fails has failed with it",
    program: "main-fails.ts",
    wanted: [
      "[<time>] ERROR (#<fiber>): the main of this actor failed Error: the feed dried up { actor: 'Feed@<pid>' }",
      "Failed: the feed dried up",
      "exit code 0"
    ]
  },
  {
    guarantees: ["G78"],
    title: "no call that crosses the end of an actor in order is lost",
    program: "calls-cross-the-end.ts",
    wanted: ["96 calls ended, lost: 0", "it ended: Returned", "exit code 0"]
  },
  {
    guarantees: ["G80", "G91"],
    title: "an error says whether its actor lives on",
    program: "ends-meanwhile.ts",
    wanted: [
      "defect: RemoteActorError (ending: false)",
      "uncaught: RemoteActorError (ending: true)",
      "its actor: Failed",
      "exit: ActorLost (began: maybe)",
      "its actor: Lost",
      "exit code 0"
    ]
  },
  {
    guarantees: ["G8", "G81"],
    title: "a call on a closed portal costs a turn of the event loop",
    program: "retries-closed-portal.ts",
    wanted: ["closed: ChannelClosed", "a turn for nearly every call: true", "exit code 0"]
  },
  {
    guarantees: ["G58", "G90"],
    title: "a tree whose every process is signalled at once ends in its own order",
    program: "waits-for-signals.ts",
    play: ({ program }) =>
      Effect.map(program.says(/working/, patient), () => {
        for (const pid of [program.pid, ...program.left().map(({ pid }) => pid)]) process.kill(pid, "SIGTERM")
      }),
    wanted: ["working", "Web saves: Success", "Store saves the memory of Web", "exit code 143"]
  },
  {
    guarantees: ["G64"],
    title: "two SIGINTs 30 ms apart are one Ctrl-C: everybody saves",
    program: "saves-at-the-end.ts",
    play: ({ program }) =>
      Effect.gen(function*() {
        yield* program.says(/working/, patient)
        yield* program.signal("SIGINT")
        yield* Eventually.pause("30 millis")
        yield* program.signal("SIGINT")
      }),
    wanted: ["working", "the actor has saved", "the root has ended", "exit code 130"]
  },
  {
    guarantees: ["G92"],
    title: "the time in which a program is stopped does not count for the start of its actor",
    program: "is-stopped.ts",
    play: ({ folder, program }) =>
      Effect.gen(function*() {
        yield* program.says(/building/, patient)
        yield* program.signal("SIGSTOP")
        // The test stops the root's process for longer than the start of the root's actor may last. A bound that
        // counted the time of a stopped process would fail the start.
        yield* Eventually.pause("7 seconds")
        Fs.writeFileSync(Path.join(folder, "go"), "")
        yield* program.signal("SIGCONT")
      }),
    wanted: ["building", "it was ready in time", "exit code 0"]
  },
  {
    guarantees: ["G7"],
    title: "a lost actor is noticed where the errors of JavaScript are frozen",
    program: "has-frozen-errors.ts",
    wanted: ["ActorLost", "exit code 0"]
  },
  {
    guarantees: ["G79"],
    title: "a transport that throws costs its connection, and nothing else",
    program: "writes-throw.ts",
    wanted: [
      "[<time>] ERROR (#<fiber>): the transport threw: the transport is broken Error: the transport is broken",
      "    at Object.write (file://<programs>/writes-throw.ts)",
      "hello",
      "ActorLost",
      "host@<pid> is lost: its connection closed (the transport threw: the transport is broken)",
      "the program goes on",
      "exit code 0"
    ]
  },
  {
    guarantees: [],
    title: "a pool whose actors cannot start starts them no more often than it is used, and works once they can",
    program: "pools-flaky-actors.ts",
    wanted: ["SpawnFailed", "SpawnFailed", "no more than one start a use: true", "7", "exit code 0"]
  }
]
