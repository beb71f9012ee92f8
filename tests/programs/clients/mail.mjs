import { once } from 'node:events';
import nodemailer from 'nodemailer';
import { SMTPServer } from 'smtp-server';
import { bytes, ca, digest, failure, key, say, times } from './common.mjs';

const received = [];
const server = (options) =>
  new SMTPServer({
    key,
    cert: ca,
    onAuth: ({ username, password }, _session, done) =>
      password === 'secret' ? done(null, { user: username }) : done(new Error('no such user')),
    onData(stream, { envelope, secure }, done) {
      const chunks = [];
      stream.on('data', (chunk) => chunks.push(chunk));
      stream.on('end', () => {
        const text = Buffer.concat(chunks).toString('latin1');
        const attachment = /base64\r\nContent-Disposition: attachment[^\r]*\r\n\r\n([\s\S]*?)\r\n--/.exec(text)?.[1] ?? '';
        received.push([envelope.mailFrom.address, secure, digest(Buffer.from(attachment, 'base64'))].join(' '));
        done(null, 'taken');
      });
    },
    ...options,
  });

for (const [name, options, client] of [
  ['plain', { hideSTARTTLS: true, authOptional: true }, { ignoreTLS: true }],
  ['STARTTLS', {}, { requireTLS: true, tls: { ca, servername: 'localhost' } }],
  ['TLS', { secure: true }, { secure: true, tls: { ca, servername: 'localhost' } }],
]) {
  const smtp = server(options);
  const { server: listener } = smtp;
  smtp.on('error', ({ code }) => say(name, 'error', code));
  smtp.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const place = { host: '127.0.0.1', port: listener.address().port, pool: true, ...client };
  const auth = (pass) => (name === 'plain' ? {} : { auth: { user: 'somebody', pass } });
  const transport = nodemailer.createTransport({ ...place, ...auth('secret') });
  const answers = await times(20, (index) =>
    transport.sendMail({
      from: `from-${String(index).padStart(2, '0')}@example.org`,
      to: 'to@example.org',
      text: 'hello',
      attachments: [{ filename: 'data.bin', content: bytes(100_000 * index) }],
    }),
  );
  say(name, new Set(answers.map(({ response }) => response)).size, received.sort());
  received.length = 0;
  transport.close();
  if (name !== 'plain')
    say(name, await failure(nodemailer.createTransport({ ...place, pool: false, ...auth('wrong') }).verify()));
  await new Promise((resolve) => {
    smtp.close(resolve);
  });
}
