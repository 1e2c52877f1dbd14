/**
 * Decides about payloads of a stream that do not match its schema: their reader fails (the default), drops and counts
 * them, or asks a handler that repairs, answers or cancels.
 *
 * The method `stream.receiving(receiver)` puts a receiver in force on a stream until the Scope closes. Of nested
 * receivers the innermost one decides. The method `portal.stream(call, { receiver })` gives a receiver to a one-way
 * stream. A receiver does not decide about the first value or the result of a dialog: they fail the dialog if they
 * break their schema.
 *
 * @since 0.1.0
 */
export { answer, cancel, drop, fail, make, repair } from "./internal/contract/PayloadReceiver.ts"
export type { Decision, PayloadReceiver, Refused } from "./internal/contract/PayloadReceiver.ts"
