import t from 'tap';
import { parseConnectionUrl } from '../../src/connection/url.ts';

t.test('reads the parts of a URL as libpq does', async (t) => {
  t.match(parseConnectionUrl('postgres://u%40x:p%2F@db.example:6000/shop?sslmode=require&search_path=a'), {
    host: 'db.example',
    port: 6000,
    user: 'u@x',
    password: 'p/',
    database: 'shop',
    ssl: 'require',
    settings: { search_path: 'a' },
  });
  t.equal(parseConnectionUrl('postgres://u@127.0.0.1/d').ssl, 'disable');
  t.equal(parseConnectionUrl('postgres://u@db/d').ssl, 'prefer');
  t.equal(parseConnectionUrl('postgres://u@db/d?ssl=true').ssl, 'verify-full');
  t.equal(parseConnectionUrl('postgres:///d?host=/tmp&port=5433').socketPath, '/tmp/.s.PGSQL.5433');
  t.equal(parseConnectionUrl('postgres://u@[::1]:5432/d').host, '::1');
  const files = { sslRootCert: '/ca', sslCert: '/c', sslKey: '/k', settings: {} };
  t.match(parseConnectionUrl('postgres://u@db/d?sslrootcert=/ca&sslcert=/c&sslkey=/k'), files);
});

t.test('names the fault of an invalid URL without its password', async (t) => {
  for (const url of [
    'db.example',
    'http://u:geheim@db/d',
    'postgres://u:geheim@db/d?sslmode=yes',
    'postgres://u:geheim@a,b/d',
  ]) {
    try {
      parseConnectionUrl(url);
      t.fail(url);
    } catch (error) {
      t.match(error, { code: 'DB_INVALID_URL' });
      t.notMatch((error as Error).message, 'geheim');
    }
  }
});
