/**
 * Notes for items that run once more (tidemark.job_notes). An item that writes rows notes that in the same transaction: its
 * repeat, after a crash before the end of its chunk, finds the note and does not write them again.
 */
import { type Identity, identityStatement, type Pool, type Transaction } from '@tidemark/db';

const LOCK = 'insert into tidemark.job_notes (job_id, name) values ($1, $2) on conflict do nothing';
const READ = 'select value from tidemark.job_notes where job_id = $1 and name = $2 for update';
const WRITE = 'update tidemark.job_notes set value = $3::jsonb where job_id = $1 and name = $2';

interface NotedWork<Note> {
  pool: Pool;
  identity: Identity;
  job: string;
  name: string;
  /** The limit of each statement. */
  timeoutMs: number;
  signal: AbortSignal;
  /** Runs as the service, before `work`. */
  prepare?: (tx: Transaction) => Promise<void>;
  /** Runs as the identity; gets the note of an earlier run, and returns the new one. */
  work: (tx: Transaction, before: Note | null) => Promise<Note>;
}

/** A second run waits for the end of the first. */
export async function withNote<Note>(noted: NotedWork<Note>): Promise<Note> {
  const { pool, identity, job, name, timeoutMs, signal, prepare, work } = noted;
  return pool.transaction(
    async (tx) => {
      await tx.query(LOCK, [job, name]);
      const [row] = await tx.query<{ value: Note | null }>(READ, [job, name]);
      await prepare?.(tx);
      const { text, params } = identityStatement(identity);
      await tx.query(text, params);
      const note = await work(tx, row?.value ?? null);
      await tx.query('set local role none');
      await tx.query(WRITE, [job, name, JSON.stringify(note)]);
      return note;
    },
    { timeoutMs, holder: { route: `job ${job}` }, client: clientOf(signal) },
  );
}

function clientOf(signal: AbortSignal) {
  return {
    get isGone() {
      return signal.aborted;
    },
    onGone(listener: () => void) {
      signal.addEventListener('abort', listener, { once: true });
      return () => signal.removeEventListener('abort', listener);
    },
  };
}
