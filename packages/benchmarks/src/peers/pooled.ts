/** The task that the pools of other libraries run. */
export default (payload: unknown): unknown => payload
