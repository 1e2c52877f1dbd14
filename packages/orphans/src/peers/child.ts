/** The child where nothing but Node is used: fork, cluster. */
import { type Job, work } from "./work.ts"

await work(JSON.parse(process.argv[2]!) as Job)
