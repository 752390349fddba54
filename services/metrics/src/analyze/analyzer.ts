/**
 * Explains one statement, on a connection that is used once, as a login that owns nothing, in a read-only transaction
 * that is rolled back. A named statement can only hold one command that Postgres can plan; it is then executed by
 * EXPLAIN, with the same plan on every version: the generic one.
 */
import { redactStatement, TidemarkError } from '@tidemark/contracts';
import {
  type Client,
  type Identity,
  literal,
  openPool,
  type Pool,
  type PostgresError,
  type Transaction,
} from '@tidemark/db';
import { Semaphore } from '@tidemark/service';
import { errors } from '../errors.ts';
import { proveIndexes } from './hypothetical-index.ts';
import { type PlanFinding, planFindings } from './plan-findings.ts';
import { nodesOf, type PlanNode, planTree, type RawNode, relationOf } from './plan-tree.ts';
import { refuseInto, refuseVolatile, refuseWrites } from './statement-guard.ts';

export interface AnalyzeRequest {
  text: string;
  /** True for a statement that one of our services ran: it may be run again where no policy applies. */
  isOurs: boolean;
  /** Run it and measure: EXPLAIN (ANALYZE). */
  run: boolean;
  params: readonly (string | null)[];
  identity: Identity;
  /** One analysis at a time for each. */
  person: string;
  client: Client;
}

export interface Analysis {
  queryId: string | null;
  /** Types of the parameters `$1`, `$2`, … */
  parameters: string[];
  ran: boolean;
  planMs: number | null;
  ms: number | null;
  plan: PlanNode;
  findings: PlanFinding[];
  /** Why rows, costs and times are left out; null: they are there. */
  withheld: string | null;
}

export interface Analyzer {
  analyze(request: AnalyzeRequest): Promise<Analysis>;
  close(): Promise<void>;
}

const MAX_AT_ONCE = 3;
const TIMEOUT_MS = 5_000;
const NAME = 'tidemark_analyzed';
/** A connection is used once: whatever a statement leaves in its session meets no other. Half of them may be closing. */
const POOL = {
  min: 0,
  max: 2 * MAX_AT_ONCE,
  waitingLimit: MAX_AT_ONCE,
  lifetimeMs: 1,
  idleTimeoutMs: 1_000,
  statementTimeoutMs: TIMEOUT_MS,
};
const SETTINGS = {
  default_transaction_read_only: 'on',
  lock_timeout: '100ms',
  plan_cache_mode: 'force_generic_plan',
  // EXPLAIN shows values of a table's samples in no place, but names of other schemas stay unambiguous.
  search_path: 'public',
};

const LOGIN = `
select rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication as strong from pg_roles where rolname = session_user`;
const ROLE = 'select rolsuper or rolbypassrls as strong from pg_roles where rolname = current_user';
const TYPES = 'select parameter_types::text[] as types from pg_prepared_statements where name = $1';

export function createAnalyzer(url: string, applicationName: string): Analyzer {
  const pool = openPool({ url, name: 'analyze', applicationName, settings: SETTINGS, options: POOL });
  const turns = new Semaphore(MAX_AT_ONCE);
  const people = new Set<string>();
  return {
    async analyze(request) {
      if (people.has(request.person)) throw errors.ANALYZE_BUSY({ reason: 'your previous analysis is still running' });
      if (turns.isFull()) throw errors.ANALYZE_BUSY({ reason: `${MAX_AT_ONCE} analyses are running` });
      people.add(request.person);
      try {
        return await turns.run(() => runAnalysis(pool, request));
      } finally {
        people.delete(request.person);
      }
    },
    close: () => pool.close(),
  };
}

class RolledBack extends Error {
  readonly analysis: Analysis;

  constructor(analysis: Analysis) {
    super('the analysis is complete');
    this.analysis = analysis;
  }
}

/** The transaction always ends with ROLLBACK, also where the statement succeeded. */
async function runAnalysis(pool: Pool, request: AnalyzeRequest): Promise<Analysis> {
  const { identity, client } = request;
  const holder = { route: 'POST /api/v1/performance/queries/analyze' };
  try {
    await pool.transaction(
      async (tx) => {
        throw new RolledBack(await analyzeIn(tx, request));
      },
      { identity, readOnly: true, client, holder, timeoutMs: TIMEOUT_MS },
    );
  } catch (error) {
    if (error instanceof RolledBack) return error.analysis;
    throw error instanceof TidemarkError && error.code.startsWith('METRICS_') ? error : refusalOf(error as Error);
  }
  throw errors.ANALYZE_REFUSED({ state: 'none', reason: 'the transaction ended early' });
}

async function analyzeIn(tx: Transaction, request: AnalyzeRequest): Promise<Analysis> {
  const { text, isOurs, params } = request;
  const [[login], [role]] = await Promise.all([
    tx.query<{ strong: boolean }>(LOGIN),
    tx.query<{ strong: boolean }>(ROLE),
  ]);
  if (login?.strong !== false) throw errors.ANALYZE_LOGIN();
  if (role?.strong !== false) throw errors.ANALYZE_ROLE({ role: request.identity.role });
  if (!isOurs || request.run) await refuseVolatile(tx, text);
  await tx.query(`prepare ${NAME} as ${text}`);
  const [prepared] = await tx.query<{ types: string | string[] }>(TYPES, [NAME]);
  const parameters = typesOf(prepared?.types);
  const unbound = await explain(
    tx,
    parameters.map(() => 'null'),
    false,
  );
  if (!isOurs) {
    refuseWrites(unbound.Plan);
    refuseInto(text);
  }
  const facts = await factsOf(tx, unbound.Plan);
  const withheld = facts.withheld;
  let explained = unbound;
  if (request.run) {
    if (!isOurs) throw errors.ANALYZE_FOREIGN();
    refuseWrites(unbound.Plan);
    if (withheld !== null) throw errors.ANALYZE_POLICY({ reason: withheld });
    if (params.length !== parameters.length) throw errors.ANALYZE_PARAMS({ given: params.length, wanted: parameters });
    explained = await explain(
      tx,
      params.map((value, at) => bound(value, parameters[at] as string)),
      true,
    );
  }
  return {
    queryId: explained['Query Identifier'] === undefined ? null : String(explained['Query Identifier']),
    parameters,
    ran: request.run,
    planMs: explained['Planning Time'] ?? null,
    ms: explained['Execution Time'] ?? null,
    plan: planTree(explained.Plan, withheld === null, redactStatement),
    findings: withheld === null ? await provedFindings(tx, planFindings(explained.Plan, facts), text, unbound) : [],
    withheld,
  };
}

/** A plan is kept with its prepared statement, so the statement is prepared anew for each hypothetical index. */
async function provedFindings(tx: Transaction, findings: PlanFinding[], text: string, before: Explained) {
  return proveIndexes(tx, findings, before.Plan['Total Cost'], async () => {
    await tx.query(`deallocate ${NAME}`);
    await tx.query(`prepare ${NAME} as ${text}`);
    const [prepared] = await tx.query<{ types: string | string[] }>(TYPES, [NAME]);
    const explained = await explain(
      tx,
      typesOf(prepared?.types).map(() => 'null'),
      false,
    );
    return explained.Plan['Total Cost'];
  });
}

interface Explained {
  Plan: RawNode;
  'Query Identifier'?: number | string;
  'Planning Time'?: number;
  'Execution Time'?: number;
}

async function explain(tx: Transaction, values: readonly string[], run: boolean): Promise<Explained> {
  const call = values.length === 0 ? NAME : `${NAME}(${values.join(', ')})`;
  const options = run ? 'analyze, buffers, verbose, format json' : 'verbose, format json';
  const [row] = await tx.query<{ 'QUERY PLAN': Explained[] }>(`explain (${options}) execute ${call}`);
  return row?.['QUERY PLAN'][0] as Explained;
}

/** The type is a name that Postgres has written, quoted where needed. */
const bound = (value: string | null, type: string) => (value === null ? 'null' : `${literal(value)}::${type}`);

const typesOf = (types: string | string[] | undefined): string[] => {
  if (types === undefined) return [];
  if (Array.isArray(types)) return types;
  const inner = types.slice(1, -1);
  return inner === ''
    ? []
    : [...inner.matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/g)].map(([, quoted, plain]) => (quoted ?? plain) as string);
};

const FACTS = `
select n.nspname || '.' || c.relname as key, c.reltuples::float8 as rows,
  has_table_privilege(c.oid, 'select') as readable, row_security_active(c.oid) as secured
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where (n.nspname, c.relname) in (select * from unnest($1::text[], $2::text[]))`;

const FUNCTIONS = `
select distinct p.proname as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname <> 'pg_catalog' and p.prokind = 'f' limit 5000`;

/** Asks Postgres, under the role and claims, what the caller may know of the relations. */
async function factsOf(tx: Transaction, plan: RawNode) {
  const relations = [...nodesOf(plan)].filter((node) => node['Relation Name'] !== undefined);
  const found = await tx.query<{ key: string; rows: number; readable: boolean; secured: boolean }>(FACTS, [
    relations.map((node) => node.Schema ?? 'public'),
    relations.map((node) => node['Relation Name']),
  ]);
  const rows = new Map<string, number>();
  let withheld: string | null = null;
  for (const node of relations) {
    const name = relationOf(node) as string;
    const known = found.find(({ key }) => key === `${node.Schema ?? 'public'}.${node['Relation Name']}`);
    rows.set(name, known?.rows ?? 0);
    if (known?.secured !== false) withheld ??= `row-level security applies to ${name}`;
    else if (!known.readable) withheld ??= `this role may not SELECT all of ${name}`;
  }
  const functions = await tx.query<{ name: string }>(FUNCTIONS);
  return { rows, withheld, functions: new Set(functions.map(({ name }) => name)) };
}

/** The caller sees Postgres's own words: the text was the caller's, and the role the caller's, too. */
function refusalOf(error: Error): Error {
  const { code, message } = error as PostgresError;
  if (!/^[0-9A-Z]{5}$/.test(code ?? '')) return error;
  return errors.ANALYZE_REFUSED({ state: code, reason: message }, { cause: error });
}
