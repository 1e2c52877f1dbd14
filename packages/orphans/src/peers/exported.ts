/**
 * The module that a pool of another library imports: tinypool uses the default export, jest-worker the named exports.
 */
import { work } from "./work.ts"

export { work }
export default work
