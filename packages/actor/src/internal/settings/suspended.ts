/**
 * Makes a Stream when it is run, as `Stream.suspend` does. `Stream.suspend` also records each stream in a WeakMap, and
 * the entries of a WeakMap make every young garbage collection of V8 slower.
 *
 * @since 0.2.0
 */
import * as Channel from "effect/Channel"
import * as Stream from "effect/Stream"

export const suspended = <A, E, R>(stream: () => Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
  Stream.fromChannel(Channel.suspend(() => Stream.toChannel(stream())))
