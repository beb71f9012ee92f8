// For programs that import the package by another name, without its additions; see modules.d.ts.
/// <reference path="modules.d.ts" />
export * from 'node:http';
export * as default from 'node:http';
