// For who knows the package by another name, without what only we have; see modules.d.ts.
/// <reference path="modules.d.ts" />
export * from 'node:http';
export * as default from 'node:http';
