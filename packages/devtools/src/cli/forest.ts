/**
 * The verbs `ls` and `watch` of `furrow`, which show all trees of an engine. The verbs `ls` and `watch` only read from
 * the engine, and hold neither names nor leases in it.
 */
import type { DiscoveryDriver } from "@furrow/actor/Discovery"
import { Follower, type Reader } from "@furrow/actor/internal/discovery/Following"
import type { Entry } from "@furrow/actor/internal/settings/ActorRef"
import * as HostDriver from "@furrow/node/internal/hostDriver"
import * as RuntimeFolder from "@furrow/node/internal/runtimeFolder"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { exit, exits, fail, reasonOf } from "./common.ts"
import * as ForestView from "./forestView.ts"

export interface Options {
  readonly folder: string | undefined
  readonly host: string
  readonly json: boolean
}

/**
 * The default lease of a tree in milliseconds. The pause between two reads of the engine by `furrow watch` is a quarter
 * of the lease.
 */
const lease = { id: "", ttlMillis: 15_000 }

const followers = (driver: DiscoveryDriver["Service"], { host, ...reader }: Omit<Reader, "root">) => {
  const failing = new Set<Follower>()
  return (["everyone", `host/${host}`] as const).map((reach) =>
    new Follower({ driver, lease }, reach, { ...reader, host, root: undefined }, failing)
  )
}

/**
 * Returns the engine of this host, where a program of this user has made one. The verbs `ls` and `watch` never make the
 * engine's folder, because a read of the engine must leave no files.
 */
const engine = <A, E, R>(
  { folder }: Options,
  use: (driver: DiscoveryDriver["Service"]) => Effect.Effect<A, E, R>
) => {
  const host = Path.join(RuntimeFolder.runtimeFolder(folder), "host")
  if (!Fs.existsSync(host)) {
    return Effect.andThen(fail(`no tree has been listed in ${Path.dirname(host)}`), exit(exits.noTree))
  }
  return Effect.scoped(Effect.flatMap(HostDriver.make(host), use)).pipe(
    Effect.catch((error) => fail(`the engine in ${Path.dirname(host)} does not answer: ${reasonOf(error)}`))
  )
}

export const ls = (options: Options) =>
  engine(options, (driver) =>
    Effect.gen(function*() {
      const all = new Map<string, Entry>()
      const registrar: Reader["registrar"] = {
        found: (entries) => {
          for (const entry of entries) all.set(entry.actor.uuid, entry)
        },
        lost: (uuids) => {
          for (const uuid of uuids) all.delete(uuid)
        },
        gap: () => {}
      }
      for (const { look } of followers(driver, { host: options.host, registrar })) yield* look
      const entries = Array.from(all.values())
      yield* Console.log(options.json ? ForestView.json(entries) : ForestView.list(entries).join("\n"))
    }))

export const watch = (options: Options) =>
  engine(options, (driver) =>
    Effect.gen(function*() {
      const all = new Map<string, Entry>()
      const said: Array<string> = []
      const say = (change: ForestView.Change) =>
        void said.push((options.json ? ForestView.jsonLine : ForestView.line)(change, Date.now()))
      const registrar: Reader["registrar"] = {
        found: (entries) => {
          for (const entry of entries) {
            if (!all.has(entry.actor.uuid)) say({ event: "up", entry })
            all.set(entry.actor.uuid, entry)
          }
        },
        lost: (uuids, why) => {
          for (const uuid of uuids) {
            const entry = all.get(uuid)
            if (all.delete(uuid)) say({ event: "down", entry: entry!, why })
          }
        },
        gap: () => {}
      }
      const print = Effect.suspend(() => said.length === 0 ? Effect.void : Console.log(said.splice(0).join("\n")))
      const following = followers(driver, { host: options.host, registrar })
      // The verb `watch` of `furrow` fails when its first read of the engine gets no answer. After its first read, the
      // verb `watch` of `furrow` goes on while the engine cannot be reached.
      for (const { look } of following) yield* look
      yield* print
      yield* Effect.all([
        ...following.map(({ run }) => run),
        Effect.forever(Effect.andThen(Effect.sleep(printMillis), print))
      ], {
        concurrency: "unbounded",
        discard: true
      })
    }))

/** Milliseconds between two prints of the changes in the list of actors. */
const printMillis = 50
