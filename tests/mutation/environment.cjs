/**
 * Node's environment for the mutation runs.
 *
 * - It stops at the first failure: one is enough to know that a mutant is dead, and Jest's own `bail` counts files.
 * - What fails outside of a test (in afterAll) is charged to a test: Stryker takes it for an error of its own, and would leave
 *   the mutant out.
 * - Endless loops are ended here, after two seconds: Stryker would have to kill the process and start another, which takes ten.
 */

const vm = require('node:vm');
const { TestEnvironment } = require('jest-environment-node');

const LIMIT_MS = 2000;
/** For the hooks after a failure. */
const LIMIT_AFTER_FAILURE_MS = 150;

/**
 * What cannot be done in a bundle (call sites by file), takes too long, or is the same again: of the tests with each errno, those
 * that the library tells apart.
 */
const SKIPPED =
  /where it was started$|their tail wraps at 2\^16$| answers (?!EAGAIN|EALREADY|EBADF|EBADFD|EBUSY|ECANCELED|EEXIST|EINTR|EINVAL|EIO|ENOENT|ENOMEM|ENOSYS|EOPNOTSUPP|EOWNERDEAD|EPERM|ETIME)E[A-Z0-9]+:/;

module.exports = class extends TestEnvironment {
  failed = undefined;
  failing = false;
  last = undefined;

  constructor(config, context) {
    super(config, context);
    const { global } = this;
    for (const name of ['setImmediate', 'setTimeout']) {
      const original = global[name];
      global[name] = Object.assign((callback, ...rest) => original(this.limited(callback), ...rest), original);
    }
    const { nextTick } = global.process;
    global.process.nextTick = (callback, ...rest) => nextTick.call(global.process, this.limited(callback), ...rest);
  }

  depth = 0;

  /** The same function with a limit in time. */
  limited(callback) {
    if (typeof callback !== 'function') return callback;
    const environment = this;
    return function (...args) {
      const context = environment.getVmContext();
      if (environment.depth > 0 || context === null) return callback.apply(this, args);
      environment.depth++;
      environment.global.__limited = () => callback.apply(this, args);
      try {
        return SCRIPT.runInContext(context, { timeout: environment.failing ? LIMIT_AFTER_FAILURE_MS : LIMIT_MS });
      } finally {
        environment.depth--;
      }
    };
  }

  async handleTestEvent(event, state) {
    switch (event.name) {
      case 'test_start':
        if (this.failed || SKIPPED.test(event.test.name)) event.test.mode = 'skip';
        else event.test.fn = this.keepArity(event.test.fn);
        break;
      case 'hook_start':
        event.hook.fn = this.keepArity(event.hook.fn);
        if (this.failing) event.hook.timeout = LIMIT_AFTER_FAILURE_MS;
        break;
      case 'test_fn_failure':
      case 'hook_failure':
        this.failing = true;
        break;
      case 'test_done':
        this.last = event.test;
        if (event.test.errors.length > 0) this.failed = event.test;
        break;
      case 'run_finish': {
        const test = this.failed ?? this.last;
        if (test) test.errors.push(...state.unhandledErrors.splice(0));
        break;
      }
    }
  }

  /** Jest gives `done` to a function that takes a parameter. */
  keepArity(fn) {
    if (typeof fn !== 'function' || fn.length > 0 || fn.isLimited) return fn;
    const limited = this.limited(fn);
    const result = function () {
      return limited.apply(this);
    };
    result.isLimited = true;
    return result;
  }
};

const SCRIPT = new vm.Script('__limited()');
