/** Credentials, TLS and permissions, on real servers. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inboxPrefix, type TidemarkError } from '@tidemark/contracts';
import { type StackOptions, startTemporaryStack } from '@tidemark/local-stack';
import { until } from '@tidemark/testing';
import { nkeys } from 'nats';
import t, { type Test } from 'tap';
import { Type } from 'typebox';
import { type BusEvent, type BusOptions, connectBus } from '../src/index.ts';
import { parseServers } from '../src/servers.ts';

const SECRET = 's3cr3t/with@odd:chars,and%';
const encoded = encodeURIComponent(SECRET);
const folder = mkdtempSync(join(tmpdir(), 'tidemark-bus-'));
// The server runs as another user when this is root.
chmodSync(folder, 0o711);
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

const startNats = async (t: Test, options: Partial<StackOptions> = {}) => {
  const { nats, stop } = await startTemporaryStack({ postgres: false, ...options });
  t.teardown(stop);
  return nats;
};
/** Connects and closes again; the error otherwise. */
const attempt = async (options: Omit<BusOptions, 'name'>): Promise<TidemarkError | undefined> => {
  try {
    await (await connectBus({ name: 'test', connectTimeoutMs: 2_000, ...options })).close();
    return undefined;
  } catch (error) {
    return error as TidemarkError;
  }
};
/** Everything of an error that could reach a log. */
const textOf = (error: unknown): string => {
  const { message, stack, cause } = error as Error;
  return [JSON.stringify(error), message, stack, cause ? textOf(cause) : ''].join('\n');
};

t.test('parseServers() reads schemes, users, tokens and lists, and decodes percent-encoding', async (t) => {
  t.same(parseServers('nats://a:1,b:2'), { addresses: ['a:1', 'b:2'], tls: false, credentials: undefined });
  t.same(parseServers('127.0.0.1:4222').addresses, ['127.0.0.1:4222']);
  t.same(parseServers('tls://[::1]:4222'), { addresses: ['[::1]:4222'], tls: true, credentials: undefined });
  t.same(parseServers(`nats://u%40x:${encoded}@host:4222/`).credentials, { user: 'u@x', password: SECRET });
  t.same(parseServers(`nats://${encoded}@host`).credentials, { token: SECRET });
  t.same(parseServers('nats://u:p@a,nats://b').credentials, { user: 'u', password: 'p' }, 'one for the whole cluster');
  const refused: [string, RegExp][] = [
    [`nats://u:${SECRET}@host:4222`, /address that is not <host>:<port>|percent-encoded/],
    ['nats://u:p%ZZsecret@host', /not percent-encoded/],
    ['nats://u:secret@a,nats://v:secret@b', /different users/],
    ['tls://a,nats://b', /mixes tls/],
    ['ws://u:secret@a', /scheme ws/],
    ['nats://', /address/],
    ['nats://u:secret@host:4222/path?x', /address/],
  ];
  for (const [url, message] of refused) {
    try {
      parseServers(url);
      t.fail(url);
    } catch (error) {
      t.match(error, { code: 'BUS_INVALID_OPTIONS', message, hint: /\w/ });
      t.notMatch(textOf(error), /secret|s3cr3t/, 'the password is not in the error');
    }
  }
});

t.test('refuses two kinds of credentials, and incomplete ones', async (t) => {
  const url = 'nats://127.0.0.1:1';
  const cases: [Omit<BusOptions, 'name'>, RegExp][] = [
    [{ url: 'nats://u:secret@127.0.0.1:1', user: 'u', password: 'secret' }, /the user in NATS_URL; NATS_USER/],
    [{ url, user: 'u', password: 'secret', token: 'secret' }, /NATS_USER and NATS_PASSWORD; NATS_TOKEN/],
    [{ url, token: 'secret', credsFile: '/x', nkeySeedFile: '/y' }, /3 credentials/],
    [{ url, user: 'u' }, /NATS_USER is set, and NATS_PASSWORD is not/],
    [{ url, password: 'secret' }, /NATS_PASSWORD is set, and NATS_USER is not/],
    [{ url, credsFile: '/nowhere/x.creds' }, /NATS_CREDS_FILE=\/nowhere\/x.creds cannot be read: ENOENT/],
    [{ url, nkeySeedFile: new URL(import.meta.url).pathname }, /is not a valid credentials file/],
    [{ url, tlsCertFile: '/x' }, /NATS_TLS_CERT_FILE is set alone/],
    [{ url, tlsCaFile: '/nowhere' }, /NATS_TLS_CA_FILE=\/nowhere cannot be read/],
    [{ url, tlsCaFile: new URL('../package.json', import.meta.url).pathname }, /contains no PEM/],
  ];
  for (const [options, message] of cases) {
    const error = await attempt(options);
    t.match(error, { code: 'BUS_INVALID_OPTIONS', message });
    t.notMatch(textOf(error), /secret/);
  }
});

t.test('accepts a user and password from settings or the URL; wrong ones are BUS_UNAUTHORIZED', async (t) => {
  const nats = await startNats(t);
  const { password } = new URL(nats.url);
  t.equal(await attempt({ url: nats.url }), undefined);
  t.equal(await attempt({ url: nats.address, user: 'admin', password }), undefined);
  const begun = Date.now();
  for (const options of [
    { url: nats.address },
    { url: nats.address, token: SECRET },
    { url: nats.address, user: 'admin', password: SECRET },
    { url: nats.url.replace(/\/\/.*@/, `//admin:${encoded}@`) },
  ]) {
    const error = await attempt({ ...options, connectTimeoutMs: 60_000 });
    t.match(error, { code: 'BUS_UNAUTHORIZED', hint: /NATS_USER/, message: /127\.0\.0\.1/ });
    t.notMatch(textOf(error), /s3cr3t/);
  }
  t.ok(Date.now() - begun < 30_000, 'at once, not when the time is over');
});

t.test('accepts a password with special characters, a token, and an nkey', async (t) => {
  const user = nkeys.createUser();
  const seedFile = join(folder, 'user.nk');
  writeFileSync(seedFile, `${Buffer.from(user.getSeed()).toString()}\n`, { mode: 0o600 });
  const users = await startNats(t, {
    natsSettings: `authorization { users: [
      { user: "u@x", password: ${JSON.stringify(SECRET)} }
      { nkey: ${user.getPublicKey()} }
    ] }`,
  });
  const { address } = users;
  t.equal(await attempt({ url: address, user: 'u@x', password: SECRET }), undefined);
  t.equal(await attempt({ url: address.replace('//', `//u%40x:${encoded}@`) }), undefined, 'from the URL, decoded');
  t.equal(await attempt({ url: address, nkeySeedFile: seedFile }), undefined);
  writeFileSync(seedFile, Buffer.from(nkeys.createUser().getSeed()).toString());
  t.match(await attempt({ url: address, nkeySeedFile: seedFile }), { code: 'BUS_UNAUTHORIZED' });

  const tokens = await startNats(t, { natsSettings: `authorization { token: ${JSON.stringify(SECRET)} }` });
  t.equal(await attempt({ url: tokens.address, token: SECRET }), undefined);
  t.equal(await attempt({ url: tokens.address.replace('//', `//${encoded}@`) }), undefined);
});

t.test(
  'reads the creds file at each connection, and sends its JWT and a signature of the server’s nonce',
  async (t) => {
    const nonce = 'a-nonce-of-the-server';
    const sent: { jwt: string; nkey: string; sig: string }[] = [];
    const server = createServer((socket) => {
      const { port } = server.address() as { port: number };
      const info = { server_id: 'X', version: '2.9.10', proto: 1, host: '127.0.0.1', port, max_payload: 1, nonce };
      socket.write(`INFO ${JSON.stringify(info)}\r\n`);
      socket.on('error', () => {}); // The client hangs up first.
      socket.once('data', (chunk) => {
        sent.push(JSON.parse(String(chunk).split('\r\n')[0]?.replace('CONNECT ', '') ?? ''));
        socket.end("-ERR 'Authorization Violation'\r\n");
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.teardown(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as { port: number };
    const credsFile = join(folder, 'user.creds');
    for (const jwt of ['first.jwt.of-the-user', 'second.jwt.of-the-user']) {
      const user = nkeys.createUser();
      const seed = Buffer.from(user.getSeed()).toString();
      writeFileSync(
        credsFile,
        `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`,
      );
      const error = await attempt({ url: `nats://127.0.0.1:${port}`, credsFile });
      t.match(error, { code: 'BUS_UNAUTHORIZED' });
      t.notMatch(textOf(error), seed);
      const last = sent.at(-1);
      t.equal(last?.jwt, jwt);
      t.ok(user.verify(Buffer.from(nonce), Buffer.from(last?.sig ?? '', 'base64url')), 'signed by the seed');
      t.notOk(JSON.stringify(last).includes(seed), 'the seed stays here');
    }
  },
);

t.test('with TLS, verifies the server, presents the client certificate, and sends nothing unencrypted', async (t) => {
  const ours = certificates('ours', 'IP:127.0.0.1');
  const other = certificates('other', 'DNS:elsewhere.example');
  const nats = await startNats(t, {
    natsSettings: `tls { cert_file: "${ours.cert}", key_file: "${ours.key}", ca_file: "${ours.ca}", verify: true }`,
  });
  const { username: user, password } = new URL(nats.url);
  const secure = { user, password, tlsCaFile: ours.ca, tlsCertFile: ours.cert, tlsKeyFile: ours.key };
  const url = nats.address.replace('nats:', 'tls:');
  t.equal(await attempt({ url, ...secure }), undefined, 'by its IP address');
  t.equal(await attempt({ url: nats.address, ...secure }), undefined, 'a certificate alone demands TLS, too');
  t.match(await attempt({ url: url.replace('127.0.0.1', 'localhost'), ...secure }), {
    code: 'BUS_TLS_FAILED',
    message: /altnames|does not match/,
  });
  const unproven = await attempt({ url, user, password, tlsCaFile: other.ca });
  t.match(unproven, { code: 'BUS_TLS_FAILED', hint: /NATS_TLS_CA_FILE/ });
  t.match(await attempt({ url, user, password, tlsCaFile: ours.ca }), { code: /^BUS_(TLS_FAILED|UNREACHABLE)$/ });
  t.match(await attempt({ url, ...secure, tlsKeyFile: other.key }), { code: 'BUS_INVALID_OPTIONS', message: /key/i });

  const plain = await startNats(t);
  t.match(await attempt({ url: plain.url.replace('nats:', 'tls:') }), {
    code: 'BUS_TLS_FAILED',
    message: /does not support 'tls'/,
  });
});

t.test('reports credentials that became invalid once, is not ready, and recovers without a restart', async (t) => {
  const server = await startNats(t);
  const events: BusEvent[] = [];
  const { port } = new URL(server.url);
  const bus = await connectBus({ url: server.url, name: 'test', observe: (event) => events.push(event) });
  t.teardown(() => bus.close());
  await server.stop();
  const changed = await startNats(t, { ports: { nats: Number(port) } });
  await until(() => events.some(({ type }) => type === 'bus.unauthorized'));
  t.match(bus.problem(), /refuses this service’s credentials/);
  await t.rejects(bus.ask('inspect.x.y', 1, { schema: Type.Integer(), timeoutMs: 100 }), { code: 'BUS_UNAUTHORIZED' });
  await changed.stop();
  await server.start();
  await until(() => bus.connected(), undefined, 60_000);
  t.equal(bus.problem(), undefined);
  t.equal(events.filter(({ type }) => type === 'bus.unauthorized').length, 1);
  t.equal(events.filter(({ type }) => type === 'bus.error').length, 0);
});

t.test('reports a denied subject as an error with a code, as an event, and in problem()', async (t) => {
  const nats = await startNats(t);
  const events: BusEvent[] = [];
  const options = { name: 'test', observe: (event: BusEvent) => events.push(event) };
  const [gateway, metrics] = await Promise.all([
    connectBus({ ...options, url: nats.urlOf('gateway'), inboxPrefix: inboxPrefix('gateway') }),
    connectBus({ ...options, url: nats.urlOf('metrics'), inboxPrefix: inboxPrefix('metrics') }),
  ]);
  t.teardown(() => Promise.all([gateway.close(), metrics.close()]));
  const denied = () => events.flatMap((event) => (event.type === 'bus.permission_denied' ? [event.error.message] : []));

  gateway.publish(gateway.subjects.changes('public', 'matches'), {});
  gateway.publish(gateway.subjects.changes('public', 'matches'), {});
  await until(() => denied().length === 1);
  t.match(gateway.problem(), /does not allow this service to publish on changes\.public\.matches/);
  t.match(
    events.find(({ type }) => type === 'bus.permission_denied'),
    {
      error: { code: 'BUS_PERMISSION_DENIED', hint: /infra\/nats/ },
    },
  );
  await t.rejects(gateway.ask('inspect.why.x', {}, { schema: Type.Any(), timeoutMs: 5_000 }), {
    code: 'BUS_PERMISSION_DENIED',
  });
  await t.rejects(gateway.ensureWorkStream(), { code: 'BUS_STREAM_REFUSED' });
  t.equal(metrics.problem(), undefined);
  metrics.subscribe('_INBOX.gateway.>', () => t.fail('another service’s replies'));
  await until(() => metrics.problem() !== undefined);
  t.match(metrics.problem(), /subscribe to _INBOX\.gateway\.>/);
  t.equal(denied().filter((message) => message.includes('changes.public.matches')).length, 1, 'said once a minute');
  t.equal(events.filter(({ type }) => type === 'bus.error').length, 0);
});

t.test('the service that writes a stream updates its limits', async (t) => {
  const nats = await startNats(t);
  const connectAs = async (service: 'batch' | 'realtime') => {
    const bus = await connectBus({ name: service, url: nats.urlOf(service), inboxPrefix: inboxPrefix(service) });
    t.teardown(() => bus.close());
    return bus;
  };
  const [batch, realtime] = await Promise.all([connectAs('batch'), connectAs('realtime')]);
  for (const maxBytes of [32 * 1024 ** 2, 16 * 1024 ** 2]) {
    await batch.ensureWorkStream({ maxBytes });
    await realtime.ensureChangesStream({ maxBytes });
  }
  t.same([batch.problem(), realtime.problem()], [undefined, undefined]);
});

/** An authority, and a certificate by it for `name`, as files that a server of another user may read. */
function certificates(label: string, name: string): { ca: string; cert: string; key: string } {
  const [ca, caKey, cert, key, csr] = ['ca.pem', 'ca.key', 'cert.pem', 'key.pem', 'csr.pem'].map((file) =>
    join(folder, `${label}-${file}`),
  ) as [string, string, string, string, string];
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });
  const newKey = ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-sha256'];
  openssl(...newKey, '-x509', '-days', '2', '-subj', `/CN=${label}`, '-keyout', caKey, '-out', ca);
  openssl(...newKey, '-subj', '/CN=nats', '-addext', `subjectAltName=${name}`, '-keyout', key, '-out', csr);
  openssl(
    ...['x509', '-req', '-in', csr, '-CA', ca, '-CAkey', caKey, '-CAcreateserial'],
    ...['-days', '2', '-copy_extensions', 'copy', '-out', cert],
  );
  chmodSync(key, 0o644);
  return { ca, cert, key };
}
