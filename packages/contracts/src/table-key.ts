import { fromSubjectToken } from './subjects.ts';

/** Joins schema and table with a zero character, which no name in Postgres contains. */
export const tableKey = (schema: string, table: string): string => `${schema}\0${table}`;

/** The map is emptied when it is full; no publication has so many tables. */
const MAX_SUBJECTS = 10_000;
const keysOfSubjects = new Map<string, string>();

export function tableKeyOfSubject(subject: string): string {
  const known = keysOfSubjects.get(subject);
  if (known !== undefined) return known;
  const tokens = subject.split('.');
  const key = tableKey(fromSubjectToken(tokens.at(-2) ?? ''), fromSubjectToken(tokens.at(-1) ?? ''));
  if (keysOfSubjects.size >= MAX_SUBJECTS) keysOfSubjects.clear();
  keysOfSubjects.set(subject, key);
  return key;
}
