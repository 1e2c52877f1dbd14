/**
 * Avoids loading modules of Node completely: an import of one reads all its properties, some of which load a lot of
 * code.
 */
import type { Plugin } from "rolldown"

/** Turns imports of Node's modules into look-ups, which read only the modules that are used. */
export const lean: Plugin = {
  name: "lean",
  renderChunk: (code) => ({
    code: code
      .replace(/^import \* as (\S+) from ("node:[^"]+");$/gm, "const $1 = process.getBuiltinModule($2);")
      .replace(
        /^import \{(.+)\} from ("node:[^"]+");$/gm,
        (_, names: string, module: string) =>
          `const {${names.replaceAll(" as ", ": ")}} = process.getBuiltinModule(${module});`
      ),
    // Lines keep their numbers.
    map: null
  })
}
