/**
 * The next turn of the event loop, on any platform: timers and other connections have had theirs before it.
 *
 * @since 0.1.0
 */
const { setImmediate, setTimeout } = globalThis as unknown as {
  readonly setImmediate?: (f: () => void) => unknown
  readonly setTimeout: (f: () => void, millis: number) => unknown
}

export const nextTurn = (f: () => void): unknown => setImmediate === undefined ? setTimeout(f, 0) : setImmediate(f)
