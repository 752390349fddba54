/** The texts of statements by query identifier. Each is fetched once: the function that has them reads a whole file. */
import { redactStatement, statementShape } from '@tidemark/contracts';
import { arrayLiteral, type Pool, statementHash } from '@tidemark/db';

export interface StatementText {
  /** The text without literals and comments, at most 2,000 characters. */
  text: string;
  /** Joins it with the statements of our services. */
  shape: string;
  /** The first relation that it names, as in the text. */
  relation: string | null;
}

/** Bytes of a text that are read; a longer one is shown and joined by its beginning. */
const MAX_LENGTH = 16_384;
/** A text and what is derived from it take up to 5 KB: 25 MB at most. */
const MAX_TEXTS = 5_000;
/** Texts of one reading; the others follow with the next one. */
const MAX_FETCHED = 500;

const RELATION =
  /\b(?:from|join|into|update|table)\s+(?:only\s+)?((?:"(?:[^"]|"")+"|[a-z_][\w$]*)(?:\.(?:"(?:[^"]|"")+"|[a-z_][\w$]*))?)/gi;

export interface StatementTexts {
  get(queryid: string): StatementText | undefined;
  /** Fetches the texts of those that are not known yet, on the server that ran them. */
  fetch(pool: Pool, schema: string, queryids: Iterable<string>, options: Parameters<Pool['query']>[2]): Promise<void>;
}

export function createStatementTexts(): StatementTexts {
  const texts = new Map<string, StatementText>();
  return {
    get: (queryid) => texts.get(queryid),
    async fetch(pool, schema, queryids, options) {
      const fresh = [...new Set(queryids)].filter((id) => !texts.has(id)).slice(0, MAX_FETCHED);
      if (fresh.length === 0) return;
      const rows = await pool.query<{ id: string; text: string | null }>(
        `select distinct on (queryid) queryid::text as id, left(query, ${MAX_LENGTH}) as text
        from ${schema}.pg_stat_statements(true) where queryid = any ($1::bigint[])`,
        [arrayLiteral(fresh)],
        options,
      );
      for (const { id, text } of rows) if (text !== null) texts.set(id, describe(text));
      for (const oldest of texts.keys()) {
        if (texts.size <= MAX_TEXTS) break;
        texts.delete(oldest);
      }
    },
  };
}

function describe(text: string): StatementText {
  const shown = redactStatement(text);
  return { text: shown, shape: statementHash(statementShape(text)), relation: relationOf(shown) };
}

/** Prefers a name with a schema, because one without may be a subquery in WITH. */
export function relationOf(text: string): string | null {
  const names = [...text.matchAll(RELATION)].map(([, name]) => name as string);
  return names.find((name) => /(?:"|\w)\.(?:"|\w)/.test(name)) ?? names[0] ?? null;
}
