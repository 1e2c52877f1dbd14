/**
 * Pseudorandom numbers from a seed: the same seed gives the same numbers, on every computer.
 *
 * @since 0.1.0
 */

/** Returns the next pseudorandom number, from 0 (inclusive) to 1 (exclusive). */
export type Next = () => number

/** Uses Mulberry32, a generator with one integer of state, which is good enough for choices. */
export const next = (seed: number): Next => {
  let state = seed | 0
  return () => {
    let t = state = (state + 0x6D2B79F5) | 0
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
