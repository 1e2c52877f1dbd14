/**
 * An HTTP server calls an actor that writes a secret to stderr and dies: the server's answer must not contain the
 * secret.
 */
import { Actor } from "@furrow/actor"
import { NodeActor } from "@furrow/node"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { once } from "node:events"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"

export const crash = Actor.fn("crash", { module: import.meta.url })(() =>
  Effect.sync(() => {
    console.error("password: 1234")
    process.exit(3)
  })
)

if (import.meta.main) {
  const runtime = ManagedRuntime.make(NodeActor.layer)
  const server = Http.createServer(async (_, response) => {
    const exit = await runtime.runPromiseExit(Actor.runInActor(crash(), { stderr: "ignore" }))
    console.log(`in our log: ${/password: 1234/.test(String(exit))}`)
    response.writeHead(Exit.isSuccess(exit) ? 200 : 503).end(Http.STATUS_CODES[503])
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  console.log(`the client is told: ${answer.status} ${await answer.text()}`)
  server.close()
  server.closeAllConnections()
  await runtime.dispose()
}
