// For who knows the package by another name, without what only we have; see modules.d.ts.
/// <reference path="modules.d.ts" />
export * from 'node:dgram';
export * as default from 'node:dgram';
