/**
 * The task that the pools of other libraries run, which is also the work of every measured task: a loop that sums
 * numbers.
 */

/** The function for one turn of a task's loop is short and called often, so that V8 compiles it once and early. */
const turn = (seed: number): number => {
  let sum = seed
  for (let n = 0; n < 500; n++) sum = (Math.imul(sum, 31) + n) | 0
  return sum
}

/** Runs a number of turns of the task's loop, and returns the sum, so that V8 cannot leave out the loop. */
export const turns = (count: number): number => {
  let sum = 0
  for (let n = 0; n < count; n++) sum = turn(sum)
  return sum
}

export default turns
