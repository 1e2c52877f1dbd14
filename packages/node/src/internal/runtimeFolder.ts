/**
 * The private folders that the sockets of trees are in, and what they are called.
 *
 *   runtime folder   $XDG_RUNTIME_DIR/furrow, or furrow-<uid> among the temporary files; one for all trees of a user
 *   tree's folder    <root's pid>-<8 hex digits>, made when the first actor of the tree listens
 *   socket           <name>@<pid>.sock
 *
 * Both folders are ours and open to us alone, or they are not used: a process that can put a socket there is taken for
 * an actor by its diallers. A folder that is not safe is refused and left as it is, with an error that says what
 * to do. The folder is the first lock; the second is the secret that both ends of every connection have to prove.
 *
 * Nothing here waits: these are a few calls to the file system when an actor starts or ends.
 */
import type { ActorId } from "@furrow/actor/ActorError"
import { TransportError } from "@furrow/actor/Transport"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Builtins from "./builtins.ts"
import { codeOf } from "./signals.ts"
import { tooManyFiles } from "./socket.ts"

const ownUid = (): number => process.geteuid?.() ?? -1

const lstat = (path: string): Fs.Stats | undefined => {
  try {
    return Fs.lstatSync(path)
  } catch {
    return undefined
  }
}

/** A link to a folder is none. */
const isFolder = (path: string): boolean => lstat(path)?.isDirectory() === true

/** The place of the folders of this user's trees, unless an option says otherwise. */
export const defaultRuntimeFolder = (): string => {
  const given = process.env["XDG_RUNTIME_DIR"]
  // After `su` or `sudo` the variable may still name the folder of another user.
  if (given !== undefined && Path.isAbsolute(given) && isFolder(given) && lstat(given)?.uid === ownUid()) {
    return Path.join(given, "furrow")
  }
  return Path.resolve(Os.tmpdir(), `furrow-${ownUid()}`)
}

/** The folder that is asked for, or the default. */
export const runtimeFolder = (wanted: string | undefined): string =>
  wanted === undefined ? defaultRuntimeFolder() : Path.resolve(wanted)

/** The path of a tree's folder; `run` is the name of this run of the tree. It is made when it is needed. */
export const treeFolder = (runtimeFolder: string, run: string): string => Path.join(runtimeFolder, run)

const refusal = (path: string, problem: string, next: string): TransportError =>
  new TransportError({
    gone: false,
    reason: `the sockets of this tree cannot be in ${path}: ${problem}. ${next}, or choose another folder with the ` +
      "option `folder` of NodeTransport.layerUnix"
  })

/** The folder went away while it was made: the last tree before us has just removed it. */
class Vanished extends Error {}

const failedAt = (path: string, error: unknown): Error => {
  if (error instanceof TransportError) return error
  if (codeOf(error) === "ENOENT") return new Vanished(path)
  if (codeOf(error) === "EMFILE" || codeOf(error) === "ENFILE") {
    return new TransportError({ gone: false, reason: `${(error as Error).message}: ${tooManyFiles}` })
  }
  return refusal(path, (error as Error).message, "Make it usable for this process")
}

/** Makes a folder. True when it did not exist before. */
const makeFolder = (path: string): boolean => {
  try {
    Fs.mkdirSync(path, { mode: 0o700 })
    return true
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false
    throw failedAt(path, error)
  }
}

/** The number of links that the kernel follows. */
const maxLinks = 40

const names = (path: string): ReadonlyArray<string> => path.split(Path.sep).filter((name) => name !== "")

/**
 * Makes the missing folders on the way to a folder. Links on it are followed only where root has put them, as /tmp is one on
 * macOS: any other could lead somewhere else by the time it is used.
 */
const walkTo = (path: string): void => {
  let at = "/"
  let links = 0
  let rest = names(path)
  while (rest.length > 0) {
    const [name, ...below] = rest as [string, ...Array<string>]
    const next = Path.join(at, name)
    const found = lstat(next)
    if (found === undefined) {
      // Checks the folder again: another process may have made it meanwhile.
      makeFolder(next)
      if (lstat(next) === undefined) throw new Vanished(next)
      continue
    }
    if (found.isSymbolicLink()) {
      if (found.uid !== 0 || ++links > maxLinks) {
        throw refusal(path, `${next} is a symbolic link, and not one of root's`, "Use the path it stands for")
      }
      const target = Fs.readlinkSync(next)
      if (Path.isAbsolute(target)) at = "/"
      rest = [...names(target), ...below]
    } else if (found.isDirectory()) {
      at = next
      rest = below
    } else throw refusal(path, `${next} is not a folder`, "Move it away")
  }
}

const checkOwned = (path: string, found: Fs.Stats): void => {
  if (found.isSymbolicLink()) throw refusal(path, "it is a symbolic link", "Remove the link")
  if (!found.isDirectory()) throw refusal(path, "it is not a folder", "Move it away")
  if (found.uid === ownUid()) return
  throw refusal(
    path,
    `it belongs to user ${found.uid}, and this process is user ${ownUid()}'s`,
    "Have its owner remove it"
  )
}

/** Makes a folder or takes it over, for us alone. Returns true when it did not exist before. */
const claim = (path: string): boolean => {
  const made = makeFolder(path)
  const found = lstat(path)
  if (found === undefined) throw new Vanished(path)
  checkOwned(path, found)
  const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = Fs.constants
  try {
    const fd = Fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    try {
      // The opened file is changed, whatever the path stands for meanwhile.
      const opened = Fs.fstatSync(fd)
      if (opened.ino !== found.ino || opened.dev !== found.dev) {
        throw refusal(path, "another process replaced it while it was looked at", "Find out who")
      }
      if ((opened.mode & 0o777) !== 0o700) Fs.fchmodSync(fd, 0o700)
    } finally {
      Fs.closeSync(fd)
    }
  } catch (error) {
    throw failedAt(path, error)
  }
  return made
}

/** How often others may remove the runtime folder while we make ours in it: the last one of theirs, when it is empty. */
const maxAttempts = 5

/** The tree's folder is there and ours alone. True when it did not exist before; throws a `TransportError`. */
export const prepare = (tree: string): boolean => {
  const runtime = Path.dirname(tree)
  for (let attempt = 1;; attempt++) {
    try {
      walkTo(Path.dirname(runtime))
      claim(runtime)
      return claim(tree)
    } catch (error) {
      if (!(error instanceof Vanished)) throw failedAt(tree, error)
      if (attempt === maxAttempts) throw refusal(tree, "it is removed again and again", "Find out who does it")
    }
  }
}

/** Before the name of an actor in the names of its door for observers, and of the door's key: no plain name begins so. */
const doorMark = "+"

/** The bytes of a path that the kernel keeps of a socket's address, without the zero at its end. */
export const longestPath = (platform: NodeJS.Platform): number => platform === "linux" ? 107 : 103

/** Names that mean nothing else to a file system, a shell or a reader. */
const plainName = /^[A-Za-z0-9_][A-Za-z0-9_.:=+@-]*$/

/** No plain name begins like it. */
const shortName = (name: string): string =>
  `~${Builtins.crypto().createHash("sha256").update(name).digest("hex").slice(0, 12)}`

/** The path of an actor's socket, as short as it has to be; throws a `TransportError` where no name fits. */
export const socketPath = (
  tree: string,
  actor: Pick<ActorId, "name" | "pid">,
  platform: NodeJS.Platform = process.platform,
  before = ""
): string => {
  const most = longestPath(platform)
  const within = (name: string) => Path.join(tree, `${before}${name}@${actor.pid}.sock`)
  const fits = (path: string) => Buffer.byteLength(path) <= most
  const plain = plainName.test(actor.name) ? within(actor.name) : undefined
  if (plain !== undefined && fits(plain)) return plain
  const short = within(shortName(actor.name))
  if (fits(short)) return short
  throw new TransportError({
    gone: false,
    reason: `the path of a socket has room for ${most} bytes here, and ${short} has ${Buffer.byteLength(short)}: ` +
      "choose a shorter folder with the option `folder` of NodeTransport.layerUnix, or the option `transport: \"tcp\"`"
  })
}

/** The path of an actor's door for observers, and that of the key to it. */
export const doorPaths = (
  tree: string,
  actor: Pick<ActorId, "name" | "pid">
): { readonly socket: string; readonly key: string } => {
  const socket = socketPath(tree, actor, process.platform, doorMark)
  return { socket, key: keyOf(socket) }
}

/** The path of the key beside a door. */
export const keyOf = (socket: string): string => socket.replace(/\.sock$/, ".key")

/** True when no process has this number. A dead process that has not been reaped does nothing any more either. */
export const isDead = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return codeOf(error) === "ESRCH"
  }
  if (process.platform !== "linux") return false
  try {
    const stat = Fs.readFileSync(`/proc/${pid}/stat`, "utf8")
    // The name in brackets may hold anything, so the state is looked for behind the last one.
    return /^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2))
  } catch {
    return false
  }
}

const entries = (folder: string): ReadonlyArray<string> => {
  try {
    return isFolder(folder) ? Fs.readdirSync(folder) : []
  } catch {
    return []
  }
}

const unlink = (path: string): void => {
  try {
    Fs.unlinkSync(path)
  } catch {
    // The file never was, or another process removed it first.
  }
}

/** The sockets in a tree's folder. */
export const sockets = (tree: string): ReadonlyArray<string> =>
  entries(tree).filter((name) => name.endsWith(".sock")).map((name) => Path.join(tree, name))

/** Removes the sockets of processes that are dead, and the keys of their doors; silent. */
export const removeDead = (tree: string): void => {
  for (const name of entries(tree)) {
    const [, pid] = /@([1-9]\d{0,9})\.(?:sock|key)$/.exec(name) ?? []
    if (pid !== undefined && isDead(Number(pid))) unlink(Path.join(tree, name))
  }
}

/** Removes one actor's socket; silent. */
export const removeSocket = (tree: string, actor: ActorId): void => {
  if (!isFolder(tree)) return
  try {
    unlink(socketPath(tree, actor))
  } catch {
    // No name fits: it never listened.
  }
}

/** The folders beside a tree's whose root is dead. */
export const deadBeside = (tree: string): ReadonlyArray<string> => {
  const runtime = Path.dirname(tree)
  return entries(runtime).map((name) => Path.join(runtime, name)).filter((path) => {
    const [, pid] = /^([1-9]\d{0,9})-[0-9a-f]{8}$/.exec(Path.basename(path)) ?? []
    if (path === tree || pid === undefined || !isDead(Number(pid))) return false
    return isFolder(path) && lstat(path)?.uid === ownUid()
  })
}

/** Removes a tree's folder with all that is in it; silent. It is nothing of ours where a link leads to it. */
export const removeTree = (tree: string): void => {
  if (!isFolder(Path.dirname(tree)) || !isFolder(tree)) return
  try {
    Fs.rmSync(tree, { recursive: true, force: true })
  } catch {
    // The next tree of this user tries again.
  }
}

/** Removes the folder of all trees when the last one is gone. A folder that was asked for is its owner's. */
export const removeIfLast = (tree: string): void => {
  const runtime = Path.dirname(tree)
  if (runtime !== defaultRuntimeFolder()) return
  try {
    Fs.rmdirSync(runtime)
  } catch {
    // Other trees are there.
  }
}
