// Follows a query: first the rows, then each change by any client.
import { connect } from './connect.mjs';

const tidemark = await connect();
const query = tidemark.from('commentary').select('id,message').eq('match_id', 2);
for await (const event of query.live()) {
  if (event.type === 'snapshot') {
    console.log(`${event.rows.length} rows`);
    await tidemark.from('commentary').insert({ match_id: 2, minute: 2, message: 'a change' });
  } else {
    console.log(event.type, event.row);
    break;
  }
}
tidemark.close();
