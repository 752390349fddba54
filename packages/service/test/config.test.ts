import t from 'tap';
import { Type } from 'typebox';
import { baseConfig, commaSeparated, loadConfig, tokenConfig } from '../src/index.ts';

const schema = Type.Object({
  ...baseConfig,
  ...tokenConfig,
  PORT: Type.Integer({ default: 8080, minimum: 0, description: 'port to listen on' }),
});
const good = { DATABASE_URL: 'postgres://u:p@h/db', JWT_SECRET: 'x'.repeat(32) };

t.test('loadConfig() applies defaults, converts types, and freezes the result', async (t) => {
  const config = loadConfig(schema, { ...good, PORT: '9', OTHER: 'ignored', LOG_LEVEL: '' });
  t.match(config, { PORT: 9, HOST: '127.0.0.1', LOG_LEVEL: 'info' });
  t.notOk('OTHER' in config);
  t.ok(Object.isFrozen(config));
});

t.test('CONFIG_INVALID lists every problem with the value and its meaning, but no secret', async (t) => {
  t.throws(() => loadConfig(schema, { JWT_SECRET: 'short', PORT: 'x', LOG_LEVEL: 'loud', NATS_PREFIX: 'a b' }), {
    code: 'CONFIG_INVALID',
    message: /^5 settings are wrong:/,
  });
  try {
    loadConfig(schema, { JWT_SECRET: 'short', PORT: 'x', LOG_LEVEL: 'loud', NATS_PREFIX: 'a b' });
  } catch (error) {
    const { message } = error as Error;
    t.match(message, /DATABASE_URL is not set \(the primary/);
    t.match(message, /PORT=x must be integer \(port to listen on\)/);
    t.match(message, /LOG_LEVEL=loud must be one of fatal, error/);
    t.match(message, /NATS_PREFIX=a b must match/);
    t.notMatch(message, /short/, 'a secret is not repeated');
  }
});

t.test('commaSeparated() splits at commas and drops blanks and empty parts', async (t) => {
  t.same(commaSeparated(' a, b ,,c'), ['a', 'b', 'c']);
  t.same(commaSeparated(''), []);
});
