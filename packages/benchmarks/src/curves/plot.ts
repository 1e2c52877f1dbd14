/**
 * Draws growth curves as one SVG picture with a small chart for each curve. Both axes of a growth curve's chart are
 * logarithmic, and the chart's colours fit a light and a dark page.
 */

export interface Curve {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly points: ReadonlyArray<readonly [x: number, y: number]>
}

const width = 300
const height = 190
const columns = 2
const pad = { left: 54, right: 14, top: 30, bottom: 40 }

/** Formats numbers for the axes of a chart in few characters: 1, 64, 10k, 4M. */
export const short = (value: number): string => {
  const of = (by: number, unit: string) => `${Number((value / by).toPrecision(3))}${unit}`
  return value >= 1e6 ? of(1e6, "M") : value >= 1e4 ? of(1e3, "k") : of(1, "")
}

const scale = (values: ReadonlyArray<number>, from: number, to: number) => {
  const [low, high] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))]
  // An axis of a chart spans at least one power of ten, so that a nearly flat curve looks flat.
  const spare = Math.max(0, 1 - (high - low)) / 2
  const [first, last] = [low - spare, high + spare]
  return { at: (value: number) => from + (Math.log10(value) - first) / (last - first) * (to - from), first, last }
}

const chart = ({ points, title, x, y }: Curve, index: number): string => {
  const left = (index % columns) * width
  const top = Math.floor(index / columns) * height
  const across = scale(points.map(([at]) => at), pad.left, width - pad.right)
  const up = scale(points.map(([, value]) => value), height - pad.bottom, pad.top)
  const place = ([at, value]: readonly [number, number]) => [across.at(at).toFixed(1), up.at(value).toFixed(1)] as const
  const base = height - pad.bottom
  const ticks = Array.from(
    { length: Math.floor(up.last) - Math.ceil(up.first) + 1 },
    (_, i) => 10 ** (Math.ceil(up.first) + i)
  )
  const ends = points.length === 1 ? [points[0]!] : [points[0]!, points.at(-1)!]
  return [
    `<g transform="translate(${left} ${top})">`,
    `<text x="${pad.left}" y="18" class="title">${title}</text>`,
    ...ticks.map((tick) => {
      const at = up.at(tick).toFixed(1)
      return `<path class="grid" d="M${pad.left} ${at}H${width - pad.right}"/>` +
        `<text x="${pad.left - 6}" y="${at}" dy="4" text-anchor="end">${short(tick)}</text>`
    }),
    `<path class="axis" d="M${pad.left} ${pad.top}V${base}H${width - pad.right}"/>`,
    ...ends.map(([at]) =>
      `<text x="${across.at(at).toFixed(1)}" y="${base + 14}" text-anchor="middle">${short(at)}</text>`
    ),
    `<text x="${(pad.left + width - pad.right) / 2}" y="${base + 30}" text-anchor="middle">${x} / ${y}</text>`,
    `<polyline class="line" points="${points.map((point) => place(point).join(",")).join(" ")}"/>`,
    ...points.map((point) => {
      const [cx, cy] = place(point)
      return `<circle cx="${cx}" cy="${cy}" r="2.5"/>`
    }),
    "</g>"
  ].join("\n")
}

const style = `text { font: 11px sans-serif; fill: #444 } .title { font-weight: bold; fill: #111 }
.axis { fill: none; stroke: #888 } .grid { stroke: #ddd } .line { fill: none; stroke: #0b66c3; stroke-width: 2 } circle { fill: #0b66c3 }
@media (prefers-color-scheme: dark) {
text { fill: #bbb } .title { fill: #eee } .grid { stroke: #3a3a3a } .line { stroke: #6cb2ff } circle { fill: #6cb2ff } }`

export const svg = (curves: ReadonlyArray<Curve>): string => {
  const total = Math.ceil(curves.length / columns) * height
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width * columns} ${total}" role="img">`,
    "<title>Growth curves of Furrow, both axes logarithmic</title>",
    `<style>${style}</style>`,
    ...curves.map(chart),
    "</svg>",
    ""
  ].join("\n")
}
