/** The tasks of the pools of other libraries, and the work of all tasks: a loop that sums numbers. */

/**
 * The function for one turn is short and called often, so that V8 compiles it early in every process and thread, and
 * once for all lengths of a task.
 */
const turn = (seed: number): number => {
  let sum = seed
  for (let n = 0; n < 500; n++) sum = (Math.imul(sum, 31) + n) | 0
  return sum
}

/** Computes for a number of turns, and returns the sum, so that V8 cannot leave out the loop. */
export const turns = (count: number): number => {
  let sum = 0
  for (let n = 0; n < count; n++) sum = turn(sum)
  return sum
}

export default turns
