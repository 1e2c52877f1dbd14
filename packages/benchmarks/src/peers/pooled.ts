/** The task of the other pools. */
export default (payload: unknown): unknown => payload
