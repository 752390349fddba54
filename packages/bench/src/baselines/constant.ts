/** A fastify route that returns a constant of the size of an item. */
import { serve } from './serve.ts';

const ITEM = [{ id: 17, name: 'item 17', price: 4.25, stock: 17, created_at: '2026-11-21T02:03:04.567891+00:00' }];

await serve('constant', (app) => {
  app.get('/items', async () => ITEM);
});
