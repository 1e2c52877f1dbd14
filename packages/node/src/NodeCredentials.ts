/**
 * Reads the credentials of trees that know each other from a file that only the trees' user can read.
 *
 * @since 0.2.0
 */
import { RuntimeLayerError } from "@furrow/actor/ActorRuntime"
import { make, type TreeCredentials } from "@furrow/actor/Credentials"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Builtins from "./internal/builtins.ts"

/**
 * Settings of the file with a tree's credentials: the name of the tree, and whether a missing file is made.
 *
 * @category models
 * @since 0.2.0
 */
export interface FileOptions {
  /** The name of this program's tree, as other trees see it. The default name of a program's tree is `tree`. */
  readonly tree?: string | undefined
  /**
   * Makes the file of the secret where the file is missing, and writes a new random secret into the file. Programs that
   * make the file of a secret concurrently all read the same secret. By default a missing file of the secret is an
   * error.
   */
  readonly create?: boolean | undefined
}

/** The length in bytes of the shortest secret that `NodeCredentials.fromFile` accepts. */
const minBytes = 32

/** The error of a secret's file that cannot be used, whose message tells the user the problem of the file. */
class Unusable extends Error {}

const problemOf = (path: string): string | undefined => {
  const stats = Fs.lstatSync(path)
  if (!stats.isFile()) return "it is no file"
  const uid = process.geteuid?.()
  if (uid !== undefined && stats.uid !== uid && stats.uid !== 0) return "it belongs to another user"
  return uid !== undefined && (stats.mode & 0o077) !== 0 ? "others can read it: chmod 600" : undefined
}

/**
 * Writes a new secret to a temporary file, and then links the complete temporary file to the path of the secret's file.
 * A reader never sees an incomplete file, and when several programs make the file at once, the first file stays.
 */
const create = (path: string): void => {
  const made = `${path}.${process.pid}.${Builtins.crypto().randomBytes(4).toString("hex")}`
  Fs.writeFileSync(made, `${Builtins.crypto().randomBytes(minBytes).toString("hex")}\n`, { mode: 0o600, flag: "wx" })
  try {
    Fs.linkSync(made, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
  } finally {
    Fs.unlinkSync(made)
  }
}

const read = (path: string, wanted: boolean): Uint8Array => {
  if (wanted && !Fs.existsSync(path)) create(path)
  const problem = problemOf(path)
  if (problem !== undefined) throw new Unusable(problem)
  const text = Fs.readFileSync(path, "utf8").trimEnd()
  const secret = new Uint8Array(Buffer.from(text, "utf8"))
  if (secret.length < minBytes) {
    throw new Unusable(
      `it has ${secret.length} bytes, and a secret at least ${minBytes}: head -c 32 /dev/urandom | base64`
    )
  }
  return secret
}

/**
 * Reads from a file the secret that several trees share. A process that knows the secret can dial the actors of every
 * tree with this secret. Copy the file of the secret to other hosts only over a channel that you trust. A shared secret
 * is the text of its file without line breaks at the end, and has at least 32 bytes.
 *
 * The Layer of credentials fails with `RuntimeLayerError` where the secret is too short, or its file is missing or
 * readable by other users. Errors of the Layer of credentials never contain the secret.
 *
 * @example
 * ```ts check
 * const credentials = NodeCredentials.fromFile("/etc/furrow/shop.secret", { tree: "shop" })
 * NodeActor.runMain(program, {
 *   layer: Layer.unwrap(Effect.map(credentials, (credentials) => NodeActor.layer({ credentials })))
 * })
 * ```
 * @category constructors
 * @since 0.2.0
 */
export const fromFile = (
  path: string,
  options: FileOptions = {}
): Effect.Effect<TreeCredentials, RuntimeLayerError> =>
  Effect.try({
    try: () => make({ tree: options.tree, secret: read(path, options.create === true) }),
    catch: (error) => {
      const { code, message } = error as NodeJS.ErrnoException
      const reason = error instanceof Unusable ? message : `it cannot be read (${code ?? "no file"})`
      return new RuntimeLayerError({ what: "credentials", key: "file", module: path, step: "layer", reason })
    }
  })
