/**
 * Avoids loading whole modules of Node: an `import` of a module reads all its properties, and some of them load much
 * code.
 */
import type { Plugin } from "rolldown"

/** Turns imports of Node's modules into calls that load a module when it is used. */
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
    // The plugin for imports of Node's modules returns no source map, because every line keeps its number.
    map: null
  })
}
