/**
 * Makes built files load less of Node: an `import` of one of Node's modules reads all its properties, some of which
 * load much code.
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
    // The plugin that changes imports of Node's modules returns no source map, because every line keeps its number.
    map: null
  })
}
