/**
 * A machine that finds out whether the peer of a connection still answers. The machine of liveness sends a `Ping` after
 * some silence, and takes the connection for lost when the silence goes on.
 *
 *   Quiet --tick after interval--> Asked (Ping sent) --anything heard--> Quiet
 *                                    |--tick after timeout--> Dead
 *
 * The machine of liveness has no clock, because each input of the machine contains the time. Only a connection that
 * can be cut without notice, such as one over TCP, needs the machine of liveness. A local connection needs no pings:
 * the end of a local peer is noticed at once, and a peer that computes for a long time is not lost.
 *
 * @since 0.1.0
 */
/**
 * The limits of the silence of a peer, in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Config {
  /** The milliseconds of a peer's silence after which a `Ping` is sent. */
  readonly interval: number
  /** The milliseconds after a `Ping` within which the peer has to say any word. */
  readonly timeout: number
}

/**
 * The state of the liveness of one connection. All times in the state of liveness come from the inputs of the
 * machine, and the field `n` counts the pings.
 *
 * @category models
 * @since 0.1.0
 */
export type State =
  | { readonly _tag: "Quiet"; readonly since: number; readonly n: number }
  | { readonly _tag: "Asked"; readonly at: number; readonly n: number }
  | { readonly _tag: "Dead" }

/**
 * An input of the machine of liveness: the peer said any word, or time has passed. The time `now` of an input is in
 * milliseconds of a clock that never goes back.
 *
 * @category models
 * @since 0.1.0
 */
export type Input =
  | { readonly _tag: "Heard"; readonly now: number }
  | { readonly _tag: "Tick"; readonly now: number }

/**
 * An action of the machine of liveness: send a `Ping` to the peer, or take the connection for lost.
 *
 * @category models
 * @since 0.1.0
 */
export type Action = { readonly _tag: "SendPing"; readonly n: number } | { readonly _tag: "GiveUp" }

/**
 * Returns the state of liveness of a new connection, which begins at the time `now` in milliseconds.
 *
 * @example
 * ```ts
 * Liveness.start(1000) // { _tag: "Quiet", since: 1000, n: 0 }
 * ```
 * @category constructors
 * @since 0.1.0
 */
export const start = (now: number): State => ({ _tag: "Quiet", since: now, n: 0 })

const none: ReadonlyArray<Action> = []

/**
 * Takes one input of the machine of liveness; returns the next state and the actions.
 *
 * @example
 * ```ts
 * const config = { interval: 5000, timeout: 5000 }
 * const [asked, first] = Liveness.step(config, Liveness.start(0), { _tag: "Tick", now: 5000 })
 * first // [{ _tag: "SendPing", n: 1 }]
 * Liveness.step(config, asked, { _tag: "Tick", now: 10_000 })[1] // [{ _tag: "GiveUp" }]
 * Liveness.step(config, asked, { _tag: "Heard", now: 6000 })[0] // { _tag: "Quiet", since: 6000, n: 1 }
 * ```
 * @category steps
 * @since 0.1.0
 */
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
