/** The tasks of the pools of other libraries, and the work of every measured task: a loop that sums numbers. */

/**
 * The function for one turn of the loop is short and called often, so that V8 compiles it early, and once for tasks of
 * all lengths.
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
