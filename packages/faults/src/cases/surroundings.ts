/**
 * Cases of `npm run faults` about the surroundings of a program: its arguments, its output, its exit code and its
 * files.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Path from "node:path"
import { type Case, programs } from "../case.ts"

const compiler = Path.join(
  Path.dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
  "bin",
  "tsc"
)

/** Shows the output of a case's program as hexadecimal numbers. */
const asNumbers = ["/bin/sh", "-c", "\"$@\" | od -An -v -tx1", "sh"]

/** Extracts the sentences that Furrow wrote from an error of the TypeScript compiler. */
const ourSentences = ["/bin/sh", "-c", "\"$@\" | grep -o '~furrow: [^\"]*'", "sh"]

export const surroundings: ReadonlyArray<Case> = [
  {
    guarantees: ["G109"],
    title: "lines of 100 KB that two actors write in pieces arrive whole",
    program: "logs-lines.ts",
    wanted: [...Array.from({ length: 10 }, () => JSON.stringify({ msg: "x".repeat(100_000) })), "exit code 0"]
  },
  {
    guarantees: ["G109"],
    title: "bytes that are no text arrive as they are, and nothing is added",
    program: "writes-bytes.ts",
    start: () => ({ through: asNumbers }),
    wanted: [" 1f 8b ff fe 80 00", "exit code 0"]
  },
  {
    guarantees: ["G109"],
    title: "a progress bar without a newline is seen while it runs",
    program: "shows-progress.ts",
    play: ({ folder, program }) =>
      Effect.map(program.says(/40%/), () => {
        const seen = program.stdout()
        Fs.writeFileSync(Path.join(folder, "go"), "")
        return [`while it ran: ${JSON.stringify(seen)}`]
      }),
    wanted: ["", "40%", "100%", "while it ran: \"\\r40%\"", "exit code 0"]
  },
  {
    guarantees: [],
    title: "a program that parses its arguments at the top finds them in its actor, too",
    program: "parses-arguments.ts",
    start: () => ({ args: ["--shout"] }),
    wanted: ["HELLO", "exit code 0"]
  },
  {
    guarantees: ["G64"],
    title: "a program that succeeds keeps the exit code it has set",
    program: "sets-exit-code.ts",
    wanted: ["exit code 5"]
  },
  {
    guarantees: ["G110"],
    title: "a program that speaks a protocol has its stdout for itself",
    program: "speaks-on-stdout.ts",
    wanted: ["{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1}", "stderr: [db] connected", "exit code 0"]
  },
  {
    guarantees: [],
    title: "relative files of Node's own flags mean the directory where the root was started",
    program: "works-elsewhere.ts",
    start: () => ({
      files: { "my.env": "SEED=wheat\n", "plough.mjs": "globalThis.loaded = \"the plough\"\n", "sub/.keep": "" },
      execArgv: ["--env-file=my.env", "--import", "./plough.mjs"]
    }),
    wanted: ["in sub: wheat, the plough was loaded", "exit code 0"]
  },
  {
    guarantees: ["G106"],
    title: "a limit of memory that is none is refused, and one that is reached is the reason of the loss",
    program: "limits-memory.ts",
    wanted: [
      "-5: SpawnFailed: actor \"hoard\" did not start (step: process): its parent gave it the memoryLimit -5: use a " +
      "positive, finite number of MiB, or leave it out for the runtime's own limit",
      "NaN: SpawnFailed: actor \"hoard\" did not start (step: process): its parent gave it the memoryLimit NaN: use a " +
      "positive, finite number of MiB, or leave it out for the runtime's own limit",
      "64: ActorLost: hoard@<pid> is lost: its process ran out of memory: its heap reached its `memoryLimit` of 64 MiB. " +
      "It was serving hoard (root@<pid>, <age>). Its heap was full (<heap> when last measured): give it more with " +
      "`memoryLimit`, or find what grows with the flag --heapsnapshot-near-heap-limit=1 in `execArgv`",
      "exit code 0"
    ]
  },
  {
    guarantees: [],
    title: "an actor that may be debugged tells its id to nobody at its port",
    program: "is-debugged.ts",
    wanted: ["a stranger is told: no id", "exit code 0"]
  },
  {
    guarantees: ["G76"],
    title: "an actor is found after a cleaner has deleted the folder of its socket",
    program: "loses-its-folder.ts",
    wanted: ["before: hello", "deleted: true", "after: hello", "exit code 0"]
  },
  {
    guarantees: [],
    title: "twelve runtimes of one process bring no warning",
    program: "has-many-runtimes.ts",
    wanted: ["12 runtimes", "exit code 0"]
  },
  {
    guarantees: [],
    title: "the client of a server is told nothing of what a lost actor had written",
    program: "serves-http.ts",
    wanted: ["in our log: true", "the client is told: 503 Service Unavailable", "exit code 0"]
  },
  {
    guarantees: [],
    title: "a Node that is too old is told so in one sentence",
    program: "sets-exit-code.ts",
    start: () => ({
      files: {
        "old.mjs": "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } })"
      },
      execArgv: ["--import", "./old.mjs"]
    }),
    wanted: [
      "[<time>] ERROR (#<fiber>): RuntimeLayerError: the spawner \"processes\" of @furrow/node cannot be built (step: layer): " +
      "Furrow needs Node 22.19 or newer, and this is Node 20.1.0: install a newer one",
      "exit code 1"
    ]
  },
  {
    guarantees: [],
    title: "the compiler tells three common mistakes in a sentence",
    program: compiler,
    start: () => ({
      args: ["-p", ".", "--pretty", "false"],
      cwd: Path.join(programs, "mistaken"),
      through: ourSentences
    }),
    wanted: [
      "~furrow: the handler needs Db, and `layer` does not close it. Add its Layer to `layer`",
      "~furrow: count is a stream. Read it with Actor.streamInActor",
      "~furrow: one is a definition, not a call. Call it: one(payload)",
      "exit code 0"
    ]
  }
]
