/** Cases of `npm run faults` about bundled programs, loaders, and packages that are installed twice. */
import type { Case } from "../case.ts"

const bundled = (form: "esm" | "cjs", how: string) => ({
  program: "is-bundled.ts",
  start: () => ({ args: [form, how] })
})

export const bundles: ReadonlyArray<Case> = [
  {
    guarantees: ["G125"],
    title: "two Services of one bundle are found, though no file exports them",
    ...bundled("esm", "effect"),
    wanted: ["main", "a plough costs 7, 2 left", "exit code 0"]
  },
  {
    guarantees: ["G125"],
    title: "a promise program of one file runs its main once behind the line that asks for the root",
    ...bundled("esm", "guarded promise"),
    wanted: ["main", "a plough costs 7, 2 left", "exit code 0"]
  },
  {
    guarantees: ["G126"],
    title: "a promise program of one file without that line is told to write it",
    ...bundled("esm", "promise"),
    wanted: [
      "actor \"Prices\" did not start (step: process): this program and its actors are one file, and every actor runs " +
      "that file from its first line, so its main program must not run there: start it with NodeActor.runMain, or " +
      "write `if (NodeActor.isRoot())` before it",
      "exit code 1"
    ]
  },
  {
    guarantees: ["G126"],
    title: "a CommonJS bundle without URLs is told the options that give them",
    ...bundled("cjs", "effect"),
    wanted: [
      "[<time>] ERROR (#<fiber>): SpawnFailed: actor \"Prices\" did not start (step: import): \"Prices\" has " +
      "`module: undefined`: the actor imports that file, so it must be `import.meta.url` of the file in which this " +
      "stands; a bundle of esbuild in the format cjs has none unless it is built with " +
      "--define:import.meta.url=moduleUrl and --banner:js=\"const moduleUrl = " +
      "require('node:url').pathToFileURL(__filename).href\"",
      "exit code 1"
    ]
  },
  {
    guarantees: ["G128"],
    title: "a loader that a program registers inside is told as the reason, with the flag for it",
    program: "loads-inside.ts",
    wanted: [
      "the root has loaded barley",
      "actor \"harvest\" did not start (step: import): file://<folder>/field.crop, or something it imports, is of a " +
      "kind that Node does not load by itself: Unknown file extension \".crop\" for <folder>/field.crop; a loader that " +
      "the program registers itself (`module.register`, `registerHooks`) is not in its actors, so put it into a module " +
      "and start Node with `--import` of that module",
      "exit code 0"
    ]
  },
  {
    guarantees: ["G128"],
    title: "an unhandled rejection ends an actor under a flag that would let it pass",
    program: "rejects.ts",
    start: () => ({ execArgv: ["--unhandled-rejections=none"] }),
    wanted: [
      "Error in forget@<pid>: left alone",
      "stderr: Error: left alone",
      "stderr:     at file://<programs>/rejects.ts",
      "stderr: --unhandled-rejections=none is not followed here: an unhandled rejection ends an actor, and a " +
      "root, as any uncaught error does",
      "exit code 0"
    ]
  },
  {
    guarantees: ["G117"],
    title: "a schema of a second copy of effect is refused where it is met, with both paths",
    program: "has-second-effect.ts",
    wanted: [
      "Error: the payload of put is refused: no value of it can cross: it has a schema of a second copy of effect " +
      "(file://<folder>/node_modules/effect), which Furrow's copy (file://<ours>) cannot read. Install one copy",
      "  at [\"text\"]",
      "exit code 0"
    ]
  }
]
