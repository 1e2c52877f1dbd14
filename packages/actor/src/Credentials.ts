/**
 * Makes the credentials of a tree, which its actors hold and never show: the name of the tree, and the secret of its
 * members. The runtime has an option for the credentials of its tree, and provides them to the Layers of its platform,
 * in the root and in every actor.
 *
 * @since 0.1.0
 */
export { Credentials, make } from "./internal/contract/Credentials.ts"
export type { TreeCredentials } from "./internal/contract/Credentials.ts"
