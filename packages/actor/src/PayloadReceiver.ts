/**
 * Payloads of a stream that do not match its schema, and what their reader makes of them: fail (the default), drop and
 * count, or ask a handler that repairs, answers or cancels.
 *
 * `stream.receiving(receiver)` puts one in force on a stream until the Scope closes, as `narrow` does with a schema; the
 * innermost decides. `portal.stream(call, { receiver })` gives one to a stream of one way. A first value and a result are
 * no items: they fail as ever.
 *
 * @since 0.1.0
 */
export { answer, cancel, drop, fail, make, repair } from "./internal/contract/PayloadReceiver.ts"
export type { Decision, PayloadReceiver, Refused } from "./internal/contract/PayloadReceiver.ts"
