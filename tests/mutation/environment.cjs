/**
 * Node's environment for the mutation runs, in which a mutant costs a tenth of what it would
 * otherwise.
 *
 * - The names of the tests to run come as one expression with a thousand alternatives, which Jest
 *   holds against each name, several times: a set of names knows at once.
 * - It stops at the first failure: one is enough to know that a mutant is dead, and Jest's own
 *   `bail` counts files.
 * - What fails outside of a test (in afterAll) is charged to a test: Stryker takes it for an error
 *   of its own, and would leave the mutant out.
 * - Endless loops are ended here: Stryker would have to kill the process and start another, which
 *   takes ten seconds.
 * - A test that waits while nothing happens at all has failed: the simulated kernel has no time of
 *   its own.
 */

const { performance } = require('node:perf_hooks');
const vm = require('node:vm');
const { TestEnvironment } = require('jest-environment-node');

/** For what runs in one go. */
const LIMIT_MS = 1500;
/** So long a test may wait for nothing, looked at in steps. */
const IDLE_MS = 300;
const IDLE_STEP_MS = 50;
/** For the hooks after a failure. */
const LIMIT_AFTER_FAILURE_MS = 150;

/**
 * What cannot be done in a bundle (call sites by file, children), takes too long, or is the same
 * again: of the tests with each errno, those that the library tells apart.
 */
const SKIPPED =
  /where it was started$|IOWQ_MAX_WORKERS|a restricted ring without a descriptor|wrap their tail at 2\^16$| answers (?!EAGAIN|EALREADY|EBADF|EBADFD|EBUSY|ECANCELED|EEXIST|EINTR|EINVAL|EIO|ENOENT|ENOMEM|ENOSYS|EOPNOTSUPP|EOWNERDEAD|EPERM|ETIME)E[A-Z0-9]+:/;

const CALL = new vm.Script('__limited()');

module.exports = class extends TestEnvironment {
  /** The test that has failed. */
  failed = undefined;
  /** From the failure itself on: its hooks come before the test is done. */
  failing = false;
  last = undefined;
  depth = 0;

  constructor(config, context) {
    super(config, context);
    const { global } = this;
    const { setImmediate } = global;
    global.setImmediate = Object.assign((callback, ...rest) => setImmediate(this.limited(callback), ...rest), setImmediate);
  }

  async handleTestEvent(event, state) {
    switch (event.name) {
      case 'setup':
        if (state.testNamePattern) state.testNamePattern = namesOf(state.testNamePattern.source);
        break;
      case 'test_start':
        if (this.failed || SKIPPED.test(event.test.name)) event.test.mode = 'skip';
        else event.test.fn = this.withoutParameters(event.test.fn);
        break;
      case 'hook_start':
        // A limit costs half a millisecond: without a failure, it is the kernel's calls that are
        // counted (setup.ts).
        if (!this.failing) break;
        event.hook.fn = this.withoutParameters(event.hook.fn);
        event.hook.timeout = LIMIT_AFTER_FAILURE_MS;
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
        return CALL.runInContext(context, { timeout: environment.failing ? LIMIT_AFTER_FAILURE_MS : LIMIT_MS });
      } finally {
        environment.depth--;
      }
    };
  }

  /**
   * As {@link limited}; Jest gives `done` to a function that takes a parameter, and to no other.
   */
  withoutParameters(fn) {
    if (typeof fn !== 'function' || fn.length > 0 || fn.isLimited) return fn;
    const limited = this.limited(fn);
    const result = function () {
      const outcome = limited.apply(this);
      return typeof outcome?.then === 'function' ? unlessIdle(outcome) : outcome;
    };
    result.isLimited = true;
    return result;
  }
};

/** The same promise, rejected when the event loop has had nothing to do for some time. */
function unlessIdle(promise) {
  let [idle, last] = [0, performance.eventLoopUtilization()];
  return new Promise((resolve, reject) => {
    const watch = setInterval(() => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, last);
      last = now;
      idle = utilization < 0.1 ? idle + IDLE_STEP_MS : 0;
      if (idle >= IDLE_MS) reject(new Error('the test waits for what does not come'));
    }, IDLE_STEP_MS);
    promise.then(resolve, reject).finally(() => clearInterval(watch));
  });
}

/** What Stryker's expression `(one)|(other)|…` matches, with its escapes undone. */
function namesOf(source) {
  const names = new Set(
    source
      .slice(1, -1)
      .split(')|(')
      .map((name) => name.replace(/\\(.)/g, '$1')),
  );
  return { test: (name) => names.has(name) };
}
