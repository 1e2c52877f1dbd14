/** The far end of a worker thread. */
import { parentPort } from "node:worker_threads"

parentPort!.on("message", (message) => parentPort!.postMessage(message))
parentPort!.postMessage("ready")
