import { fileURLToPath } from 'node:url';

/** @type {import('jest').Config} For mutation runs: the one file that bundle.mjs makes. */
export default {
  rootDir: '../..',
  testEnvironment: fileURLToPath(new URL('environment.cjs', import.meta.url)),
  roots: ['<rootDir>/build/mutation'],
  testMatch: ['**/*.test.cjs'],
  moduleFileExtensions: ['cjs', 'js', 'json', 'node'],
  transform: {},
  haste: { enableSymlinks: false },
  watchman: false,
  testTimeout: 4_000,
};
