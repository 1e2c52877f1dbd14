/** The keys of an engine as one value: what a step changes, and how they are listed. */
import { assert, describe, it } from "@effect/vitest"
import * as Keys from "@furrow/actor/internal/leases/Keys"

const lease = { id: "l", ttlMillis: 1_000 }

const filled = (count: number) => {
  let keys = Keys.renew(Keys.start(), lease, 0)[0]
  for (let n = 0; n < count; n++) {
    keys = Keys.create(keys, `${n % 2 === 0 ? "even" : "odd"}/${n * 7_919 % count}`, "", lease, 0)[0]
  }
  return keys
}

const listed = (keys: Keys.Keys, prefix: string) => {
  const pages: Array<ReadonlyArray<string>> = []
  let after: string | undefined
  do {
    const { held, next } = Keys.list(keys, prefix, after)
    pages.push(held.map(({ key }) => key))
    after = next
  } while (after !== undefined)
  return pages
}

describe("An engine in memory lists its keys", () => {
  for (const count of [0, 1, 1_999, 2_000, 2_001, 9_000]) {
    it(`an engine lists its keys in their order, each once, in pages of 1000 (number of keys: ${count})`, () => {
      const keys = filled(count)
      for (const prefix of ["", "even/", "odd/", "none/"]) {
        const pages = listed(keys, prefix)
        const all = pages.flat()
        assert.deepStrictEqual(all, [...new Set(all)].toSorted())
        assert.strictEqual(
          all.length,
          prefix === ""
            ? count
            : prefix === "none/"
            ? 0
            : prefix === "even/"
            ? Math.ceil(count / 2)
            : Math.floor(count / 2)
        )
        assert.isTrue(pages.slice(0, -1).every(({ length }) => length === Keys.pageSize))
        assert.isTrue(pages.length === 1 || pages.at(-1)!.length > 0)
      }
    })
  }

  it("G304: a step of an engine names the keys that it has changed, including keys of expired leases, and copies no other key", () => {
    const before = filled(3)
    const [granted] = Keys.create(before, "new", "value", lease, 1)
    assert.deepStrictEqual(granted.changed, ["new"])
    assert.strictEqual(Keys.get(granted, "odd/2"), Keys.get(before, "odd/2"))
    const token = Keys.get(granted, "new")!.token
    assert.deepStrictEqual(Keys.remove(granted, "new", token, 1).changed, ["new"])
    assert.strictEqual(Keys.remove(granted, "new", token + 1, 1), granted)
    assert.deepStrictEqual(Keys.renew(granted, lease, 1)[0].changed, [])
    const other = { id: "other", ttlMillis: 5_000 }
    const [late] = Keys.create(Keys.renew(granted, other, 1)[0], "theirs", "", other, 2_000)
    assert.deepStrictEqual(late.changed.toSorted(), ["even/0", "even/1", "new", "odd/2", "theirs"].toSorted())
  })
})
