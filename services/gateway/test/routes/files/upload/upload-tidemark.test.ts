import { parseLsn, parseTidemark } from '@tidemark/contracts';
import t from 'tap';
import { useFiles } from '../files-fixture.ts';

const { another, database, sql, token } = await useFiles(t);

t.test(
  'the tidemark of an upload and of a removal lies past the commit also where commits are asynchronous',
  async (t) => {
    // A row's record lies before that of its COMMIT.
    await sql.unsafe(`
    create table public.written (at text);
    create function public.note_written() returns trigger language plpgsql security definer set search_path = '' as $$ begin
      insert into public.written values (pg_current_wal_insert_lsn()::text);
      return null;
    end $$;
    create trigger note_written after insert or update or delete on tidemark.files
      for each row execute function public.note_written()`);
    await sql.unsafe(`alter database ${database.name} set synchronous_commit = off`);
    const url = await another();
    const authorization = `Bearer ${await token({ role: 'authenticated', sub: 'ada' })}`;
    const write = async (method: string, path: string, body?: RequestInit['body']) => {
      await sql`truncate written`;
      const headers = { authorization, ...(body ? { 'content-type': 'text/plain' } : {}) };
      const answer = await fetch(`${url}/api/v1/files/${path}`, { method, headers, body: body ?? null });
      const [written] = await sql<{ at: string }[]>`select max(at::pg_lsn)::text as at from written`;
      const { lsn } = parseTidemark(answer.headers.get('tidemark') ?? '');
      t.ok(lsn > parseLsn(written?.at ?? ''), `${method} ${path}: ${answer.status}, ${lsn} past ${written?.at}`);
    };
    for (let round = 0; round < 10; round += 1) {
      await write('PUT', `small/${round}`, 'x');
      await write('PUT', `small/${round}`, 'replaced');
      await write('DELETE', `small/${round}`);
    }
  },
);
