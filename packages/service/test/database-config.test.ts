import t from 'tap';
import { Type } from 'typebox';
import { baseConfig, loadConfig } from '../src/config.ts';
import { databaseAliases, databaseConfig, databaseOptions } from '../src/database-config.ts';

const schema = Type.Object({ ...baseConfig, ...databaseConfig });
const DATABASE_URL = 'postgres://app:p%40ss@primary:6432/shop?sslmode=require';
const read = (env: NodeJS.ProcessEnv) => {
  const { NATS_URL = 'nats://localhost:4222' } = env;
  return databaseOptions(loadConfig(schema, { DATABASE_URL, NATS_URL, ...env }, databaseAliases));
};

t.test('without settings, the database chooses the sizes of the pools', async (t) => {
  const { pools, replicaUrls } = read({});
  t.equal(pools.read.max, undefined);
  t.equal(pools.analytics.min, 0);
  t.same(replicaUrls, []);
});

t.test('each alias sets its setting', async (t) => {
  const { pools, slowMs, statementHistory } = read({
    DB_READ_REPLICA_POOL_SIZE: '41',
    DB_WEBAPP_POOL_SIZE: '42',
    DB_READONLY_POOL_SIZE: '43',
    DB_ADMIN_POOL_SIZE: '44',
    SLOW_QUERY_THRESHOLD_MS: '45',
    QUERY_METRICS_HISTORY: '46',
  });
  t.same([pools.read.max, pools.write.max, pools.analytics.max, pools.admin.max], [41, 42, 43, 44]);
  t.same([slowMs, statementHistory], [45, 46]);
  t.equal(read({ DB_POOL_MAX: '7' }).pools.write.max, 7);
});

t.test('a setting and its alias may be equal but must not differ', async (t) => {
  t.equal(read({ DB_POOL_MAX: '7', DB_WRITE_POOL_MAX: '7' }).pools.write.max, 7);
  t.throws(() => read({ DB_POOL_MAX: '7', DB_WRITE_POOL_MAX: '8' }), {
    code: 'CONFIG_INVALID',
    message: /DB_POOL_MAX=7 and DB_WRITE_POOL_MAX=8 name one setting: set one/,
  });
  t.throws(() => read({ DB_POOL_MAX: '7', DB_WEBAPP_POOL_SIZE: '8' }), {
    code: 'CONFIG_INVALID',
    message: /DB_POOL_MAX=7 and DB_WEBAPP_POOL_SIZE=8 name one setting: set one/,
  });
});

t.test('the value of an alias is validated like its setting', async (t) => {
  t.throws(() => read({ DB_POOL_MAX: 'many' }), { code: 'CONFIG_INVALID', message: /DB_WRITE_POOL_MAX=many/ });
});

t.test('DB_READ_REPLICA_HOST takes user, password and database from DATABASE_URL', async (t) => {
  const on = (host: string) => read({ DB_READ_REPLICA_HOST: host }).replicaUrls;
  t.same(on('replica'), ['postgres://app:p%40ss@replica:6432/shop?sslmode=require']);
  t.same(on('replica:5555'), ['postgres://app:p%40ss@replica:5555/shop?sslmode=require']);
  t.throws(() => on('postgres://replica/shop'), { code: 'CONFIG_INVALID', message: /DB_READ_REPLICA_HOST/ });
});
