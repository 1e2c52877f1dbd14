/**
 * The tasks of the other pools, and the work of all: a number of turns of a sum.
 */

/** Short and called often: the engine compiles it early in every process and thread, and once for all lengths of a task. */
const turn = (seed: number): number => {
  let sum = seed
  for (let n = 0; n < 500; n++) sum = (Math.imul(sum, 31) + n) | 0
  return sum
}

/** Computes for a number of turns; the sum is the answer, so that the engine leaves nothing out. */
export const turns = (count: number): number => {
  let sum = 0
  for (let n = 0; n < count; n++) sum = turn(sum)
  return sum
}

export default turns
