/**
 * The endpoint of a census actor, which gets the names of files and streams a row for each file as soon as it is
 * measured.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Actor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { measure } from "./measure.ts"
import { Parser } from "./Parser.ts"
import { Answer, CannotRead } from "./row.ts"

const measureFile = (folder: string, file: string) =>
  Effect.gen(function*() {
    const parser = yield* Parser
    const fs = yield* FileSystem.FileSystem
    const content = yield* fs.readFile(`${folder}/${file}`).pipe(
      Effect.mapError(({ reason }) => new CannotRead({ file, reason: reason._tag }))
    )
    return measure(parser, file, content)
  }).pipe(Effect.catchTag("CannotRead", (error) => Effect.succeed(error)))

export const measureFiles = Actor.stream("measureFiles", {
  module: import.meta.url,
  payload: { folder: Schema.String, files: Schema.Array(Schema.String) },
  success: Answer,
  layer: Layer.merge(Parser.layer, NodeFileSystem.layer)
})(({ files, folder }) => Stream.fromIterable(files).pipe(Stream.mapEffect((file) => measureFile(folder, file))))
