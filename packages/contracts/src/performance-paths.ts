/** The performance API, as OpenAPI describes it. A test of the metrics service compares it with the routes that exist. */

export interface PerformancePath {
  readonly method: 'get' | 'post' | 'delete';
  /** Below /api/v1/performance; a parameter as `{id}`. */
  readonly path: string;
  readonly summary: string;
  /** Names of the parameters in the query string. */
  readonly query?: readonly string[];
}

const get = (path: string, summary: string, query: readonly string[] = []): PerformancePath => ({
  method: 'get',
  path,
  summary,
  query,
});
const post = (path: string, summary: string, query: readonly string[] = []): PerformancePath => ({
  method: 'post',
  path,
  summary,
  query,
});
const remove = (path: string, summary: string): PerformancePath => ({ method: 'delete', path, summary });

export const PERFORMANCE_PATHS: readonly PerformancePath[] = [
  get('/health', 'The state of the system, its findings, and the newest figures of every instance'),
  get('/summary', 'The state of the system in some twenty figures'),
  get('/findings', 'Problems with their evidence, causes and remedies'),
  get('/findings/actions', 'Remedies that were carried out', ['limit']),
  post('/findings/actions', 'Carry out a remedy of a finding'),
  get('/alerts', 'Alerts that last, their receivers, and silences'),
  post('/alerts/test', 'Send each receiver a test'),
  post('/alerts/silences', 'Silence a rule or a problem for a time'),
  remove('/alerts/silences/{id}', 'End a silence'),
  get('/events', 'What happened to instances and the database', ['from', 'type', 'limit']),
  get('/requests', 'Requests that were slow, failed or were refused', ['id', 'route', 'table', 'limit']),
  get('/requests/routes', 'Requests by route and table in the last 10 s, beside the hour before'),
  get('/database/pools', 'Pools of connections, and who holds them', ['limit']),
  get('/database/connection-leaks', 'Connections that are not given back', ['limit']),
  get('/database/replica-lag', 'The lag of each replica'),
  get('/database/locks', 'Who holds locks, and who waits for them'),
  get('/database/tables', 'The largest tables', ['limit']),
  get('/database/indexes', 'The largest indexes', ['limit']),
  get('/database/advice', 'Indexes to drop, with the SQL to drop and to make them again'),
  post('/database/advice/dismissals', 'Do not show an advice again'),
  remove('/database/advice/dismissals/{key}', 'Show an advice again'),
  get('/queries/stats', 'Statements of the services, by total time', ['limit']),
  get('/queries/servers', 'Statements of the servers, from pg_stat_statements', ['order', 'limit', 'seconds', 'own']),
  get('/queries/summary', 'Statements of the services in a few figures'),
  get('/queries/slow', 'The latest slow statements', ['limit', 'own']),
  get('/queries/recent', 'The latest statements', ['limit', 'own']),
  get('/queries/digest', 'Statements that were new or got slower on a day', ['day']),
  post('/queries/analyze', 'The plan of a statement, what is wrong with it, and the remedy'),
  get('/workers/stats', 'How many workers there are, and what they have done'),
  get('/workers/info', 'What each worker process and thread does'),
  get('/jobs', 'Jobs that wait or run, and what is wrong with them'),
  get('/cache', 'The caches of the gateways'),
  get('/memory', 'The memory of each instance'),
  get('/processes', 'The processes of all instances'),
  get('/profile', 'A profile of the processor or of allocations', ['instance', 'worker', 'what', 'seconds']),
  post('/gc', 'Collect garbage', ['instance']),
  post('/heap-snapshot', 'Write the heap of an instance to a private file on its host', ['instance']),
  get('/capacity', 'How full each resource is, and how much more load it bears'),
  get('/live', 'Live subscriptions', ['instance', 'schema', 'table', 'role', 'user', 'after', 'limit']),
  get('/live/why', 'Why changes of a row were delivered or not', ['sub', 'table', 'schema', 'key', 'limit']),
  get('/timeseries', 'Figures over time, by steps; without `metric`, the names', ['metric', 'from', 'last', 'step']),
  get('/stream', 'Server-Sent Events: the state of the system each second'),
];
