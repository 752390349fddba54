/** A read by primary key as commonly written. */
import { serve } from './serve.ts';

await serve('read', (app, sql) => {
  app.get<{ Params: { id: string } }>(
    '/items/:id',
    async (request) => sql`select id, name, price, stock, created_at from items where id = ${request.params.id}`,
  );
});
