/**
 * Modules of Node without reading them: importing one reads all its properties, and some of them load much.
 */
import type { Plugin } from "rolldown"

/** Turns imports of Node's modules into look-ups, which read only used modules. */
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
    // Lines stay where they are.
    map: null
  })
}
