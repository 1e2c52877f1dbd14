/**
 * The lines in the bytes of one stream of a program. A line that does not end comes in pieces, so that nothing grows.
 */
import { StringDecoder } from "node:string_decoder"

/** A line longer than this many characters is passed on in pieces of as many. */
export const maxLineChars = 16 * 1024

export class Lines {
  private readonly decoder = new StringDecoder("utf8")
  private rest = ""

  /** The lines that these bytes complete. */
  write(bytes: Uint8Array): ReadonlyArray<string> {
    const lines = (this.rest + this.decoder.write(bytes as Buffer)).split("\n")
    this.rest = lines.pop()!
    const whole = lines.flatMap((line) => pieces(line.endsWith("\r") ? line.slice(0, -1) : line))
    while (this.rest.length > maxLineChars) {
      whole.push(this.rest.slice(0, maxLineChars))
      this.rest = this.rest.slice(maxLineChars)
    }
    return whole
  }

  /** The line that never ended, if any. */
  end(): ReadonlyArray<string> {
    const rest = this.rest + this.decoder.end()
    this.rest = ""
    return rest === "" ? [] : pieces(rest)
  }
}

const pieces = (line: string): Array<string> => {
  if (line.length <= maxLineChars) return [line]
  const all: Array<string> = []
  for (let at = 0; at < line.length; at += maxLineChars) all.push(line.slice(at, at + maxLineChars))
  return all
}
