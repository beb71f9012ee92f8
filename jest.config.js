/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/tests'],
  testMatch: ['**/*.test.ts'],
  // They change the machine that they run on.
  testPathIgnorePatterns: ['/node_modules/', '/tests/machine/'],
  extensionsToTreatAsEsm: ['.ts'],
  // Source imports end in .js, as Node wants them; the tests run the .ts beside them.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': ['ts-jest', { useESM: true, tsconfig: 'tsconfig.json' }] },
  setupFilesAfterEnv: ['<rootDir>/tests/helpers/collect.ts'],
  testTimeout: 30_000,
  // Two cores: more would only make the tests that count threads slower.
  maxWorkers: 2,
};
