/** Cases of `npm run faults` about trees whose root is killed, or has lost the right to signal its actors. */
import * as Privileged from "@furrow/orphans/privileged"
import * as Eventually from "@furrow/testing/Eventually"
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import * as Path from "node:path"
import type { Case, Place } from "../case.ts"

const patient = { within: "60 seconds" } as const

const killedWhen = (says: RegExp) => ({ program }: Place) =>
  Effect.andThen(program.says(says, patient), program.signal("SIGKILL"))

/**
 * The command that runs a program in a separate namespace of pids, whose first process is a shell that reaps dead
 * processes.
 */
const namespaced = [
  "unshare",
  "--pid",
  "--fork",
  "--mount-proc",
  "--kill-child",
  "/bin/sh",
  "-c",
  "\"$@\" & wait $!",
  "sh"
]

const noNamespaces = (): string | undefined => {
  const [command, ...args] = namespaced
  const tried = ChildProcess.spawnSync(command!, [...args, "/bin/sh", "-c", "echo 100 > /proc/sys/kernel/ns_last_pid"])
  return tried.status === 0 ? undefined : "there are no namespaces of process numbers here"
}

const capable = Privileged.capableNode()

export const kills: ReadonlyArray<Case> = [
  {
    guarantees: ["G1"],
    title: "an actor that computes ends with its killed root",
    program: "spins.ts",
    start: () => ({ args: ["is-killed"], env: { SPINS: "spins" } }),
    play: killedWhen(/it spins/),
    wanted: ["it spins", "killed by SIGKILL"]
  },
  {
    guarantees: ["G73"],
    title: "an actor that its root may not signal any more is ended by the warden",
    program: "spins.ts",
    start: () => ({ args: ["changes-user"], env: { SPINS: "spins" } }),
    cannot: Privileged.rootless,
    wanted: [
      "it spins",
      "[<time>] WARN (#<fiber>): actor \"spinner\" (process <pid>) was refused SIGTERM (EPERM): this process is user 65534 " +
      "now, and may not signal it. The warden is asked to send it. Start actors after process.setuid, not before",
      "it has ended",
      "exit code 0"
    ]
  },
  {
    guarantees: ["G73"],
    title: "an actor of a Node with file capabilities ends with its killed root",
    program: "spins.ts",
    start: () => {
      const { file, folder } = Privileged.shared()
      return {
        args: ["is-killed"],
        // Runs a copy of Node that has file capabilities: the shell replaces the path of Node in its arguments by the
        // path of the copy.
        through: ["/bin/sh", "-c", `shift; exec ${Privileged.asNobody.join(" ")} "${file}" "$@"`, "sh"],
        env: { TMPDIR: folder, NODE_COMPILE_CACHE: folder, SPINS: Path.join(folder, "spins") }
      }
    },
    cannot: () => "problem" in capable ? capable.problem : undefined,
    play: killedWhen(/it spins/),
    wanted: [
      "[<time>] WARN (#<fiber>): the guard \"warden\" cannot hold here: <capable>/node has file " +
      "capabilities, or is setuid, and the kernel drops the signal then. The guard \"thread\" is used: it costs about 8 MB an actor",
      "it spins",
      "killed by SIGKILL"
    ]
  },
  {
    guarantees: ["G77"],
    title: "the subprocess of an actor that was killed while the root computed ends with the root",
    program: "has-subprocess.ts",
    play: ({ program }) =>
      Effect.gen(function*() {
        const [, actor] = yield* program.says(/actor: process (\d+)/, patient)
        process.kill(Number(actor), "SIGKILL")
        yield* Eventually.pause("300 millis")
        const left = program.left().filter(({ command }) => command.startsWith("sleep")).length
        yield* program.signal("SIGKILL")
        return [`subprocesses before the end of the root: ${left}`]
      }),
    wanted: [
      "actor: process <pid>, below it: process <pid>",
      "subprocesses before the end of the root: 1",
      "killed by SIGKILL"
    ]
  },
  {
    guarantees: ["G75"],
    title: "a process that has got the number of an actor is left alone",
    program: "reuses-pid.ts",
    start: () => ({ through: namespaced }),
    cannot: () => Privileged.rootless() ?? noNamespaces(),
    wanted: [
      "the number is somebody else's: true",
      "the actor is Lost",
      "it is there still: true",
      "exit code 0"
    ]
  }
]
