/** An insert as commonly written: one statement for each request. */
import { serve } from './serve.ts';

await serve('insert', (app, sql) => {
  app.post<{ Body: { sensor: number; value: number } }>('/readings', async (request, reply) => {
    const { sensor, value } = request.body;
    await sql`insert into readings (sensor, value) values (${sensor}, ${value})`;
    return reply.code(201).send();
  });
});
