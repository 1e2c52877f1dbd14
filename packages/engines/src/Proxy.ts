/**
 * A proxy before a test's server, with which a test can cut the connection, or hold its bytes in one or both
 * directions.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"

export interface Proxy {
  readonly port: number
  /** Passes all bytes of a connection on, including the bytes that the proxy has held. */
  readonly pass: Effect.Effect<void>
  /** Holds the bytes of both directions in the proxy while connections stay open, as an unplugged cable does. */
  readonly hold: Effect.Effect<void>
  /** Holds the answers of the server in the proxy, and lets requests to the server through. */
  readonly holdAnswers: Effect.Effect<void>
  /** Ends all connections through the proxy, and accepts no more connections. */
  readonly cut: Effect.Effect<void>
}

type Mode = "pass" | "hold" | "holdAnswers" | "cut"

interface Pair {
  readonly client: Net.Socket
  readonly server: Net.Socket
}

const apply = ({ client, server }: Pair, mode: Mode): void => {
  if (mode === "cut") {
    client.destroy()
    server.destroy()
    return
  }
  if (mode === "hold") client.pause()
  else client.resume()
  if (mode === "pass") server.resume()
  else server.pause()
}

export const make = (target: number): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.gen(function*() {
    const pairs = new Set<Pair>()
    let mode: Mode = "pass"
    const become = (next: Mode) =>
      Effect.sync(() => {
        mode = next
        for (const pair of pairs) apply(pair, mode)
      })
    const listener = Net.createServer((client) => {
      const server = Net.connect(target, "127.0.0.1")
      const pair = { client, server }
      pairs.add(pair)
      client.on("data", (bytes) => server.write(bytes))
      server.on("data", (bytes) => client.write(bytes))
      for (const [one, other] of [[client, server], [server, client]] as const) {
        one.setNoDelay(true)
        one.on("error", () => {})
        one.on("close", () => {
          pairs.delete(pair)
          other.destroy()
        })
      }
      apply(pair, mode)
    })
    const port = yield* Effect.acquireRelease(
      Effect.callback<number>((resume) => {
        listener.listen(0, "127.0.0.1", () => resume(Effect.succeed((listener.address() as Net.AddressInfo).port)))
      }),
      () =>
        Effect.callback<void>((resume) => {
          for (const { client, server } of pairs) {
            client.destroy()
            server.destroy()
          }
          listener.close(() => resume(Effect.void))
        })
    )
    return { port, pass: become("pass"), hold: become("hold"), holdAnswers: become("holdAnswers"), cut: become("cut") }
  })
