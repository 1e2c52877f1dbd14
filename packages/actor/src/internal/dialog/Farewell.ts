/**
 * The last word of an actor, where dialogs look for it.
 *
 * @since 0.1.0
 */
export * from "../channel/Farewell.ts"
