// For programs that import the package by another name, without its additions; see modules.d.ts.
/// <reference path="modules.d.ts" />
import module = require('node:http');
export = module;
