/**
 * Is the peer still there? Silence is answered by one `Ping`; silence after that, by giving up.
 *
 *   Quiet --tick after interval--> Asked (Ping sent) --anything heard--> Quiet
 *                                    |--tick after timeout--> Dead
 *
 * Time is an input. Only connections that can die silently (tcp) run this: the end of a local peer shows at once, and
 * a CPU-bound actor is slow, not dead.
 *
 * @since 0.1.0
 */
export interface Config {
  /** Milliseconds of silence before asking. */
  readonly interval: number
  /** Milliseconds to wait for an answer. */
  readonly timeout: number
}

export type State =
  | { readonly _tag: "Quiet"; readonly since: number; readonly n: number }
  | { readonly _tag: "Asked"; readonly at: number; readonly n: number }
  | { readonly _tag: "Dead" }

export type Input =
  | { readonly _tag: "Heard"; readonly now: number }
  | { readonly _tag: "Tick"; readonly now: number }

export type Action = { readonly _tag: "SendPing"; readonly n: number } | { readonly _tag: "GiveUp" }

export const start = (now: number): State => ({ _tag: "Quiet", since: now, n: 0 })

const none: ReadonlyArray<Action> = []

export const step = (config: Config, state: State, input: Input): readonly [State, ReadonlyArray<Action>] => {
  if (state._tag === "Dead") return [state, none]
  if (input._tag === "Heard") return [{ _tag: "Quiet", since: input.now, n: state.n }, none]
  switch (state._tag) {
    case "Quiet":
      if (input.now - state.since < config.interval) return [state, none]
      return [{ _tag: "Asked", at: input.now, n: state.n + 1 }, [{ _tag: "SendPing", n: state.n + 1 }]]
    case "Asked":
      if (input.now - state.at < config.timeout) return [state, none]
      return [{ _tag: "Dead" }, [{ _tag: "GiveUp" }]]
  }
}
