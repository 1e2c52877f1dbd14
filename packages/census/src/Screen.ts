/**
 * The screen of the census prints lines, and shows the progress of a count. A terminal gets a progress bar that is
 * redrawn in place, while a pipe gets a line of progress at each quarter. The Layer of the screen chooses between
 * terminal and pipe, so that the census's program need not know where it prints.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { styleText } from "node:util"
import type { Sources } from "./sources.ts"
import * as Text from "./text.ts"

export interface Progress {
  /** Counts one more file of the census as done, and adds its bytes to the progress. */
  readonly advance: (bytes: number) => Effect.Effect<void>
  /** Prints a line on the screen of the census while the progress of a count is shown. */
  readonly say: (line: string) => Effect.Effect<void>
}

export class Screen extends Context.Service<Screen, {
  /** The number of characters that a line on the screen of the census may have. */
  readonly width: number
  readonly say: (...lines: ReadonlyArray<string>) => Effect.Effect<void>
  /** Highlights a text, if the screen of the census can show highlighted text. */
  readonly heading: (text: string) => string
  /** Shows the progress of a count of files while the count runs. */
  readonly during: <A, E, R>(
    sources: Sources,
    use: (progress: Progress) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, R>
}>()("census/Screen") {
  static readonly layer = Layer.suspend(() => {
    const { stdout } = process
    const write = (text: string) => void stdout.write(text)
    // A terminal whose width is unknown reports a width of 0 columns.
    return stdout.isTTY ? terminal(write, stdout.columns || 80) : pipe(write)
  })
}

/** The progress of the census in counting its files. */
interface State {
  readonly total: number
  readonly startedAt: number
  files: number
  bytes: number
}

const begin = ({ files }: Sources): State => ({
  total: files.length,
  startedAt: performance.now(),
  files: 0,
  bytes: 0
})

const describe = ({ bytes, files, startedAt, total }: State): string =>
  `${Text.count(files)} of ${Text.many(total, "file")}, ${Text.bytes(bytes)}, ` +
  Text.seconds(performance.now() - startedAt)

type Write = (text: string) => void

const say = (write: Write) => (...lines: ReadonlyArray<string>) =>
  Effect.sync(() => write(lines.map((line) => `${line}\n`).join("")))

/** The screen of the census for output to a file or another program. */
export const pipe = (write: Write): Layer.Layer<Screen> =>
  Layer.succeed(Screen, {
    width: Infinity,
    say: say(write),
    heading: (text) => text,
    during: (sources, use) =>
      Effect.suspend(() => {
        const state = begin(sources)
        const quarter = () => Math.floor(state.files * 4 / state.total)
        return use({
          advance: (bytes) =>
            Effect.sync(() => {
              const before = quarter()
              state.files++
              state.bytes += bytes
              if (quarter() > before) write(`  ${describe(state)}\n`)
            }),
          say: (line) => say(write)(`  ${line}`)
        })
      })
  })

const clear = "\r\u001b[2K"
const barWidth = 24
const millisBetweenDrawings = 40

const bar = (state: State, width: number): string => {
  const full = Math.round(state.files / state.total * barWidth)
  return `${"█".repeat(full)}${"░".repeat(barWidth - full)} ${describe(state)}`.slice(0, width - 1)
}

/** The screen of the census for a terminal. */
export const terminal = (write: Write, width: number): Layer.Layer<Screen> =>
  Layer.succeed(Screen, {
    width,
    say: say(write),
    heading: (text) => styleText("bold", text),
    during: (sources, use) =>
      Effect.suspend(() => {
        const state = begin(sources)
        let drawnAt = -Infinity
        const draw = Effect.sync(() => {
          drawnAt = performance.now()
          write(`${clear}${bar(state, width)}`)
        })
        const progress: Progress = {
          advance: (bytes) =>
            Effect.suspend(() => {
              state.files++
              state.bytes += bytes
              return performance.now() - drawnAt < millisBetweenDrawings ? Effect.void : draw
            }),
          say: (line) => Effect.andThen(say(write)(`${clear}${line}`), draw)
        }
        return Effect.andThen(draw, use(progress)).pipe(Effect.ensuring(Effect.sync(() => write(clear))))
      })
  })
