/**
 * What a census actor serves: it is given the names of files, and streams a row for each as soon as it is measured.
 */
import { Actor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"
import { measure } from "./measure.ts"
import { Parser } from "./Parser.ts"
import { Answer, CannotRead } from "./row.ts"

const measureFile = (folder: string, file: string) =>
  Effect.gen(function*() {
    const parser = yield* Parser
    const content = yield* Effect.tryPromise({
      try: () => Fs.readFile(Path.join(folder, file)),
      catch: (error) => new CannotRead({ file, reason: (error as NodeJS.ErrnoException).code ?? String(error) })
    })
    return measure(parser, file, content)
  }).pipe(Effect.catchTag("CannotRead", (error) => Effect.succeed(error)))

export const measureFiles = Actor.stream("measureFiles", {
  module: import.meta.url,
  payload: { folder: Schema.String, files: Schema.Array(Schema.String) },
  success: Answer,
  layer: Parser.layer
})(({ files, folder }) => Stream.fromIterable(files).pipe(Stream.mapEffect((file) => measureFile(folder, file))))
