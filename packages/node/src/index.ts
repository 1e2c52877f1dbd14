/**
 * The public API on one page.
 *
 * @since 0.1.0
 */
export * as NodeActor from "./NodeActor.ts"
