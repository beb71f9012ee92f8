/**
 * The layers: imports only point downward, and only one folder imports koffi.
 *
 *   cli
 *   http, https, register, top, simulation
 *   net
 *   dgram, fs, sockets
 *   engine, context     testing
 *   ops                 |
 *   ring  <-------------+ (abi, layout)
 *   syscalls
 *
 * Within the engine, which other layers import only through index.ts and internal.ts:
 *
 *   uring, options, backend
 *   sockets   transfers
 *   operations
 *   memory    queue
 *   delivery
 */
const only = (folder, ...allowed) => ({
  name: `${folder}-imports-downwards`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  // Shared by all layers.
  to: {
    path: '^src/',
    pathNot: [
      '^src/(assert|calls|linux|node-fs|node-net|own-folder|perf-hooks|permission-model|summary|validate|timers|instances)\\.ts$',
      ...[folder, ...allowed].map((name) => `^src/${name}/`),
    ],
  },
});

/** A room of the engine, and the rooms below it that it may import. */
const room = (folder, ...allowed) => ({
  name: `engine-${folder}-imports-downwards`,
  severity: 'error',
  from: { path: `^src/engine/${folder}/` },
  to: {
    path: '^src/engine/',
    pathNot: ['^src/engine/(errors|permission)\\.ts$', ...[folder, ...allowed].map((name) => `^src/engine/${name}/`)],
  },
});

module.exports = {
  forbidden: [
    only('syscalls'),
    only('ring', 'syscalls'),
    only('ops', 'ring', 'syscalls'),
    only('context', 'ring', 'ops', 'syscalls'),
    only('engine', 'ring', 'ops', 'syscalls'),
    only('dgram', 'engine', 'syscalls'),
    only('fs', 'engine', 'syscalls'),
    only('sockets', 'engine', 'syscalls'),
    only('net', 'sockets', 'engine', 'syscalls'),
    only('register', 'dgram', 'fs', 'net', 'engine'),
    only('http', 'net'),
    only('https', 'net'),
    only('testing', 'ring', 'syscalls'),
    only('top', 'engine'),
    only('simulation', 'engine', 'fs', 'register', 'testing', 'syscalls'),
    room('delivery'),
    room('memory'),
    room('queue'),
    room('operations', 'memory', 'queue'),
    room('transfers', 'operations', 'memory', 'queue'),
    room('sockets', 'operations', 'memory', 'queue'),
    {
      name: 'engine-is-entered-by-its-doors',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/engine/' },
      to: { path: '^src/engine/', pathNot: '^src/engine/(index|internal)\\.ts$' },
    },
    only('cli', 'ring', 'ops', 'context', 'engine', 'dgram', 'fs', 'sockets', 'net', 'register', 'syscalls', 'top'),
    {
      name: 'testing-knows-only-the-kernel-interface',
      severity: 'error',
      from: { path: '^src/testing/' },
      to: { path: '^src/(ring/|linux)', pathNot: ['^src/ring/abi/', '^src/ring/layout\\.ts$'] },
    },
    {
      name: 'abi-knows-nothing',
      severity: 'error',
      from: { path: '^src/ring/abi/' },
      to: { path: '^src/', pathNot: '^src/(ring/abi/|linux\\.ts$)' },
    },
    {
      name: 'koffi-in-syscalls-only',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/syscalls/' },
      to: { path: 'koffi' },
    },
    {
      name: 'one-run-time-dependency',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg'], pathNot: 'koffi' },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-circular',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types'] },
  },
};
