/**
 * The command `furrow` looks into the running trees of this user.
 *
 * The exit code of `furrow` is 0 without a stuck actor, 1 for a wrong command line, 3 with a stuck actor, and 4 without
 * a tree.
 */
import * as NodeChildProcessSpawner from "@effect/platform-node/NodeChildProcessSpawner"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as CliConfig from "effect/cli/CliConfig"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ls, watch } from "./engines.ts"
import { graves } from "./graves.ts"
import { fibers, stack, top, tree, why } from "./looks.ts"
import { events, heap, metrics, profile } from "./records.ts"

const furrow = Command.make("furrow").pipe(
  Command.withDescription("Looks into the running trees of this user."),
  Command.withSubcommands([tree, top, why, fibers, stack, events, metrics, profile, heap, graves, ls, watch])
)

const services = NodeChildProcessSpawner.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, NodeStdio.layer, NodeTerminal.layer))
)

const program = Command.run(furrow, { version: "0.2.0" }).pipe(
  // The command `furrow` provides the platform's services one by one, because loading all of them takes as long as
  // loading all other code.
  Effect.provide([services, CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] })])
)

void Effect.runPromise(program as Effect.Effect<void, unknown>).catch(() => {
  process.exitCode = 1
})
