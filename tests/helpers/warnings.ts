/** Captures the process warnings that a test causes. */

/**
 * Until `restore` is called, `process.emitWarning` records its arguments, and passes them to
 * `note`.
 */
export function catchWarnings(note?: (...args: unknown[]) => void): { warnings: unknown[][]; restore: () => void } {
  const { emitWarning } = process;
  const warnings: unknown[][] = [];
  process.emitWarning = ((...args: unknown[]) => {
    warnings.push(args);
    note?.(...args);
  }) as typeof emitWarning;
  return {
    warnings,
    restore: () => {
      process.emitWarning = emitWarning;
    },
  };
}
