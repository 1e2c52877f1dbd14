/**
 * A table from numbers to values, for tables that get and lose an entry with every call. The numbers are not negative,
 * and most entries are dropped in about the order of their numbers.
 *
 * A Map or Set of JavaScript replaces its memory after a number of deletions. V8 links the old memory to the new
 * memory, so that dead entries stay in memory until a full garbage collection. A `NumberTable` uses the same memory
 * again, and the memory of a dropped entry is free at once.
 *
 * @since 0.2.0
 */

/** The number of places of a table that has got its first entry. */
const minPlaces = 16

/** The number of places above which an empty table gives its memory back. */
const keptPlaces = 512

/** The number of places above which a table does not grow. */
const maxPlaces = 64 * 1024

/** The number of neighbouring places that an entry may have. */
const maxProbes = 8

/** The number in a place that is free. */
const free = -1

export class NumberTable<A extends object> {
  size = 0
  private numbers: Array<number> = []
  private values: Array<A | undefined> = []
  /** The entries that have found no free place. */
  private others: Map<number, A> | undefined

  get(number: number): A | undefined {
    const place = this.placeOf(number, number)
    return place === free ? this.others?.get(number) : this.values[place]
  }

  /** Adds an entry for a number that has no entry yet. */
  add(number: number, value: A): void {
    this.size++
    const { length } = this.numbers
    if (this.size * 4 > length && length < maxPlaces) this.resize(Math.max(minPlaces, length * 2))
    this.put(number, value)
  }

  /** Drops the entry of a number, and returns its value; `undefined` if the number has no entry. */
  drop(number: number): A | undefined {
    const place = this.placeOf(number, number)
    const value = place === free ? this.others?.get(number) : this.values[place]
    if (value === undefined) return undefined
    if (place === free) {
      this.others!.delete(number)
    } else {
      this.numbers[place] = free
      this.values[place] = undefined
    }
    this.size--
    if (this.size === 0 && this.numbers.length > keptPlaces) this.clear()
    return value
  }

  clear(): void {
    this.size = 0
    this.numbers = []
    this.values = []
    this.others = undefined
  }

  /** Returns the entries at this moment, in the order of their numbers. */
  entries(): ReadonlyArray<readonly [number: number, value: A]> {
    const all: Array<readonly [number, A]> = []
    for (const [place, number] of this.numbers.entries()) {
      if (number !== free) all.push([number, this.values[place]!])
    }
    if (this.others !== undefined) all.push(...this.others)
    return all.sort(([a], [b]) => a - b)
  }

  /** The values at this moment, in the order of their numbers. */
  get all(): ReadonlyArray<A> {
    return this.entries().map(([, value]) => value)
  }

  /** Iterates over the values in the order of their numbers, and leaves out entries that end during the iteration. */
  *[Symbol.iterator](): Generator<A> {
    for (const [number] of this.entries()) {
      const value = this.get(number)
      if (value !== undefined) yield value
    }
  }

  /** Returns the place that holds `wanted` among the places of a number, or `free` (-1) if none of them holds it. */
  private placeOf(number: number, wanted: number): number {
    const { numbers } = this
    const mask = numbers.length - 1
    for (let probe = 0; probe < maxProbes; probe++) {
      const place = number + probe & mask
      if (numbers[place] === wanted) return place
    }
    return free
  }

  private put(number: number, value: A): void {
    const place = this.placeOf(number, free)
    if (place === free) {
      this.others ??= new Map()
      this.others.set(number, value)
    } else {
      this.numbers[place] = number
      this.values[place] = value
    }
  }

  private resize(places: number): void {
    const entries = this.entries()
    this.numbers = Array.from({ length: places }, () => free)
    this.values = Array.from({ length: places }, () => undefined)
    this.others = undefined
    for (const [number, value] of entries) this.put(number, value)
  }
}
