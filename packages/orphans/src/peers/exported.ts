/** The module that a pool imports: tinypool takes the default, jest-worker the names. */
import { work } from "./work.ts"

export { work }
export default work
