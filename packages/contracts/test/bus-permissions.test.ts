/** The declaration by itself; the real services run under it in packages/cli/test/nats-users.test.ts. */
import t from 'tap';
import { busPermissions, inboxPrefix, SERVICE_NAMES, subjects } from '../src/index.ts';

/** Whether a NATS subject matches a pattern with `*` and `>`. */
function matches(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.');
  const tokens = subject.split('.');
  for (const [n, token] of wanted.entries()) {
    if (token === '>') return tokens.length > n;
    if (tokens[n] === undefined || (token !== '*' && token !== tokens[n])) return false;
  }
  return tokens.length === wanted.length;
}

/** Every service that may do `operation` on a subject. */
const allowed = (operation: 'publish' | 'subscribe', subject: string, prefix = '') =>
  SERVICE_NAMES.filter((name) => busPermissions(prefix)[name][operation].some((pattern) => matches(pattern, subject)));

t.test('each subject has exactly the writers and readers that it needs', async (t) => {
  const s = subjects();
  const { changes, work } = s.streams;
  const expected: [subject: string, publishers: string[], subscribers: string[]][] = [
    [s.changes('public', 'matches'), ['realtime'], []],
    [s.heartbeat, ['realtime'], []],
    [s.definitions, ['realtime'], []],
    [s.work('high'), ['batch'], ['batch']],
    [s.telemetry('gateway', 'g-1'), ['gateway'], ['metrics']],
    [s.telemetry('realtime', 'r-1'), ['realtime'], ['realtime', 'metrics']],
    [s.telemetry('batch', 'b-1'), ['batch'], ['metrics']],
    [s.telemetry('metrics', 'm-1'), ['metrics'], ['metrics']],
    [s.channel('room'), ['realtime'], ['realtime']],
    [s.inspect('why', 'r-1'), ['metrics'], ['realtime']],
    [s.inspect('held', 'g-1'), ['metrics'], ['gateway', 'realtime', 'batch', 'metrics']],
    [s.inspect('statements', 'g-1'), ['metrics'], ['gateway', 'realtime', 'batch', 'metrics']],
    [s.inspect('text', 'g-1'), ['metrics'], ['gateway', 'realtime', 'batch', 'metrics']],
    [s.inspect('requests', 'g-1'), ['metrics'], ['gateway', 'realtime']],
    [s.inspect('process', 'm-1'), ['metrics'], ['gateway', 'realtime', 'batch', 'metrics']],
    [s.inspect('threads', 'm-1'), ['metrics'], ['gateway', 'realtime', 'batch', 'metrics']],
    [s.atOnce, ['gateway'], ['batch']],
    [s.alerts('critical'), ['realtime', 'batch', 'metrics'], ['metrics']],
    ['$JS.API.INFO', ['gateway', 'realtime', 'batch', 'metrics'], []],
    [`$JS.API.STREAM.CREATE.${changes}`, ['realtime'], []],
    [`$JS.API.STREAM.UPDATE.${changes}`, ['realtime'], []],
    [`$JS.API.STREAM.CREATE.${work}`, ['batch'], []],
    [`$JS.API.STREAM.UPDATE.${work}`, ['batch'], []],
    [`$JS.API.STREAM.INFO.${changes}`, ['gateway', 'realtime', 'batch', 'metrics'], []],
    [`$JS.API.STREAM.INFO.${work}`, ['batch', 'metrics'], []],
    ['$JS.API.STREAM.CREATE.OTHER', [], []],
    [`$JS.API.STREAM.DELETE.${changes}`, [], []],
    [`$JS.API.STREAM.PURGE.${work}`, [], []],
    [`$JS.API.STREAM.MSG.DELETE.${changes}`, [], []],
    [`$JS.API.STREAM.MSG.GET.${changes}`, ['realtime'], []],
    [`$JS.API.DIRECT.GET.${work}`, ['batch'], []],
    [`$JS.API.CONSUMER.CREATE.${changes}.c1`, ['gateway', 'realtime'], []],
    [`$JS.API.CONSUMER.CREATE.${changes}.c1.changes.public.secrets`, ['gateway', 'realtime'], []],
    [`$JS.API.CONSUMER.CREATE.${changes}.c1.changes.tidemark.jobs`, ['gateway', 'realtime', 'batch'], []],
    [`$JS.API.CONSUMER.CREATE.${work}.batch-high.work.high`, ['batch'], []],
    [`$JS.API.CONSUMER.CREATE.${work}.other.work.high`, [], []],
    [`$JS.API.CONSUMER.MSG.NEXT.${work}.batch-low`, ['batch'], []],
    [`$JS.ACK.${work}.batch-low.1.2.3.4.5`, ['batch'], []],
    ['$SYS.REQ.SERVER.PING', [], []],
    ['anything', [], []],
  ];
  for (const [subject, publishers, subscribers] of expected) {
    t.same(allowed('publish', subject), publishers, `publish ${subject}`);
    t.same(allowed('subscribe', subject), subscribers, `subscribe ${subject}`);
  }
});

t.test('only the requesting service can read its replies', async (t) => {
  for (const service of SERVICE_NAMES) {
    t.same(allowed('subscribe', `${inboxPrefix(service)}.x.1`), [service]);
  }
  t.same(
    allowed('publish', `${inboxPrefix('metrics')}.x.1`),
    ['gateway', 'realtime', 'batch', 'metrics'],
    'inspections are answered, by metrics also its own',
  );
  t.same(allowed('publish', `${inboxPrefix('gateway')}.x.1`), ['batch'], 'what is asked at once is answered');
  t.same(allowed('publish', `${inboxPrefix('batch')}.x.1`), [], 'JetStream alone answers the others');
});

t.test('with a prefix, the only subjects without it are JetStream’s API and the replies', async (t) => {
  for (const { publish, subscribe } of Object.values(busPermissions('shop'))) {
    for (const pattern of [...publish, ...subscribe]) {
      t.match(pattern, /^(shop\.|\$JS\.API\.INFO$|\$JS\.(API\.[A-Z.]+|ACK)\.shop_(CHANGES|WORK)\b|_INBOX\.)/);
    }
  }
  t.same(allowed('publish', subjects().changes('public', 'a'), 'shop'), []);
  t.same(allowed('publish', subjects('shop').changes('public', 'a'), 'shop'), ['realtime']);
});
