/** Finds what a search may mean: a process id, a request, a table, a job, a subscription, a statement, an instance, a page. */
import type { StatementStats } from '../../../src/collectors/statements/collector.ts';
import type { Params } from '../address/address.ts';
import type { PageName } from '../address/pages.ts';
import { PAGES } from '../address/pages.ts';

/** The names that the search looks through. */
export interface Known {
  tables: { schema: string; table: string }[];
  statements: StatementStats[];
  subscriptions: { sub: string; query: string; user: string | null }[];
  processes: { service: string; instance: string; pid: number }[];
  held: { pid: number; instance: string; pool: string; route: string | null }[];
  jobs: { id: string; kind: string; state: string }[];
}

export interface Found {
  what: string;
  text: string;
  page: PageName;
  params: Params;
}

const MAX_FOUND = 12;
const MAX_OF_A_KIND = 4;
const UUID = /^[0-9a-f]{8}-[0-9a-f-]{4,}$/i;
/** A gateway's ids of requests are like `7870c5c17f-6`; a client may choose its own. */
const REQUEST_ID = /^[\w.:-]{6,64}$/;

export function find(text: string, known: Known): Found[] {
  const asked = text.trim();
  const word = asked.toLowerCase();
  if (word === '') return PAGES.map(({ name, title }) => ({ what: 'page', text: title, page: name, params: {} }));
  const has = (value: string | null) => value?.toLowerCase().includes(word) ?? false;
  const found: Found[] = [];
  const add = (all: Found[]) => found.push(...all.slice(0, MAX_OF_A_KIND));

  if (/^\d+$/.test(asked)) {
    const holder = known.held.find(({ pid }) => pid === Number(asked));
    const process = known.processes.find(({ pid }) => pid === Number(asked));
    if (process) add([{ what: 'process', text: process.instance, page: 'processes', params: instanceOf(process) }]);
    const holds = holder ? `${holder.route ?? 'no route'} holds a connection of ${holder.pool}` : 'session of Postgres';
    add([{ what: 'pid', text: `${asked}: ${holds}`, page: 'database', params: { pid: asked } }]);
  }
  add(
    known.tables
      .filter(({ schema, table }) => has(`${schema}.${table}`))
      .map((one) => tableFound(one, 'table', 'database')),
  );
  add(
    known.jobs
      .filter(({ id, kind }) => id.startsWith(word) || has(kind))
      .map(({ id, kind, state }) => ({
        what: 'job',
        text: `${kind} ${id.slice(0, 8)}, ${state}`,
        page: 'jobs',
        params: { job: id },
      })),
  );
  if (UUID.test(asked) && !known.jobs.some(({ id }) => id === word)) {
    add([{ what: 'job', text: asked, page: 'jobs', params: { job: asked } }]);
  }
  add(
    known.subscriptions
      .filter(({ sub, query, user }) => has(sub) || has(query) || has(user))
      .map(({ sub, query }) => ({ what: 'socket', text: `${sub} ${query}`, page: 'live', params: { sub } })),
  );
  add(
    known.processes
      .filter(({ instance }) => has(instance))
      .map((one) => ({
        what: 'process',
        text: `${one.instance}, pid ${one.pid}`,
        page: 'processes',
        params: instanceOf(one),
      })),
  );
  add(
    known.statements
      .filter(({ id, text, relation }) => id === asked || has(text) || has(relation))
      .map(({ id, text }) => ({ what: 'statement', text, page: 'queries', params: { statement: id } })),
  );
  add(known.tables.filter(({ table }) => has(table)).map((one) => tableFound(one, 'rows of', 'data')));
  if (REQUEST_ID.test(asked) && /\d/.test(asked)) {
    add([{ what: 'request', text: asked, page: 'requests', params: { id: asked } }]);
  }
  add(
    PAGES.filter(({ title }) => has(title)).map(({ name, title }) => ({
      what: 'page',
      text: title,
      page: name,
      params: {},
    })),
  );
  return found.slice(0, MAX_FOUND);
}

const instanceOf = ({ service, instance }: { service: string; instance: string }) => ({
  instance: `${service}/${instance}`,
});

function tableFound({ schema, table }: Known['tables'][number], what: string, page: 'database' | 'data'): Found {
  const name = `${schema}.${table}`;
  const params: Params = page === 'data' ? { schema, query: `${table}?limit=50` } : { table: name };
  return { what, text: name, page, params };
}
