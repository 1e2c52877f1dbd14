/** The code of a worker thread that answers with the message it gets. */
import { parentPort } from "node:worker_threads"

parentPort!.on("message", (message) => parentPort!.postMessage(message))
parentPort!.postMessage("ready")
