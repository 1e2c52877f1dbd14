import { assert, describe, it } from "@effect/vitest"
import { type Batch, Work } from "../src/Work.ts"

const sources = (...sizes: ReadonlyArray<number>) => sizes.map((bytes, n) => ({ file: `f${n}`, bytes }))
const names = (batch: Batch | undefined) => batch === undefined ? undefined : Array.from(batch.left.keys())

/** Takes and finishes all batches, and returns them in their order. */
const drain = (work: Work): ReadonlyArray<ReadonlyArray<string>> => {
  const batches: Array<ReadonlyArray<string>> = []
  for (let batch = work.take(); batch !== undefined; batch = work.take()) {
    const files = names(batch)!
    batches.push(files)
    for (const file of files) work.finish(batch, file)
  }
  return batches
}

describe("A census hands out the files that it still has to count", () => {
  it("the work of a census hands every file out once, the largest file first, in batches that shrink", () => {
    const work = new Work(sources(...Array.from({ length: 100 }, (_, n) => n)), 2)
    const batches = drain(work)
    assert.deepStrictEqual(batches.flat(), Array.from({ length: 100 }, (_, n) => `f${99 - n}`))
    assert.isAbove(batches[0]!.length, 3)
    assert.strictEqual(batches.at(-1)!.length, 1)
    assert.strictEqual(work.done, 100)
  })

  it("the work of a census hands out empty files, and a file that is larger than all other files together", () => {
    assert.deepStrictEqual(drain(new Work(sources(0, 1000, 0, 1), 4)).flat().sort(), ["f0", "f1", "f2", "f3"])
    assert.deepStrictEqual(drain(new Work([], 4)), [])
  })

  it("the work of a census hands out again the files that a lost actor left uncounted, and no other files", () => {
    const work = new Work(sources(1, 1, 1, 1, 1, 1, 1, 1), 1)
    const batch = work.take()!
    const [first, ...rest] = names(batch)!
    work.finish(batch, first!)
    work.giveBack(batch, "waiting")
    const again = drain(work).flat()
    assert.sameMembers(again, sources(1, 1, 1, 1, 1, 1, 1, 1).map(({ file }) => file).filter((file) => file !== first))
    assert.includeMembers(again, rest)
    assert.strictEqual(work.done, work.total)
  })

  it("if an actor dies on a batch of files, the census hands out each of these files alone, before all other files", () => {
    const work = new Work(sources(1, 1, 1, 1, 1, 1, 1, 1), 1)
    const batch = work.take()!
    const left = names(batch)!
    work.giveBack(batch, "suspects")
    for (let n = 0; n < left.length; n++) {
      const next = work.take()!
      assert.isTrue(next.suspect)
      assert.strictEqual(next.left.size, 1)
      assert.includeMembers(left, names(next)!)
    }
    assert.isFalse(work.take()!.suspect)
  })

  it("the work of a census refuses to count a file as done that is not in the batch", () => {
    const work = new Work(sources(1), 1)
    const batch = work.take()!
    work.finish(batch, "f0")
    assert.throws(() => work.finish(batch, "f0"), /not in the batch/)
  })
})
