/**
 * Turns on Node's compile cache in an actor whose program is bundled into one file.
 *
 * Actors without a bundle turn on the compile cache in the first line of their entry file. A bundled program is
 * compiled before its first line runs. A bundle is compiled before its first line runs, so the parent of a bundled
 * actor asks for the compile cache by an environment variable. The actor removes the variable for the compile cache
 * before the code of its program runs, because the program did not set it. Processes that an actor starts must not
 * inherit the variable for the compile cache.
 */
import { bundledArguments, isBundledActor } from "@furrow/actor/ActorProcess"
import * as Os from "node:os"
import * as Path from "node:path"
import { takeBackStartFlags } from "./startFlags.ts"

const name = "NODE_COMPILE_CACHE"

/**
 * The folder that Node uses by default for the compile cache, so that actors with and without a bundle share the cache.
 */
const folder = (): string => Path.join(Os.tmpdir(), "node-compile-cache")

/** The argument of an actor that says that the runtime, and not the program, asked for the compile cache. */
const asked = "compile-cache"

/** The index of the argument `compile-cache` among the arguments that the runtime gives to an actor's process. */
const place = 5

if (bundledArguments[place] === asked) delete process.env[name]

// Removes from `process.execArgv` the flags of Node that the runtime itself gave to a bundled actor. In any other
// actor, the module preload.ts removes these flags.
if (isBundledActor) takeBackStartFlags()

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Returns the environment variables and the argument that turn on the compile cache in an actor of a bundle. A program
 * that has set NODE_COMPILE_CACHE or NODE_DISABLE_COMPILE_CACHE keeps its own setting.
 */
export const askForCache = (env: Environment): { readonly env: Environment; readonly argument: string } =>
  env[name] !== undefined || env["NODE_DISABLE_COMPILE_CACHE"] !== undefined
    ? { env, argument: "-" }
    : { env: { ...env, [name]: folder() }, argument: asked }
