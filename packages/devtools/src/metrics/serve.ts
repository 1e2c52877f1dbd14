/** Serves the metrics of a tree over HTTP on the loopback, for a Prometheus on the same host. */
import type { NoTree } from "@furrow/node/internal/diagnosis/Trees"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Http from "node:http"

const contentType = "text/plain; version=0.0.4; charset=utf-8"

/**
 * True for a host name of the loopback. Requests for host names outside of the loopback are refused, because a page of
 * another site could give its own host name this host's address.
 */
const isLocal = (host: string | undefined): boolean => /^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host ?? "")

/**
 * Serves the metrics of a tree until the Effect of the server is interrupted, and asks the tree again for each request.
 */
export const serve = (port: number, text: Effect.Effect<string, NoTree>): Effect.Effect<never> =>
  Effect.scoped(Effect.andThen(
    Effect.acquireRelease(
      Effect.callback<Http.Server>((resume) => {
        const server = Http.createServer(({ headers: { host }, method, url }, response) => {
          if (!isLocal(host) || method !== "GET" || url !== "/metrics") return void response.writeHead(404).end()
          void Effect.runPromise(text).then(
            (all) => response.writeHead(200, { "content-type": contentType }).end(all),
            (error: Error) => response.writeHead(503).end(`${error.message}\n`)
          )
        })
        server.on("error", (error) => resume(Effect.die(error)))
        server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.sync(() => {
          server.close()
          server.closeAllConnections()
        })
    ).pipe(
      Effect.tap((server) => Console.log(`http://127.0.0.1:${(server.address() as { port: number }).port}/metrics`))
    ),
    Effect.never
  ))
