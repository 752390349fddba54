/** Bodies stay text: Postgres reads the JSON, so that no number loses digits on the way. */
import type { BaseApp } from '@tidemark/service';

const TEXT_TYPES = [
  'application/json',
  'application/vnd.pgrst.object+json',
  'application/vnd.pgrst.array+json',
  'text/csv',
  'text/plain',
  'text/xml',
  'application/x-www-form-urlencoded',
  'application/octet-stream',
];

export function registerBodies(app: BaseApp): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(TEXT_TYPES, { parseAs: 'string' }, (_request, body, done) => done(null, body));
}
