/** A preload that has graceful-fs replace the functions of `node:fs`. */

const fs = require('node:fs');
require('graceful-fs').gracefulify(fs);
