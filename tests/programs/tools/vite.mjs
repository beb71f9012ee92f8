import { inPackage, modules, project, scaled } from './common.mjs';

export const title = 'vite build';
export const made = ['dist'];

export function prepare(directory, scale) {
  project(directory, {
    'package.json': '{ "name": "application", "type": "module", "private": true }',
    'index.html': '<!doctype html><html><body><script type="module" src="/source/main.js"></script></body></html>\n',
    'source/main.js': "import './index.js';\nimport { createRoot } from 'react-dom/client';\nconsole.log(createRoot);\n",
    ...modules(scaled(1500, scale)),
  });
}

export const command = () => [inPackage('vite', 'bin/vite.js'), 'build', '--logLevel', 'warn'];
