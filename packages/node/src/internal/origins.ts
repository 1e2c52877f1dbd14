/**
 * Finds the place in a program's source file that corresponds to a place in the compiled script. A compiled script
 * names its source map or contains the map, and the inspector reports the name or the map.
 */
import * as Fs from "node:fs"
import { SourceMap } from "node:module"
import { fileURLToPath } from "node:url"

export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/**
 * A compiled script as the inspector reports it. The field `map` is the address of the script's source map, or an empty
 * text.
 */
export interface Script {
  readonly url: string
  readonly map: string
}

/** The size in bytes of the largest source map that is read, because the process stands still while it reads a map. */
const maxMapBytes = 16 * 1024 * 1024

interface Mapped {
  readonly map: SourceMap
  /** The address to which the source paths in a source map are relative. */
  readonly base: string
}

const data = /^data:application\/json(?:;[^,;]*)*?(;base64)?,/

const textOf = (address: string): string | undefined => {
  const inline = data.exec(address)
  if (inline !== null) {
    const text = address.slice(inline[0].length)
    return inline[1] === undefined ? decodeURIComponent(text) : Buffer.from(text, "base64").toString()
  }
  const path = fileURLToPath(address)
  return Fs.statSync(path).size > maxMapBytes ? undefined : Fs.readFileSync(path, "utf8")
}

const mapOf = ({ map, url }: Script): Mapped | undefined => {
  try {
    const address = new URL(map, url).href
    const text = textOf(address)
    if (text === undefined) return undefined
    const payload = JSON.parse(text) as ConstructorParameters<typeof SourceMap>[0]
    const root = payload.sourceRoot ?? ""
    const base = new URL(root === "" || root.endsWith("/") ? root : `${root}/`, data.test(address) ? url : address).href
    return { map: new SourceMap(payload), base }
  } catch {
    // A source map that does not exist any more, or that cannot be parsed, is ignored.
    return undefined
  }
}

const pathOf = (url: string): string => {
  try {
    return url.startsWith("file:") ? fileURLToPath(url) : url
  } catch {
    return url
  }
}

/** Finds the source places of a program's compiled scripts, and keeps each source map that it has read. */
export class Origins {
  private readonly maps = new Map<string, Mapped | undefined>()

  /**
   * Returns the place in the program's source file for a place in a compiled script. The lines and columns of a place
   * in a source file are counted from 1.
   */
  of(script: Script, line: number, column: number): Place {
    const { map, url } = script
    const compiled = { file: pathOf(url), line, column }
    // A place in an installed package is not mapped to the package's TypeScript source, which packages rarely contain.
    if (map === "" || url.includes("/node_modules/")) return compiled
    if (!this.maps.has(url)) this.maps.set(url, mapOf(script))
    const mapped = this.maps.get(url)
    const found = mapped?.map.findOrigin(line, column)
    if (mapped === undefined || found === undefined || !("fileName" in found)) return compiled
    const { columnNumber, fileName, lineNumber } = found
    const address = URL.parse(fileName, mapped.base)?.href ?? fileName
    return { file: pathOf(address), line: lineNumber, column: columnNumber }
  }
}
