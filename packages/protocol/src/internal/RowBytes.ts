/**
 * Writes and reads the leaves (texts, numbers and booleans) of a list of rows in the byte format of `SchemaBinary`. The
 * bytes of a text field begin with twice their length; an odd number instead refers to an earlier text of the same
 * field. Values of rows that are no text, number or boolean are written and read by `SchemaBinary`.
 */

/** An integer with a magnitude up to this number is written as a varint of its magnitude and sign. */
const maxVarintInteger = 2 ** 48 - 1
/** The largest mantissa of a number with at most eight decimals, which is written as a mantissa and a scale. */
const maxMantissa = 2 ** 41 - 1
const maxScale = 8
const powers = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000]
const floatBytes = 8
const maxVarintBytes = 7

/** The number of bytes that are kept free in front of a payload for its length. */
const headRoomBytes = 5
const arenaBytes = 64 * 1024
/** The size in bytes of the largest arena (the memory for written payloads) that is kept for the next payload. */
const keptArenaBytes = 1024 * 1024
/** The number of letters up to which a text is read without `TextDecoder`, which costs more for short texts. */
const shortTextLetters = 32
/**
 * The number of different texts of one field above which the writer finds an earlier text by a `Map`. After
 * `differentTexts` texts without a repetition, the writer searches for earlier texts of this field no more.
 */
const mappedTexts = 16
const differentTexts = 64

/** The value that is thrown when the code that is generated for rows meets bytes or values that it does not know. */
export const otherForm: unknown = Object.freeze({ _tag: "OtherForm" })

/** `TextDecoder` and `TextEncoder` are globals of every platform, but no type library covers all platforms. */
const { TextDecoder, TextEncoder } = globalThis as unknown as {
  readonly TextEncoder: new() => { readonly encode: (text: string) => Uint8Array }
  readonly TextDecoder: new(label: string, options: { readonly fatal: boolean; readonly ignoreBOM: boolean }) => {
    readonly decode: (bytes: Uint8Array) => string
  }
}
const utf8 = new TextEncoder()
const fromUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Returns the number of decimals of a short decimal number; 0 for any other number. */
const scaleOf = (n: number): number => {
  for (let scale = 1; scale <= maxScale; scale++) {
    const mantissa = Math.round(n * powers[scale]!)
    if (!(mantissa >= -maxMantissa && mantissa <= maxMantissa)) return 0
    if (mantissa / powers[scale]! === n) return scale
  }
  return 0
}

/** The earlier texts of one field of the rows, in the order in which they occurred. */
export class Texts {
  private readonly list: Array<string> = []
  private places: Map<string, number> | undefined
  private hits = 0
  private isOff = false

  /** The index of a text that an earlier row had in this field; -1 for a new text, which is then added. */
  place(text: string): number {
    if (this.isOff) return -1
    const { list, places } = this
    const found = places === undefined ? list.indexOf(text) : places.get(text) ?? -1
    if (found >= 0) this.hits++
    else this.add(text)
    return found
  }

  private add(text: string): void {
    const { list } = this
    if (this.places !== undefined) {
      if (this.hits === 0 && list.length >= differentTexts) {
        this.isOff = true
        this.places = undefined
        return
      }
      this.places.set(text, list.length)
    } else if (list.length >= mappedTexts) {
      this.places = new Map(list.map((known, i) => [known, i]))
      this.places.set(text, list.length)
    }
    list.push(text)
  }
}

/** Writes payloads one after the other into an arena; bytes that were handed out are never overwritten. */
export class RowWriter {
  private bytes = new Uint8Array(0)
  private view = new DataView(this.bytes.buffer)
  private start = 0
  private at = 0

  /** Begins to write a payload into the arena of this writer. */
  begin(): void {
    if (this.bytes.length - this.start < arenaBytes / 16) this.renew(arenaBytes)
    this.at = this.start + headRoomBytes
  }

  /** Ends the payload that is being written, and returns the payload with its length in front. */
  end(): Uint8Array {
    const body = this.start + headRoomBytes
    const size = this.at - body
    const head = body - sizeOfVarint(size)
    const end = this.at
    this.at = head
    this.varint(size)
    const { bytes } = this
    this.start = end
    if (bytes.length > keptArenaBytes) this.renew(0)
    return bytes.subarray(head, end)
  }

  private renew(size: number): void {
    this.bytes = new Uint8Array(size)
    this.view = new DataView(this.bytes.buffer)
    this.start = 0
    this.at = 0
  }

  private reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return
    const { at, bytes, start } = this
    let size = arenaBytes
    while (size < at - start + count) size *= 2
    this.renew(size)
    this.bytes.set(bytes.subarray(start, at))
    this.at = at - start
  }

  byte(byte: number): void {
    this.reserve(1)
    this.bytes[this.at++] = byte
  }

  varint(n: number): void {
    this.reserve(10)
    const { bytes } = this
    let { at } = this
    let rest = n
    while (rest > 0x7f) {
      bytes[at++] = rest & 0x7f | 0x80
      rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 128)
    }
    bytes[at++] = rest
    this.at = at
  }

  private integer(n: number): void {
    const isNegative = n < 0 || Object.is(n, -0)
    this.varint((isNegative ? -n : n) * 2 + (isNegative ? 1 : 0))
  }

  /**
   * Reserves one byte for the length of the bytes that follow, and returns the position of this byte. The position
   * counts from the beginning of the payload, because the bytes of the payload may move.
   */
  open(): number {
    this.reserve(1)
    return this.at++ - this.start
  }

  /**
   * Writes a length into the byte that the method `open` reserved at the position `place`. The length is the number of
   * bytes after the reserved byte, multiplied by `times`.
   */
  close(place: number, times: 1 | 2): void {
    const size = (this.at - this.start - place - 1) * times
    if (size < 0x80) {
      this.bytes[this.start + place] = size
      return
    }
    const more = sizeOfVarint(size) - 1
    this.reserve(more)
    const mark = this.start + place
    const end = this.at + more
    this.bytes.copyWithin(mark + 1 + more, mark + 1, this.at)
    this.at = mark
    this.varint(size)
    this.at = end
  }

  number(n: number): void {
    this.reserve(16)
    const { bytes } = this
    const mark = this.at++
    if (Number.isInteger(n) && n >= -maxVarintInteger && n <= maxVarintInteger) this.integer(n)
    else {
      const scale = scaleOf(n)
      if (scale === 0) {
        this.view.setFloat64(this.at, n, true)
        this.at += floatBytes
      } else {
        this.integer(Math.round(n * powers[scale]!))
        bytes[this.at++] = scale
      }
    }
    bytes[mark] = (this.at - mark - 1) * 2
  }

  boolean(value: boolean): void {
    this.reserve(2)
    this.bytes[this.at++] = 2
    this.bytes[this.at++] = value ? 1 : 0
  }

  text(texts: Texts, text: string): void {
    const place = texts.place(text)
    if (place >= 0) return this.varint(place * 2 + 1)
    const { length } = text
    this.reserve(length + 10)
    const mark = this.at
    this.varint(length * 2)
    const { bytes } = this
    let { at } = this
    for (let i = 0; i < length; i++) {
      const letter = text.charCodeAt(i)
      if (letter > 0x7f) return this.otherText(mark, text)
      bytes[at++] = letter
    }
    this.at = at
  }

  private otherText(mark: number, text: string): void {
    const encoded = utf8.encode(text)
    this.at = mark
    this.varint(encoded.length * 2)
    this.reserve(encoded.length)
    this.bytes.set(encoded, this.at)
    this.at += encoded.length
  }
}

const sizeOfVarint = (n: number): number => {
  let size = 1
  for (let rest = n; rest > 0x7f; rest = Math.floor(rest / 128)) size++
  return size
}

/** Reads the bytes that `RowWriter` writes, and throws `otherForm` at any other bytes. */
export class RowReader {
  private bytes: Uint8Array = new Uint8Array(0)
  private view: DataView = new DataView(this.bytes.buffer)
  at = 0

  begin(bytes: Uint8Array): void {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = 0
  }

  /** Forgets the payload that the reader has read, so that its memory can be collected. */
  end(): void {
    this.begin(new Uint8Array(0))
  }

  get left(): number {
    return this.bytes.length - this.at
  }

  byte(): number {
    if (this.at >= this.bytes.length) throw otherForm
    return this.bytes[this.at++]!
  }

  varint(): number {
    const { bytes } = this
    const first = bytes[this.at]!
    if (first < 0x80) {
      this.at++
      return first
    }
    let value = 0
    let scale = 1
    for (let i = 0; i < maxVarintBytes; i++) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
    throw otherForm
  }

  /** Reads the length of the bytes that follow, and returns the position of their end. */
  region(): number {
    const end = this.varint() + this.at
    if (!(end <= this.bytes.length)) throw otherForm
    return end
  }

  private half(code: number): number {
    const size = code / 2
    if (code % 2 !== 0 || this.at + size > this.bytes.length) throw otherForm
    return size
  }

  number(): number {
    const size = this.half(this.varint())
    const end = this.at + size
    if (size === floatBytes) {
      this.at = end
      return this.view.getFloat64(end - floatBytes, true)
    }
    if (size === 0 || size > maxVarintBytes) throw otherForm
    const code = this.varint()
    const magnitude = Math.floor(code / 2)
    const integer = code % 2 === 1 ? -magnitude : magnitude
    if (this.at === end) return integer
    const scale = this.byte()
    if (this.at !== end || scale === 0 || scale > maxScale) throw otherForm
    return integer / powers[scale]!
  }

  boolean(): boolean {
    const size = this.byte()
    const value = this.byte()
    if (size !== 2 || value > 1) throw otherForm
    return value === 1
  }

  text(texts: Array<string>): string {
    const code = this.varint()
    if (code % 2 === 1) {
      const known = texts[(code - 1) / 2]
      if (known === undefined) throw otherForm
      return known
    }
    const size = this.half(code)
    const text = this.letters(size)
    texts.push(text)
    return text
  }

  private letters(size: number): string {
    const { at, bytes } = this
    const end = at + size
    this.at = end
    if (size > shortTextLetters) return fromUtf8.decode(bytes.subarray(at, end))
    let text = ""
    let i = at
    for (; i + 4 <= end; i += 4) {
      const a = bytes[i]!
      const b = bytes[i + 1]!
      const c = bytes[i + 2]!
      const d = bytes[i + 3]!
      if ((a | b | c | d) > 0x7f) return fromUtf8.decode(bytes.subarray(at, end))
      text += String.fromCharCode(a, b, c, d)
    }
    for (; i < end; i++) {
      const letter = bytes[i]!
      if (letter > 0x7f) return fromUtf8.decode(bytes.subarray(at, end))
      text += String.fromCharCode(letter)
    }
    return text
  }
}
