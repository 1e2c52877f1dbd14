/**
 * A portal is a handle on another actor: it runs the actor's calls, reads its streams, opens its dialogs, and ends it.
 * A portal owns nothing, works as long as the actor and the connection live, and has a type that lists what the actor
 * exposes.
 *
 * @since 0.1.0
 */
export type { ActorExit } from "./internal/errors/ActorExit.ts"
export type { ChannelSnapshot, PortalSnapshot } from "./internal/inspect/Snapshot.ts"
export { monitor } from "./internal/local/Ends.ts"
export { drain, isPortal } from "./internal/portal/Portal.ts"
export type { DialogOf, EndpointsOf, Portal } from "./internal/portal/Portal.ts"
