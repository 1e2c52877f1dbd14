/** The module that the library workerpool runs in its child process. */
import workerpool from "workerpool"
import { work } from "./work.ts"

workerpool.worker({ work })
