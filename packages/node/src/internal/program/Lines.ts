/**
 * Splits the bytes of one output stream of a program into lines. A line of a program's output that is too long is
 * returned in chunks, so that the buffer stays bounded.
 */
import { StringDecoder } from "node:string_decoder"

/**
 * The number of characters of the longest chunk of a program's output line. A line of a program's output that is longer
 * than the longest chunk is passed on in several chunks.
 */
export const maxLineChars = 16 * 1024

export class Lines {
  private readonly decoder = new StringDecoder("utf8")
  private rest = ""

  /** Returns the lines of a program's output that end within the given bytes. */
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

  /** Returns the last line of a program's output stream where it ends without a line break. */
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
