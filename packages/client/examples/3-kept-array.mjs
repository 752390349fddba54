// The same query as an array of rows that stays current, such as for a list on a page.
import { connect } from './connect.mjs';

const tidemark = await connect();
const live = tidemark.from('commentary').select('id,message').eq('match_id', 3).live();
const changed = new Promise((resolve) => {
  live.onChange((rows, events) => {
    console.log(`${rows.length} rows after ${events.map((event) => event.type).join(', ') || 'nothing new'}`);
    if (events.some((event) => event.type === 'insert')) resolve();
  });
});
await live.ready();
await tidemark.from('commentary').insert({ match_id: 3, minute: 3, message: 'one more' });
await changed;
tidemark.close();
