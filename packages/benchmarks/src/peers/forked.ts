/**
 * The child process that the benchmark forks, and that answers each message with the message's payload. The forked
 * child process decodes the bytes of each question and encodes the bytes of each answer, where the benchmark sends
 * JSON.
 */
import { fromJson, toJson } from "./wire.ts"

const json = process.argv[2] === "json"
process.on("message", ([id, payload]: [number, unknown]) => {
  process.send!([id, json ? toJson(fromJson(payload)) : payload])
})
process.on("disconnect", () => process.exit(0))
process.send!("ready")
