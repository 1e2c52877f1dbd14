/**
 * A portal is a handle on another actor: run its calls, read its streams, open its dialogs, end it. It owns nothing, it is
 * good for as long as the actor and the connection live, and its type lists what the actor exposes.
 *
 * @since 0.1.0
 */
export type { ActorExit } from "./internal/errors/ActorExit.ts"
export type { ChannelSnapshot, PortalSnapshot } from "./internal/inspect/Snapshot.ts"
export { monitor } from "./internal/local/Ends.ts"
export { drain, isPortal } from "./internal/portal/Portal.ts"
export type { DialogOf, EndpointsOf, Portal } from "./internal/portal/Portal.ts"
