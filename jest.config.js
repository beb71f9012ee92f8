/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/tests'],
  testMatch: ['**/*.test.ts'],
  // tests/machine changes settings of the machine; tests/programs has its own packages
  // (`npm run test:programs`).
  testPathIgnorePatterns: ['/node_modules/', '/tests/machine/', '/tests/programs/'],
  extensionsToTreatAsEsm: ['.ts'],
  // Imports in the sources end in .js, as Node requires; the tests use the .ts file of the same name.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': ['ts-jest', { useESM: true, tsconfig: 'tsconfig.json' }] },
  setupFilesAfterEnv: ['<rootDir>/tests/helpers/collect.ts'],
  testTimeout: 30_000,
  // For two cores: more workers would only slow down the tests that count threads.
  maxWorkers: 2,
};
