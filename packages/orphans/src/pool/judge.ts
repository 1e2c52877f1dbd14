/**
 * Compares the three counts of a run of `npm run pool`: the results of the callers, the tasks that began in workers,
 * and the pool's statistics.
 */
import type { PoolSnapshot } from "@furrow/actor/Pool"

/** The calls that the callers of a pool made, and the results of these calls. */
export interface Heard {
  tried: number
  readonly answered: Set<number>
  /** The number of failed tasks by the tag of their error. */
  readonly failed: Map<string, number>
  /** The tasks that may begin at most once, because they are not idempotent. */
  readonly single: Set<number>
  /** Answers that belong to another task of the pool, and failures without a typed error. */
  readonly wrong: Array<string>
}

export const nothing = (): Heard => ({ tried: 0, answered: new Set(), failed: new Map(), single: new Set(), wrong: [] })

/** All counts of a finished run of `npm run pool`. */
export interface Run extends Heard {
  readonly kills: number
  /** The number of tasks that had not ended when the run of `npm run pool` stopped waiting. */
  readonly hung: number
  /** The number of times that each task of the pool began. */
  readonly begun: ReadonlyMap<number, number>
  readonly statistics: PoolSnapshot
}

export const sum = (counts: ReadonlyMap<string, number>): number =>
  Array.from(counts.values()).reduce((all, count) => all + count, 0)

/** Reads the file of begun tasks, which has the number of one task in each line. */
export const beginnings = (text: string): ReadonlyMap<number, number> => {
  const counts = new Map<number, number>()
  for (const line of text.split("\n").slice(0, -1)) counts.set(Number(line), (counts.get(Number(line)) ?? 0) + 1)
  return counts
}

/** Returns the number of tasks of a pool that began more than once. */
export const repeated = (begun: ReadonlyMap<number, number>): number =>
  Array.from(begun.values()).filter((count) => count > 1).length

/** Returns the number of tasks whose end is not known. */
export const lost = ({ answered, failed, hung, tried }: Pick<Run, "answered" | "failed" | "hung" | "tried">): number =>
  tried - answered.size - sum(failed) - hung

/**
 * Returns the faults of a run of `npm run pool`; the list is empty where the counts of tasks that the pool and its
 * workers keep agree.
 */
export const judge = (run: Run): ReadonlyArray<string> => {
  const { answered, begun, failed, hung, kills, single, statistics, wrong } = run
  const { replaced, running, tasks, waiting } = statistics
  const problems = [...wrong]
  const expect = (holds: boolean, problem: string) => {
    if (!holds) problems.push(problem)
  }
  for (const [id, count] of begun) {
    expect(count === 1 || !single.has(id), `task ${id}, which is not idempotent, began ${count} times`)
  }
  for (const id of answered) expect(begun.has(id), `task ${id} was answered, and had never begun`)
  expect(hung === 0, `${hung} tasks hang`)
  expect(lost(run) === 0, `${lost(run)} tasks are lost`)
  expect(
    tasks.succeeded === answered.size,
    `${tasks.succeeded} tasks succeeded for the pool, ${answered.size} for callers`
  )
  const failures = tasks.failed + tasks.timedOut + tasks.interrupted + tasks.refused
  expect(failures === sum(failed), `${failures} tasks failed for the pool, ${sum(failed)} for callers`)
  expect(running + waiting === hung, `the pool has ${running} tasks that run and ${waiting} that wait`)
  expect(kills === 0 || replaced.lost > 0, `${kills} workers were killed, and the pool has lost none`)
  return problems
}
