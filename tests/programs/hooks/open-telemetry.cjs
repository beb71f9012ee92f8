/** A preload that traces calls of `node:fs`, and prints at the end which. */

const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { FsInstrumentation } = require('@opentelemetry/instrumentation-fs');
const { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-node');

const exporter = new InMemorySpanExporter();
const tracerProvider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
tracerProvider.register();
// Asked for by this file only, which the functions' callers are not: hooks on require() see them all.
registerInstrumentations({ tracerProvider, instrumentations: [new FsInstrumentation()] });
process.on('exit', () => {
  const spans = exporter.getFinishedSpans().map(({ name, status }) => `${name} ${status.code}`);
  // Modules are loaded by synchronous functions, which are traced, too.
  console.log(
    spans
      .filter((span) => !span.includes('Sync'))
      .sort()
      .join('\n'),
  );
});
