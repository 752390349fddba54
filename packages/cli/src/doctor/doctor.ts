/** `tidemark doctor`: tells what keeps Tidemark from working in a database, with the SQL that mends it. Changes nothing. */

import { commaSeparated } from '@tidemark/service/process';
import { readFacts } from './facts.ts';
import { type Finding, findingsOf } from './findings.ts';

export interface DoctorOptions {
  url: string;
  slot: string;
  publication: string;
  schemas: readonly string[];
  /** The schemas of DB_EXTRA_SEARCH_PATH. */
  searched?: readonly string[];
  /** False for the URL of an owner that only migrates. */
  replicates: boolean;
}

/** The same variables and defaults as those of the services. */
export const databaseNames = (env: NodeJS.ProcessEnv) => ({
  slot: env.RELAY_SLOT || 'tidemark',
  publication: env.RELAY_PUBLICATION || 'tidemark',
  schemas: commaSeparated(env.DB_SCHEMAS || 'public').filter((schema) => schema !== 'tidemark'),
  searched: commaSeparated(env.DB_EXTRA_SEARCH_PATH ?? 'public'),
});

export async function diagnose({ url, searched = ['public'], ...options }: DoctorOptions): Promise<Finding[]> {
  return findingsOf(await readFacts(url, { ...options, searched }), options);
}

/** Prints the findings, problems first. Returns the number of problems. */
export async function doctor(options: DoctorOptions, print: (line: string) => void): Promise<number> {
  const findings = await diagnose(options);
  const problems = findings.filter(({ kind }) => kind === 'problem');
  for (const line of linesOf(findings)) print(line);
  if (findings.length === 0) print('everything that Tidemark needs is there');
  else if (problems.length === 0) print('nothing keeps Tidemark from working');
  return problems.length;
}

export function linesOf(findings: readonly Finding[]): string[] {
  const sorted = [...findings].sort((a, b) => Number(a.kind === 'note') - Number(b.kind === 'note'));
  return sorted.flatMap(({ kind, text, remedy }) => [`${kind}: ${text}`, ...(remedy ? [`  ${remedy}`] : [])]);
}
