import { assert, describe, it } from "@effect/vitest"
import { complete, missing, resolved } from "../lock.ts"

const lock = {
  lockfileVersion: 3,
  packages: {
    "": { version: "0.0.0" },
    "node_modules/@tool/linux-x64-gnu": { version: "1.0.0" },
    "node_modules/tool": {
      version: "1.0.0",
      dev: true,
      optionalDependencies: {
        "@tool/linux-x64-gnu": "1.0.0",
        "@tool/linux-x64-musl": "1.0.0",
        "@tool/win32-arm64-msvc": "^1.0.0"
      }
    },
    "packages/own": { version: "0.0.0" },
    "node_modules/own": { resolved: "packages/own", link: true }
  }
}

describe("The lock script", () => {
  it("the lock script adds missing platform builds of packages to a lock file, each with its platform", () => {
    assert.deepStrictEqual(missing(lock), [
      ["node_modules/@tool/linux-x64-musl", {
        version: "1.0.0",
        cpu: ["x64"],
        dev: true,
        libc: ["musl"],
        optional: true,
        os: ["linux"]
      }],
      ["node_modules/@tool/win32-arm64-msvc", {
        version: "1.0.0",
        cpu: ["arm64"],
        dev: true,
        optional: true,
        os: ["win32"]
      }]
    ])
    assert.deepStrictEqual(missing(complete(lock)), [])
  })

  it("the lock script adds a missing platform build beside the version of the tool that needs it, if two versions of the tool are installed", () => {
    const tool = { version: "1.0.0", optionalDependencies: { "@tool/linux-x64-musl": "1.0.0" } }
    const older = { version: "0.9.0", optionalDependencies: { "@tool/linux-x64-musl": "0.9.0" } }
    const both = {
      packages: {
        "node_modules/@tool/linux-x64-musl": { version: "1.0.0" },
        "node_modules/tool": tool,
        "node_modules/user/node_modules/tool": older
      }
    }
    const where = (value: Parameters<typeof missing>[0]) => missing(value).map(([key, entry]) => [key, entry.version])
    assert.deepStrictEqual(where(both), [["node_modules/user/node_modules/@tool/linux-x64-musl", "0.9.0"]])
    const { "node_modules/@tool/linux-x64-musl": _, ...neither } = both.packages
    assert.deepStrictEqual(where({ packages: neither }), [
      ["node_modules/@tool/linux-x64-musl", "1.0.0"],
      ["node_modules/user/node_modules/@tool/linux-x64-musl", "0.9.0"]
    ])
    const stale = { ...neither, "node_modules/@tool/linux-x64-musl": { version: "0.9.0" } }
    assert.deepStrictEqual(where({ packages: stale }), [[
      "node_modules/tool/node_modules/@tool/linux-x64-musl",
      "1.0.0"
    ]])
    for (const packages of [both.packages, neither, stale]) assert.deepStrictEqual(missing(complete({ packages })), [])
  })

  it("the lock script finds an address of a registry in a lock file, and ignores a workspace link", () => {
    assert.deepStrictEqual(resolved(lock), [])
    const tied = { packages: { "node_modules/a": { version: "1.0.0", resolved: "https://registry.example/a.tgz" } } }
    assert.deepStrictEqual(resolved(tied), ["node_modules/a"])
  })

  it("the lock script makes no entry for a missing dependency whose name shows no platform", () => {
    assert.throws(
      () => missing({ packages: { "node_modules/a": { optionalDependencies: { fast: "1.0.0" } } } }),
      /by hand/
    )
  })
})
