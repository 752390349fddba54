import t from 'tap';
import { allowedHosts } from '../../src/http/allowed-hosts.ts';
import { isPublicAddress } from '../../src/http/public-address.ts';

t.test('only addresses of the internet are public, however they are written', async (t) => {
  const no = [
    ...['127.0.0.1', '10.1.2.3', '172.31.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '224.0.0.1'],
    ...['255.255.255.255', '198.18.0.1', '::', '::1', '::ffff:127.0.0.1', '::ffff:10.0.0.1', '0:0:0:0:0:ffff:7f00:1'],
    ...[
      '64:ff9b::a9fe:a9fe',
      '64:ff9b::10.0.0.1',
      'fe80::1',
      'fe80::1%eth0',
      'fc00::1',
      'fd12::1',
      'ff02::1',
      'fec0::1',
    ],
    ...['2001:db8::1', '2002:7f00:1::', '2001::1', '64:ff9b:1::1', '::127.0.0.1', '100::1', '4000::1'],
  ];
  const yes = [
    '1.1.1.1',
    '93.184.216.34',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700::1111',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
  ];
  for (const address of no) t.equal(isPublicAddress(address), false, address);
  for (const address of yes) t.equal(isPublicAddress(address), true, address);
});

t.test('allows the hosts of the list, and no others', async (t) => {
  const hosts = allowedHosts('api.example.com, *.example.org, 127.0.0.1:8080, [::1]:9');
  const allows = (url: string) => hosts.allows(new URL(url));
  for (const url of [
    ...['https://api.example.com/x', 'http://API.EXAMPLE.com', 'https://a.b.example.org', 'http://127.0.0.1:8080'],
    ...['http://0x7f.1:8080', 'http://[::1]:9/', 'https://api.example.com:443'],
  ]) {
    t.ok(allows(url), url);
  }
  for (const url of [
    ...[
      'https://example.com',
      'https://api.example.com.evil.net',
      'https://api.example.com:8443',
      'https://example.org',
    ],
    ...[
      'https://evilexample.org',
      'http://127.0.0.1',
      'http://127.0.0.2:8080',
      'http://2130706433',
      'ftp://api.example.com',
    ],
  ]) {
    t.notOk(allows(url), url);
  }
  t.notOk(allowedHosts('').allows(new URL('https://api.example.com')));
});
