/**
 * The child process of `fork`: answers each question with its payload. With JSON the process that `fork` started
 * decodes and encodes bytes.
 */
import { fromJson, toJson } from "./wire.ts"

const json = process.argv[2] === "json"
process.on("message", ([id, payload]: [number, unknown]) => {
  process.send!([id, json ? toJson(fromJson(payload)) : payload])
})
process.on("disconnect", () => process.exit(0))
process.send!("ready")
