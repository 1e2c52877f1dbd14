/**
 * Checks docs/parity.md: each row of the specification is there once, has a fate, and names existing tests if the row
 * is kept or changed.
 *
 *     node scripts/parity.ts
 *
 * A row is `| ID | fate | what | test |`. A test in docs/parity.md is written as `file: fragment of a title`, and
 * several tests are separated by `;`. The name of a test file in docs/parity.md may be shortened as long as it means
 * only one file.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { named, read, type TestFile } from "./lib/tests.ts"

export const document = "docs/parity.md"

export const fates = ["kept", "changed", "replaced", "dropped", "later"] as const
export type Fate = typeof fates[number]

/**
 * The number of rows that each area of the specification has. Rows of the specification without a number are counted in
 * their order.
 */
export const areas: Readonly<Record<string, number>> = {
  ROOT: 19,
  ACT: 15,
  NUR: 17,
  REAP: 9,
  RPC: 15,
  CTX: 17,
  CANC: 20,
  STRM: 16,
  OVR: 9,
  ERR: 18,
  FAULT: 10,
  WIRE: 16,
  PLD: 12,
  TPT: 14,
  DISC: 15,
  LOG: 7,
  DBG: 16,
  DEVX: 7,
  TRI: 11,
  HI: 5,
  SHM: 3,
  AIO: 9,
  TEST: 9,
  CONF: 3,
  "W-S": 14,
  "W-C": 14,
  "W-O": 2,
  "W-E": 5,
  "W-T": 7,
  "W-D": 6,
  "W-P": 3,
  "W-B": 5,
  "W-A": 2,
  "W-M": 5,
  F: 12,
  P: 30
}

/** The parts of Furrow that do not exist yet; each row with the fate `later` names one of these parts. */
export const parts: ReadonlyArray<string> = ["developer tools", "distribution", "patterns", "drivers"]

const idOf = (area: string, number: number): string => area.startsWith("W-") ? `${area}${number}` : `${area}-${number}`

/**
 * Matches a sentence of docs/parity.md that begins with a forbidden word such as `Who` or `What` in place of a noun.
 */
const headless = /(?:^|[.;:!?] )(Who|Whoever|What|Whatever|Where|Nobody|So many)\b/

/** The ids of the scenarios in docs/parity.md; each id needs a row there. */
export const scenarios: ReadonlyArray<string> = (
  "001 002 004 005 007 008 010 011 012 014 015 017 018 020 021 022 024 025 027 028 030 031 032 034 035 037 038 040 041 " +
  "042 044 045 047 048 050 051 052 054 055 057 058 060 061 062 064 065 067 068 070 071 072 074 075 077 078 080 081 082 " +
  "084 085 087 088 090 091 092 094 095 097 098 100 101 102 104 105 107 108 110 111 112 114 115 117 118 120 121 122 124 " +
  "125 127 128 130 131 132 134 135 137 138 140 141 142 144 145 147 148 150"
).split(" ").map((number) => `S${number}`)

export interface Row {
  readonly id: string
  readonly fate: string
  readonly what: string
  readonly tests: ReadonlyArray<string>
}

/** Returns the rows of the tables in docs/parity.md whose first cell is an id. */
export const rows = (text: string): ReadonlyArray<Row> =>
  text.split("\n").flatMap((line) => {
    const [id, fate, what, tests] = line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim())
    if (id === undefined || !/^(?:[A-Z]+-\d+|W-[A-Z]\d+|S\d{3})$/.test(id)) return []
    const list = tests === undefined || tests === "-" ? [] : tests.split(";").map((test) => test.trim())
    return [{ id, fate: fate ?? "", what: what ?? "", tests: list }]
  })

const testProblem = (test: string, files: ReadonlyArray<TestFile>): string | undefined => {
  const found = named(test, files)
  return typeof found === "string" ? found : undefined
}

const rowProblems = (row: Row, files: ReadonlyArray<TestFile>): ReadonlyArray<string> => {
  const must = row.fate === "kept" || row.fate === "changed"
  return [
    ...fates.includes(row.fate as Fate) ? [] : [`"${row.fate}" is no fate: ${fates.join(", ")}`],
    ...row.what === "" ? ["says nothing"] : [],
    ...headless.test(row.what) ? [`a sentence begins with "${headless.exec(row.what)?.[1]}": name the thing`] : [],
    ...row.fate === "later" && !parts.some((part) => row.what.includes(part))
      ? [`is later and names no part that will bring it: ${parts.join(", ")}`]
      : [],
    ...must && row.tests.length === 0 ? [`is ${row.fate} and names no test`] : [],
    ...row.tests.flatMap((test) => testProblem(test, files) ?? [])
  ].map((problem) => `${document}: ${row.id}: ${problem}`)
}

/** Returns all problems of docs/parity.md, one line each. */
export const problems = (text: string, files: ReadonlyArray<TestFile>): ReadonlyArray<string> => {
  const all = rows(text)
  const ids = all.map(({ id }) => id)
  const expected = [
    ...Object.entries(areas).flatMap(([area, count]) => Array.from({ length: count }, (_, i) => idOf(area, i + 1))),
    ...scenarios
  ]
  return [
    ...expected.filter((id) => !ids.includes(id)).map((id) => `${document}: ${id} is missing`),
    ...ids.filter((id) => !expected.includes(id)).map((id) => `${document}: ${id} is no row of the specification`),
    ...ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => `${document}: ${id} is there twice`),
    ...all.flatMap((row) => rowProblems(row, files))
  ]
}

/** Counts the rows of docs/parity.md that are marked as kept, changed, replaced, dropped or later. */
export const summary = (text: string): string =>
  fates.map((fate) => `${rows(text).filter((row) => row.fate === fate).length} ${fate}`).join(", ")

if (import.meta.main) {
  const root = Path.resolve(import.meta.dirname, "..")
  const text = Fs.readFileSync(Path.join(root, document), "utf8")
  const found = problems(text, read(root))
  for (const problem of found) console.error(problem)
  console.log(`parity: ${summary(text)}; ${found.length} problems`)
  process.exitCode = found.length === 0 ? 0 : 1
}
