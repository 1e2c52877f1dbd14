/**
 * Makes, names and removes the private folders that hold the sockets of trees.
 *
 *   runtime folder   $XDG_RUNTIME_DIR/furrow, or furrow-<uid> among the temporary files; one for all trees of a user
 *   tree's folder    <root's pid>-<8 hex digits>, made when the first actor of the tree listens
 *   socket           <name>@<pid>.sock
 *
 * The runtime folder and the folder of a tree must belong to this user and be closed to all other users. A process that
 * could put a socket into the folder of another user's tree would be taken for an actor by diallers. A runtime folder
 * that other users can open is refused, and its mode is left as it is. The error about a refused runtime folder says
 * how to repair the folder. The private folder of a tree is the tree's first protection against other users. The second
 * protection of a tree is its secret, which both ends of every connection have to prove.
 *
 * The functions of runtimeFolder.ts are synchronous, because an actor makes only a few calls to the file system at its
 * start and end.
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

/** True for a path of a real folder, and false for a symbolic link to a folder. */
const isFolder = (path: string): boolean => lstat(path)?.isDirectory() === true

/** Returns the default folder for the folders of this user's trees. */
export const defaultRuntimeFolder = (): string => {
  const given = process.env["XDG_RUNTIME_DIR"]
  // After the commands `su` and `sudo` the variable XDG_RUNTIME_DIR may still name the folder of another user.
  if (given !== undefined && Path.isAbsolute(given) && isFolder(given) && lstat(given)?.uid === ownUid()) {
    return Path.join(given, "furrow")
  }
  return Path.resolve(Os.tmpdir(), `furrow-${ownUid()}`)
}

/** Returns the runtime folder that the option `folder` names, or the default runtime folder. */
export const runtimeFolder = (wanted: string | undefined): string =>
  wanted === undefined ? defaultRuntimeFolder() : Path.resolve(wanted)

/**
 * Returns the path of a tree's folder, where `run` is the name of this run of the tree. The folder of a tree is made
 * when an actor of the tree makes its first socket.
 */
export const treeFolder = (runtimeFolder: string, run: string): string => Path.join(runtimeFolder, run)

const refusal = (path: string, problem: string, next: string): TransportError =>
  new TransportError({
    gone: false,
    reason: `the sockets of this tree cannot be in ${path}: ${problem}. ${next}, or choose another folder with the ` +
      "option `folder` of NodeTransport.layerUnix"
  })

/**
 * An error for a runtime folder that disappears while a tree's folder is made in it, because another tree has just
 * removed the runtime folder.
 */
class Vanished extends Error {}

const failedAt = (path: string, error: unknown): Error => {
  if (error instanceof TransportError) return error
  if (codeOf(error) === "ENOENT") return new Vanished(path)
  if (codeOf(error) === "EMFILE" || codeOf(error) === "ENFILE") {
    return new TransportError({ gone: false, reason: `${(error as Error).message}: ${tooManyFiles}` })
  }
  return refusal(path, (error as Error).message, "Make it usable for this process")
}

/** Makes one folder of sockets. Returns true when a folder did not exist before the call of `makeFolder`. */
const makeFolder = (path: string): boolean => {
  try {
    Fs.mkdirSync(path, { mode: 0o700 })
    return true
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false
    throw failedAt(path, error)
  }
}

/** The number of symbolic links that are followed on one path, which equals the limit of the Linux kernel. */
const maxLinks = 40

const names = (path: string): ReadonlyArray<string> => path.split(Path.sep).filter((name) => name !== "")

/**
 * Makes the missing folders on the way to a path. Symbolic links on the way to the runtime folder are followed only
 * where the links belong to the superuser, as /tmp does on macOS. Another user could redirect a symbolic link of their
 * own before the path of the runtime folder is used.
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
      // Another process may make the missing folder first, so the next turn of the loop checks the folder like every
      // folder that existed before.
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

/**
 * Makes a folder for a tree, or takes over an existing folder, so that only this user can open the folder. Returns true
 * when a tree's folder did not exist before the call.
 */
const claim = (path: string): boolean => {
  const made = makeFolder(path)
  const found = lstat(path)
  if (found === undefined) throw new Vanished(path)
  checkOwned(path, found)
  const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = Fs.constants
  try {
    const fd = Fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    try {
      // The mode of an opened folder is changed through its descriptor, because its path may lead to another folder by
      // now.
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

/**
 * The number of attempts to make the folder of a tree. An attempt to make a tree's folder fails when another tree
 * removes the runtime folder at the same moment.
 */
const maxAttempts = 5

/**
 * Makes the folder of a tree, and makes sure that only this user can open the folder. Returns true when the tree's
 * folder did not exist before; throws a `TransportError`.
 */
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

/**
 * The character with which the file names of an actor's door and of the door's key begin. No file name of any other
 * socket of an actor begins with `+`, so a door never has the file name of another socket.
 */
const doorMark = "+"

/** Returns the number of bytes that the path of a Unix socket may have, without the zero byte at its end. */
export const longestPath = (platform: NodeJS.Platform): number => platform === "linux" ? 107 : 103

/**
 * Matches names of actors without special meaning to a file system, a shell or a reader, which are unchanged in
 * sockets' file names.
 */
const plainName = /^[A-Za-z0-9_][A-Za-z0-9_.:=+@-]*$/

/**
 * Returns a short file name for an actor's socket: the character `~` and a hash of the actor's name. A socket that has
 * the name of its actor as its file name never begins with `~`.
 */
const shortName = (name: string): string =>
  `~${Builtins.crypto().createHash("sha256").update(name).digest("hex").slice(0, 12)}`

/**
 * Returns the path of an actor's socket, with a shortened name where the path would be too long. Throws a
 * `TransportError` where the path of an actor's socket is too long even with a shortened name.
 */
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

/** Returns the paths of an actor's door for observers, and of the key to the door. */
export const doorPaths = (
  tree: string,
  actor: Pick<ActorId, "name" | "pid">
): { readonly socket: string; readonly key: string } => {
  const socket = socketPath(tree, actor, process.platform, doorMark)
  return { socket, key: keyOf(socket) }
}

/** Returns the path of the key that stands beside the socket of an actor's door. */
export const keyOf = (socket: string): string => socket.replace(/\.sock$/, ".key")

/**
 * True when no process has the given pid. A process that is dead and not yet reaped (a zombie) counts as a dead
 * process.
 */
export const isDead = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return codeOf(error) === "ESRCH"
  }
  if (process.platform !== "linux") return false
  try {
    const stat = Fs.readFileSync(`/proc/${pid}/stat`, "utf8")
    // The name in a process's /proc stat file may contain brackets, so the state is read behind the last closing
    // bracket.
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
    // The removal of a socket's file has no effect where the file does not exist, or where another process removes the
    // file first.
  }
}

/** Lists the socket files of actors in a tree's folder. */
export const sockets = (tree: string): ReadonlyArray<string> =>
  entries(tree).filter((name) => name.endsWith(".sock")).map((name) => Path.join(tree, name))

/** Removes the sockets of dead actors and the keys of their doors, and reports no errors. */
export const removeDead = (tree: string): void => {
  for (const name of entries(tree)) {
    const [, pid] = /@([1-9]\d{0,9})\.(?:sock|key)$/.exec(name) ?? []
    if (pid !== undefined && isDead(Number(pid))) unlink(Path.join(tree, name))
  }
}

/** Removes the socket of one actor, and reports no errors. */
export const removeSocket = (tree: string, actor: ActorId): void => {
  if (!isFolder(tree)) return
  try {
    unlink(socketPath(tree, actor))
  } catch {
    // An actor whose name is too long for the path of a socket has no socket to remove, because the actor never
    // listened.
  }
}

/** Returns the folders of trees with a dead root, which lie in the same runtime folder as the folder of this tree. */
export const deadBeside = (tree: string): ReadonlyArray<string> => {
  const runtime = Path.dirname(tree)
  return entries(runtime).map((name) => Path.join(runtime, name)).filter((path) => {
    const [, pid] = /^([1-9]\d{0,9})-[0-9a-f]{8}$/.exec(Path.basename(path)) ?? []
    if (path === tree || pid === undefined || !isDead(Number(pid))) return false
    return isFolder(path) && lstat(path)?.uid === ownUid()
  })
}

/**
 * Removes a tree's folder and its contents, and reports no errors. A symbolic link in the place of a tree's folder is
 * not followed, because the link's target does not belong to the tree.
 */
export const removeTree = (tree: string): void => {
  if (!isFolder(Path.dirname(tree)) || !isFolder(tree)) return
  try {
    Fs.rmSync(tree, { recursive: true, force: true })
  } catch {
    // A failed removal of a dead tree's folder is ignored, because the next tree of this user removes the folder.
  }
}

/**
 * Removes the runtime folder when the last tree of this user has gone. A runtime folder that the option `folder` names
 * belongs to the user, and is not removed.
 */
export const removeIfLast = (tree: string): void => {
  const runtime = Path.dirname(tree)
  if (runtime !== defaultRuntimeFolder()) return
  try {
    Fs.rmdirSync(runtime)
  } catch {
    // The removal of the runtime folder fails while other trees of this user have folders in it.
  }
}
