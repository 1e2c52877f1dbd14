/**
 * The warden is one shell beside each tree. The warden knows the process group of every actor, and kills the process
 * groups that a dead root has left.
 *
 *   root, actors ── registry: + group parent start ... ──► warden
 *   root alone ──── life ──► watch ── e ─────────────────────┘
 *
 * The word `registry` in the diagram above names a pipe, and not the registry of the tree. Every actor inherits the
 * write end of the warden's pipe, because each actor reports the processes that it starts. The pipe of the actors to
 * the warden ends only when all actors are dead, and an orphan that computes may live on. To notice the end of the
 * root, the second shell of the warden, called watch, reads a pipe whose other end only the root holds. The end of the
 * watch's pipe says that the root has ended (docs/decisions/0012-two-pipes-to-the-warden.md).
 *
 * The kernel gives the pids of dead processes to new processes. The warden notes a process group with the start time of
 * the group's leader, because pids are used again. The warden kills a process group only while no other process has the
 * pid of the group's leader.
 */
import * as Fs from "node:fs"
import * as Builtins from "./builtins.ts"

const shell = "/bin/sh"

/** True when this system has a shell in which the warden can run. */
export const isPossible = (): boolean => process.platform !== "win32" && Fs.existsSync(shell)

/**
 * The line of a shell script by which the warden's shells ignore signals that a terminal or a service manager sends to
 * every process.
 */
const deaf = "trap '' HUP INT QUIT TERM TSTP USR1 USR2\n"

/**
 * The first shell of the warden reads lines of these forms from its pipe for process groups:
 *
 *   + group parent start   an actor was started; `start` is its start time, or `-` where that is not known. An
 *                          earlier group of this number has ended unseen
 *   - group                it has ended: kills what is in the group and below it, and forgets it
 *   k group signal         sends a signal that the actor's parent may not send any more
 *   s, c                   stops and continues everything
 *   e                      the root is gone: kills everything, also what is registered from now on
 *
 * The arguments of the warden's script are the folders that the warden removes at the end of the tree. The script of
 * the warden follows no symbolic link to a folder, and ignores folders that do not exist. The warden notes a process
 * group in the form `group:parent:start`. The start time of a process is the 22nd field of /proc/PID/stat, which is the
 * 20th field after the name in brackets. A process group whose leader is dead has no file /proc/PID/stat. The kernel
 * uses the number of a process group with a dead leader again only when the group is empty.
 */
const script = `${deaf}p= gone=
ours() { [ "$2" = - ] && return 0; read -r l 2>/dev/null <"/proc/$1/stat" || return 0; at "$2" \${l##*) }; }
at() { [ "$1" = "\${21}" ]; }
hit() { t=\${2%%:*}; ours "$t" "\${2##*:}" && kill "-$1" "-$t" 2>/dev/null; }
below() { for e in $p; do case $e in *:$1:*) hit KILL "$e"; drop "\${e%%:*}";; esac; done; }
drop() { below "$1"; n=; for e in $p; do case $e in $1:*) ;; *) n="$n $e";; esac; done; p=$n; }
one() { for e in $p; do case $e in $2:*) hit "$1" "$e";; esac; done; }
each() { for e in $p; do hit "$1" "$e"; done; }
while read -r op g q s; do case $op in
+) case $p in *" $g:"*) drop "$g";; esac; p="$p $g:$q:\${s:--}"; [ -z "$gone" ] || one KILL "$g";;
-) one KILL "$g"; drop "$g";;
k) one "$q" "$g";;
s) each STOP;;
c) each CONT;;
e) gone=1; each KILL;;
esac; done
each KILL
PATH=$PATH:/usr/bin:/bin
for d in "$@"; do [ ! -L "\${d%/*}" ] && [ ! -L "$d" ] && [ -d "$d" ] && rm -rf -- "$d"; done`

/**
 * The script of the warden's second shell, which watches for the end of the root. A write to the pipe for process
 * groups does not block. The warden's second shell therefore repeats a line for which the pipe had no room.
 */
const watchScript = `${deaf}read -r x
until echo e; do :; done`

interface Started {
  /** This process's end of the pipe that is the stdin of a warden's shell. */
  readonly fd: number
  readonly close: () => void
}

const start = (name: string, code: string, args: ReadonlyArray<string>, stdout: number | "ignore"): Started => {
  const child = Builtins.childProcess().spawn(shell, ["-c", code, name, ...args], {
    stdio: ["pipe", stdout, "ignore"],
    detached: true,
    cwd: "/"
  })
  child.on("error", () => {})
  // Node makes no streams for the warden's shell where the process has no free file descriptors.
  const stdin = child.stdin as typeof child.stdin | undefined
  if (child.pid === undefined || stdin === undefined || stdin === null) {
    stdin?.destroy()
    const code = stdin === undefined ? "EMFILE" : undefined
    throw Object.assign(new Error(`the warden of the tree (${shell}) could not be started`), { code })
  }
  stdin.on("error", () => {})
  child.unref()
  const handle = (stdin as unknown as { readonly _handle: { readonly fd: number; unref(): void } })._handle
  handle.unref()
  return { fd: handle.fd, close: () => void stdin.destroy() }
}

/** The warden that this process has started. */
export interface Warden {
  /** The file descriptor of the write end of the pipe for process groups, which every actor inherits. */
  readonly registry: number
  /** Makes the warden act as if the root had ended, so that the warden kills the processes that are left, and exits. */
  readonly close: () => void
}

/**
 * Starts the warden of a tree, which removes the given folders at the end of the tree. The start of a warden throws
 * where the system can start no process.
 */
export const open = (folders: ReadonlyArray<string>): Warden => {
  const warden = start("furrow-warden", script, folders, "ignore")
  try {
    const watch = start("furrow-watch", watchScript, [], warden.fd)
    return {
      registry: warden.fd,
      close: () => {
        watch.close()
        warden.close()
      }
    }
  } catch (error) {
    warden.close()
    throw error
  }
}

/**
 * The number of attempts to write a line to a warden that is behind with reading, and the milliseconds between two
 * attempts.
 */
const writeRetry = { times: 100, pauseMillis: 1 }

/** Writes one line to the warden's pipe for process groups, and returns false when no warden reads the pipe. */
export const tell = (registry: number, line: string): boolean => {
  for (let i = 0; i < writeRetry.times; i++) {
    try {
      Fs.writeSync(registry, `${line}\n`)
      return true
    } catch (error) {
      // A write to the warden's pipe for process groups fails where the warden was killed.
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return false
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, writeRetry.pauseMillis)
    }
  }
  return false
}
