/**
 * CommonJS from what esbuild has bundled as ES modules.
 *
 * esbuild splits ES modules only into files that share code. These are regular: imports at the
 * start of a statement, one list of exports at the end, no circle between files, and no exported
 * variable that changes. So an import becomes a `require` whose result is destructured, and calls
 * between files cost what calls within a file do. esbuild's own conversion reads a getter for each.
 * An `import()` of a file of the package becomes a `require`, too, and loads it at once.
 *
 * Lines stay where they are, so that source maps stay right.
 */

const IMPORT_LIST = /^import \{([^}]*)\} from "([^"]+)";$/gm;
const IMPORT_DEFAULT = /^import (?:\* as )?([\w$]+) from "([^"]+)";$/gm;
const IMPORT_BOTH = /^import ([\w$]+), \{([^}]*)\} from "([^"]+)";$/gm;
const IMPORT_EFFECTS = /^import "([^"]+)";$/gm;
const EXPORT_LIST = /^export \{([^}]*)\};$/m;
const IMPORT_LATE = /\bimport\("(\.[^"]+)"\)/g;
const EXPORT_STAR = /^export \* from "[^"]+";$/gm;

/** In bundles of ES modules, there may be no `__filename`. */
const OWN_URL = 'require("node:url").pathToFileURL(typeof __filename === "string" ? __filename : (process.argv[1] ?? "")).href';

const renamed = (list, separator) => list.replace(/([\w$]+) as ([\w$]+)/g, `$1${separator}$2`);
const toCjs = (specifier) => (specifier.startsWith('.') ? specifier.replace(/\.js$/, '.cjs') : specifier);

/**
 * Converts a file.
 *
 * @param isDropIn the module is what it exports by default, as Node's modules are.
 */
export function toCommonJs(code, isDropIn) {
  const converted = code
    .replace(
      IMPORT_BOTH,
      (_, name, list, from) => `const ${name} = require("${toCjs(from)}"), {${renamed(list, ': ')}} = ${name};`,
    )
    .replace(IMPORT_LIST, (_, list, from) => `const {${renamed(list, ': ')}} = require("${toCjs(from)}");`)
    .replace(IMPORT_DEFAULT, (_, name, from) => `const ${name} = require("${toCjs(from)}");`)
    .replace(IMPORT_EFFECTS, (_, from) => `require("${toCjs(from)}");`)
    .replace(IMPORT_LATE, (_, from) => `require("${toCjs(from)}")`)
    .replace(EXPORT_STAR, '')
    .replace(EXPORT_LIST, (_, list) => exported(list, isDropIn))
    .replaceAll('import.meta.url', OWN_URL);
  const left = /^(import|export)\b.*$/m.exec(converted);
  if (left !== null) throw new Error(`esbuild writes something that is not known here: ${left[0]}`);
  return `"use strict"; ${converted}`;
}

function exported(list, isDropIn) {
  if (isDropIn) return `module.exports = ${/([\w$]+) as default/.exec(list)[1]};`;
  const properties = list.replace(/([\w$]+) as ([\w$]+)/g, '$2: $1');
  return `module.exports = {${properties}};`;
}

/**
 * Returns an ES module that exports what a CommonJS one does.
 *
 * @param node the module of Node's of which everything is exported that is not in `names`.
 */
export function facade(file, names, node) {
  const own = names.filter((name) => name !== 'default');
  const isDropIn = names.includes('default');
  return [
    ...(node === undefined ? [] : [`export * from '${node}';`]),
    `import module from './${file}';`,
    ...(own.length === 0 ? [] : [`export const {\n${own.map((name) => `  ${name},\n`).join('')}} = module;`]),
    ...(isDropIn ? ['export default module;'] : []),
    '',
  ].join('\n');
}

/**
 * Returns an ES module that loads a CommonJS one. Unlike an import of it, this does not have Node
 * search its text for names of exports; loading the parser takes milliseconds.
 */
export function loader(file) {
  return `import { createRequire } from 'node:module';\ncreateRequire(import.meta.url)('./${file}');\n`;
}
