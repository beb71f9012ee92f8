/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/tests'],
  testMatch: ['**/*.test.ts'],
  // The first change the machine that they run on; the others have packages of their own (`npm run test:programs`).
  testPathIgnorePatterns: ['/node_modules/', '/tests/machine/', '/tests/programs/'],
  extensionsToTreatAsEsm: ['.ts'],
  // Source imports end in .js, as Node wants them; the tests run the .ts beside them.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': ['ts-jest', { useESM: true, tsconfig: 'tsconfig.json' }] },
  setupFilesAfterEnv: ['<rootDir>/tests/helpers/collect.ts'],
  testTimeout: 30_000,
  // Two cores: more would only make the tests that count threads slower.
  maxWorkers: 2,
};
