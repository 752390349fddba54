// Uploads a file, downloads a part of it, and hands out a URL that works without a token for a minute.
import { connect } from './connect.mjs';

const tidemark = await connect();
const file = await tidemark.files.upload('examples/hello.txt', new Blob(['hello, tidemark'], { type: 'text/plain' }), {
  replace: true,
});
const part = await tidemark.files.download(file.id, { range: 'bytes=0-4' });
console.log('part:', await part.text());
const { url, expiresAt } = await tidemark.files.sign(file.id, 60);
console.log('signed until', expiresAt, url);
