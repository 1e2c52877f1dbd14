import { assert, describe, it } from "@effect/vitest"
import * as Address from "@furrow/protocol/Address"
import { Arbitrary, Schema } from "effect"
import * as Net from "node:net"

const forms = "Write /unix/<absolute path> or /ip4/<IPv4 literal>/tcp/<port>[/tls] or " +
  "/ip6/<IPv6 literal>/tcp/<port>[/tls] or /dns4/<name>/tcp/<port>[/tls] or /memory/<key>"
const unix = "Write /unix/<absolute path>"
const ip4 = "Write /ip4/<IPv4 literal>/tcp/<port>[/tls]"
const ip6 = "Write /ip6/<IPv6 literal>/tcp/<port>[/tls]"
const dns4 = "Write /dns4/<name>/tcp/<port>[/tls]"
const memory = "Write /memory/<key>"

const right: ReadonlyArray<readonly [text: string, address: Address.Address, isLoopback: boolean]> = [
  ["/unix/run/user/1000/furrow/a.sock", { _tag: "Unix", path: "/run/user/1000/furrow/a.sock" }, true],
  ["/unix/tmp/with space/ä.sock", { _tag: "Unix", path: "/tmp/with space/ä.sock" }, true],
  ["/ip4/127.0.0.1/tcp/4711", { _tag: "Tcp", host: "127.0.0.1", port: 4711 }, true],
  ["/ip4/127.255.3.4/tcp/1", { _tag: "Tcp", host: "127.255.3.4", port: 1 }, true],
  ["/ip4/128.0.0.1/tcp/65535", { _tag: "Tcp", host: "128.0.0.1", port: 65535 }, false],
  ["/ip4/0.0.0.0/tcp/80", { _tag: "Tcp", host: "0.0.0.0", port: 80 }, false],
  ["/ip6/::1/tcp/4711", { _tag: "Tcp", host: "::1", port: 4711 }, true],
  ["/ip6/0:0:0:0:0:0:0:1/tcp/4711", { _tag: "Tcp", host: "0:0:0:0:0:0:0:1", port: 4711 }, true],
  ["/ip6/::0.0.0.1/tcp/80", { _tag: "Tcp", host: "::0.0.0.1", port: 80 }, true],
  ["/ip6/::ffff:127.0.0.1/tcp/80", { _tag: "Tcp", host: "::ffff:127.0.0.1", port: 80 }, true],
  ["/ip6/::ffff:7f00:1/tcp/80", { _tag: "Tcp", host: "::ffff:7f00:1", port: 80 }, true],
  ["/ip6/::ffff:10.0.0.1/tcp/80", { _tag: "Tcp", host: "::ffff:10.0.0.1", port: 80 }, false],
  ["/ip6/::/tcp/80", { _tag: "Tcp", host: "::", port: 80 }, false],
  ["/ip6/::2/tcp/80", { _tag: "Tcp", host: "::2", port: 80 }, false],
  ["/ip6/1::1/tcp/80", { _tag: "Tcp", host: "1::1", port: 80 }, false],
  ["/ip6/::1:0:1/tcp/80", { _tag: "Tcp", host: "::1:0:1", port: 80 }, false],
  ["/ip6/2001:DB8::8a2e:370:7334/tcp/80", { _tag: "Tcp", host: "2001:DB8::8a2e:370:7334", port: 80 }, false],
  ["/ip4/10.0.0.4/tcp/4711/tls", { _tag: "Tls", host: "10.0.0.4", port: 4711 }, false],
  ["/ip6/::1/tcp/4711/tls", { _tag: "Tls", host: "::1", port: 4711 }, true],
  ["/dns4/db-1.internal/tcp/4711", { _tag: "Tcp", host: "db-1.internal", port: 4711 }, false],
  ["/dns4/localhost/tcp/4711/tls", { _tag: "Tls", host: "localhost", port: 4711 }, false],
  ["/memory/7", { _tag: "Memory", key: "7" }, true]
]

const wrong: ReadonlyArray<readonly [text: string, issue: string]> = [
  ["", `an address begins with a slash and a protocol. ${forms}`],
  ["/", `an address begins with a slash and a protocol. ${forms}`],
  ["nowhere", `an address begins with a slash and a protocol. ${forms}`],
  ["127.0.0.1:4711", `an address begins with a slash and a protocol. ${forms}`],
  ["ip4/127.0.0.1/tcp/4711", `an address begins with a slash and a protocol. ${forms}`],
  ["//ip4/127.0.0.1/tcp/4711", `an address begins with a slash and a protocol. ${forms}`],
  [" /ip4/127.0.0.1/tcp/4711", `an address begins with a slash and a protocol. ${forms}`],
  ["/dns6/localhost/tcp/4711", `unsupported protocol "dns6". ${forms}`],
  ["/IP4/127.0.0.1/tcp/4711", `unsupported protocol "IP4". ${forms}`],
  ["/tcp/4711", `unsupported protocol "tcp". ${forms}`],
  ["/constructor/x", `unsupported protocol "constructor". ${forms}`],
  ["/ip4/127.0.0.1/udp/9", `unsupported protocol combination ip4/udp. ${ip4}`],
  ["/ip6/::1/udp/9", `unsupported protocol combination ip6/udp. ${ip6}`],
  ["/ip4/127.0.0.1", `unsupported protocol combination ip4/nothing. ${ip4}`],
  ["/ip4", `unsupported protocol combination ip4/nothing. ${ip4}`],
  ["/ip4/127.0.0.1/tcp/80/ws", `unsupported protocol combination ip4/tcp/ws. ${ip4}`],
  ["/ip4/127.0.0.1/tcp/80/", `unsupported protocol combination ip4/tcp/. ${ip4}`],
  ["/ip4/127.0.0.1/tcp/80/tls/ws", `unsupported protocol combination ip4/tcp/tls. ${ip4}`],
  ["/ip4/127.0.0.1/tcp/80/tls/", `unsupported protocol combination ip4/tcp/tls. ${ip4}`],
  ...["", ".", "a..b", "a.", "-a", "a-", "a_b", "a b", "ä", "1.2.3.4", "a.12", "::1", "a".repeat(64)].map((host) =>
    [`/dns4/${host}/tcp/80`, `"${host}" is no name of a host. ${dns4}`] as const
  ),
  ["/memory/7/ws", `unsupported protocol combination memory/ws. ${memory}`],
  ["/memory", `the key is missing. ${memory}`],
  ["/memory/", `the key is missing. ${memory}`],
  ["/unix", `the path names no file. ${unix}`],
  ["/unix/", `the path names no file. ${unix}`],
  ["/unix/tmp/", `the path names no file. ${unix}`],
  ["/unix/tmp/a\0b", `a path cannot hold the character 0. ${unix}`],
  ...["", "localhost", "127.1", "127.0.0.1.1", "127.0.0.256", "127.0.0.01", "0x7f.0.0.1", "127.0.0.+1", "::1"].map((
    host
  ) => [`/ip4/${host}/tcp/80`, `"${host}" is no IPv4 literal. ${ip4}`] as const),
  ...[
    "",
    ":",
    ":::",
    "1",
    "127.0.0.1",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    "1::2::3",
    ":1::",
    "::1:",
    "::12345",
    "::g",
    "::127.0.0",
    "::127.0.0.1:1",
    "127.0.0.1::",
    "[::1]",
    "fe80::1%eth0"
  ].map((host) => [`/ip6/${host}/tcp/80`, `"${host}" is no IPv6 literal. ${ip6}`] as const),
  ...["", "-1", "+1", "65536", "080", "80 ", "1e3", "0x50", "http", "٨٠"].map((port) =>
    [`/ip4/127.0.0.1/tcp/${port}`, `"${port}" is no port from 1 to 65535. ${ip4}`] as const
  ),
  ["/ip4/127.0.0.1/tcp/0", `port 0 is for listening only: no actor answers there. ${ip4}`],
  ["/ip6/::1/tcp/0", `port 0 is for listening only: no actor answers there. ${ip6}`]
]

const whole = (maximum: number, minimum = 0) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const Text = Schema.String.check(Schema.makeFilter((s: string) => s.isWellFormed()))
const many = { arbitrary: { runs: 2000 } }

describe("Addresses are read from text and written as text", () => {
  for (const [text, address, isLoopback] of right) {
    it(`each valid text is parsed to an address, and formatting the address gives the same text (here ${text})`, () => {
      assert.deepStrictEqual(Address.parse(text), { ok: true, value: address })
      assert.strictEqual(Address.format(address), text)
    })
    it(`the function isLoopback tells whether an address can be reached only from its own machine (for ${text}: ${isLoopback})`, () =>
      assert.strictEqual(Address.isLoopback(address), isLoopback))
  }

  for (const [text, issue] of wrong) {
    it(`a text that is no address is refused with the reason and the possible forms (for ${JSON.stringify(text)}: ${issue})`, () =>
      assert.deepStrictEqual(Address.parse(text), { ok: false, issue: `${JSON.stringify(text)}: ${issue}` }))
  }

  it("the address of a listener may have port 0, and the address of a dial may not", () => {
    for (const text of ["/ip4/127.0.0.1/tcp/0", "/ip6/::1/tcp/0"]) {
      const parsed = Address.parse(text, { bind: true })
      assert(parsed.ok)
      assert.strictEqual(Address.format(parsed.value), text)
    }
    assert.isTrue(Address.parse("/ip6/::/tcp/0/tls", { bind: true }).ok)
    assert.isFalse(Address.parse("/dns4/localhost/tcp/0", { bind: true }).ok)
    assert.isFalse(Address.parse("/ip4/127.0.0.1/tcp/-0", { bind: true }).ok)
    assert.isFalse(Address.parse("/ip4/127.0.0.1/tcp/00", { bind: true }).ok)
  })

  const Name = Text.check(Schema.makeFilter((s: string) => s !== "" && !s.includes("/") && !s.includes("\0")))
  const Any = Schema.Union([
    Schema.Struct({
      _tag: Schema.Literal("Unix"),
      path: Schema.Struct({ folders: Schema.Array(Name), name: Name })
    }),
    Schema.Struct({
      _tag: Schema.Literal("Ip4"),
      bytes: Schema.Tuple([whole(255), whole(255), whole(255), whole(255)]),
      port: whole(65535, 1)
    }),
    Schema.Struct({
      _tag: Schema.Literal("Ip6"),
      groups: Schema.Array(whole(0xffff)),
      port: whole(65535, 1)
    }),
    Schema.Struct({
      _tag: Schema.Literal("Name"),
      labels: Schema.Array(whole(0xffff)),
      port: whole(65535, 1),
      tls: Schema.Boolean
    }),
    Schema.Struct({ _tag: Schema.Literal("Memory"), key: Name })
  ])
  const addressOf = (made: typeof Any.Type): Address.Address => {
    switch (made._tag) {
      case "Unix":
        return { _tag: "Unix", path: ["", ...made.path.folders, made.path.name].join("/") }
      case "Ip4":
        return { _tag: "Tcp", host: made.bytes.join("."), port: made.port }
      case "Ip6":
        return {
          _tag: "Tcp",
          host: `::${made.groups.slice(0, 7).map((n) => n.toString(16)).join(":")}`,
          port: made.port
        }
      case "Name": {
        const labels = made.labels.slice(0, 7).map((n) => `${n.toString(36)}-${n}`)
        return { _tag: made.tls ? "Tls" : "Tcp", host: [...labels, "host"].join("."), port: made.port }
      }
      case "Memory":
        return made
    }
  }

  it.prop("every address that is formatted as text is parsed back to the same address", { made: Any }, ({ made }) => {
    const address = addressOf(made)
    assert.deepStrictEqual(Address.parse(Address.format(address)), { ok: true, value: address })
  }, many)

  it.prop("any text is parsed to an address with exactly this text, or is refused with an issue that names the text", {
    text: Text,
    prefix: Schema.Literals([
      "",
      "/",
      "/unix",
      "/ip4/127.0.0.1",
      "/ip4/127.0.0.1/tcp/",
      "/ip6/::1/",
      "/dns4/",
      "/memory/"
    ])
  }, ({ prefix, text }) => {
    const parsed = Address.parse(prefix + text)
    if (parsed.ok) assert.strictEqual(Address.format(parsed.value), prefix + text)
    else assert.include(parsed.issue, JSON.stringify(prefix + text))
  }, many)

  const Piece = Schema.Literals([
    "0",
    "1",
    "ff",
    "7f00",
    "127",
    "255",
    "256",
    "01",
    "12345",
    ":",
    ":",
    "::",
    ".",
    ".",
    "g"
  ])
  const Ordinary = Schema.Literals(["1:2:3:4:5:6:7:8", "1::8", "::1.2.3.4", "1.2.3.4", "1:2:3:4:5:6:1.2.3.4"])
  it.prop("a text counts as an IP literal exactly when the platform's own check accepts it", {
    pieces: Arbitrary.array(Arbitrary.schema(Piece), { maxLength: 9 }),
    ordinary: Ordinary,
    at: whole(20)
  }, ({ at, ordinary, pieces }) => {
    const edited = ordinary.slice(0, at) + pieces.slice(0, 2).join("") + ordinary.slice(at + 1)
    for (const host of [pieces.join(""), edited, ordinary]) {
      assert.strictEqual(Address.parse(`/ip4/${host}/tcp/1`).ok, Net.isIPv4(host), host)
      assert.strictEqual(Address.parse(`/ip6/${host}/tcp/1`).ok, Net.isIPv6(host), host)
    }
  }, { arbitrary: { runs: 5000 } })
})
