/** True for the pid of an existing process, even of a dead one that was not reaped. */
export const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
