import t from 'tap';
import { plansEnabled, readSettings } from '../src/up/settings.ts';

t.test('plans are on for the local database alone, and never against what is set', (t) => {
  const enabled = (env: NodeJS.ProcessEnv) => plansEnabled(readSettings([], env, '/tmp'));
  const own = { DATABASE_URL: 'postgres://localhost/mine' };
  t.equal(enabled({}), 'true');
  t.equal(enabled({ DB_PLAN_ENABLED: 'false' }), 'false');
  t.equal(enabled(own), 'false');
  t.equal(enabled({ ...own, DB_PLAN_ENABLED: 'true' }), 'true');
  t.end();
});
