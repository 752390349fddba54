import { hostname } from 'node:os';
import t from 'tap';
import { instanceName } from '../src/instance-name.ts';

t.test('an instance without a configured name gets a unique one that contains its host', async (t) => {
  const names = Array.from({ length: 100 }, () => instanceName('gateway', ''));
  t.equal(new Set(names).size, 100);
  const [host = ''] = hostname().split('.', 1);
  for (const name of names) {
    t.ok(name.includes(host.slice(-45)));
    t.ok(name.length <= 64);
  }
  t.equal(instanceName('gateway', 'gateway-2'), 'gateway-2');
});
