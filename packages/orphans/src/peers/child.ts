/** Does a job in the child process of the measured runtimes that use only Node: fork and cluster. */
import { type Job, work } from "./work.ts"

await work(JSON.parse(process.argv[2]!) as Job)
