// For programs that import the package by another name, without its additions; see modules.d.ts.
/// <reference path="modules.d.ts" />
export * from 'node:fs';
export * as default from 'node:fs';
