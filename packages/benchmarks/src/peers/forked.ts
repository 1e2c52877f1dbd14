/** The far end of `fork`: answers each question with its payload; as JSON it decodes and encodes bytes. */
import { fromJson, toJson } from "./wire.ts"

const json = process.argv[2] === "json"
process.on("message", ([id, payload]: [number, unknown]) => {
  process.send!([id, json ? toJson(fromJson(payload)) : payload])
})
process.on("disconnect", () => process.exit(0))
process.send!("ready")
