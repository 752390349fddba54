// Writes a row and reads it back at once. A replica that answers has the row, because the client
// asks for at least the tidemark of its write.
import { connect } from './connect.mjs';

const tidemark = await connect();
const message = `written at ${new Date().toISOString()}`;
const { error } = await tidemark.from('commentary').insert({ match_id: 1, minute: 1, message });
if (error) throw error;
const { data } = await tidemark.from('commentary').select('message').eq('message', message);
console.log('read back:', data);
console.log('at least as new as', tidemark.tidemark);
