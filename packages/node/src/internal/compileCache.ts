/**
 * The compile cache of an actor that is a bundle started again.
 *
 * Other actors turn it on in their first line. A bundle is compiled before a line of it runs, so its parent asks Node for
 * the cache by the environment. The actor takes that out again, before the program's own code runs: it is no request of
 * the program's, and not for the processes that the actor starts.
 */
import { bundledArguments, isBundledActor } from "@furrow/actor/ActorProcess"
import * as Os from "node:os"
import * as Path from "node:path"
import { takeBackStartFlags } from "./startFlags.ts"

const name = "NODE_COMPILE_CACHE"

/** The folder of Node's compile cache when no folder is named: actors without a bundle use the same. */
const folder = (): string => Path.join(Os.tmpdir(), "node-compile-cache")

/** The argument of an actor which says that the runtime, and not the program, asked for the cache in the environment. */
const asked = "compile-cache"

/** The index of that argument among the runtime's arguments. */
const place = 5

if (bundledArguments[place] === asked) delete process.env[name]

// In actors that are no bundle, preload.ts takes the flags back.
if (isBundledActor) takeBackStartFlags()

type Environment = Readonly<Record<string, string | undefined>>

/** The environment and the argument of a bundle that is started again; a program that has decided for itself is obeyed. */
export const askForCache = (env: Environment): { readonly env: Environment; readonly argument: string } =>
  env[name] !== undefined || env["NODE_DISABLE_COMPILE_CACHE"] !== undefined
    ? { env, argument: "-" }
    : { env: { ...env, [name]: folder() }, argument: asked }
