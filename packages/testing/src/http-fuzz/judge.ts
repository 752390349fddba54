/** Judges a response by rules that hold for every request. */
import type { Case } from './cases.ts';
import { SECRET } from './schema.ts';

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** SQL that was put together wrongly: syntax errors, parameters that are missing, protocol violations, internal errors. */
const OUR_FAULT = /^(42601|42P02|42P18|08P01|XX\d{3}|HTTP_INTERNAL|0A000)$/;
/** Postgres has the same SQLSTATE for a value that is no text search. */
const NO_TEXT_SEARCH = /\bts(query|vector): "/;

export function judge(one: Case, answer: Answered): string | undefined {
  const { status, headers, body } = answer;
  if (body.includes(SECRET) || JSON.stringify(headers).includes(SECRET)) return 'it holds a secret';
  const isRedirect = status === 300 || status === 304 || status === 308;
  const isShed = status === 503 && headers['retry-after'] !== undefined;
  if (!(status >= 200 && status < 300) && !isRedirect && !(status >= 400 && status < 500) && !isShed) {
    return `its status is ${status}`;
  }
  // A preflight comes without its request's token, so tokens are not looked at.
  if (one.as === 'forged' && status < 400 && one.method !== 'OPTIONS')
    return `a token that was tampered with was answered by ${status}`;
  if (status < 400 || one.method === 'HEAD') return undefined;
  if (!String(headers['content-type']).startsWith('application/problem+json'))
    return `its type is ${headers['content-type']}`;
  return judgeProblem(body, status);
}

function judgeProblem(body: string, status: number): string | undefined {
  let problem: Record<string, unknown>;
  try {
    problem = JSON.parse(body);
  } catch {
    return 'its problem is no JSON';
  }
  if (problem.status !== status) return `its problem says ${problem.status}`;
  for (const name of ['code', 'message', 'hint']) {
    if (typeof problem[name] !== 'string' || problem[name] === '') return `its problem has no ${name}`;
  }
  if (problem.code === '42601' && NO_TEXT_SEARCH.test(String(problem.message))) return undefined;
  return OUR_FAULT.test(String(problem.code)) ? `it blames the SQL: ${problem.code}` : undefined;
}
