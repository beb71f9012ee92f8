/** Warnings of the process that a test causes: noted instead of printed. */

/** Until `restore` is called, `process.emitWarning` notes its arguments, or hands them to `note`. */
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
