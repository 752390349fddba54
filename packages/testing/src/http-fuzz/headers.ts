import fc, { type Arbitrary } from 'fast-check';
import { list, near, text } from './salt.ts';

export const inHeader = (raw: string) => raw.replace(/[^\t\x20-\x7e\x80-\xff]/g, '?').trim();
export const header: Arbitrary<readonly [string, string]> = fc.oneof(
  fc.tuple(
    fc.constant('accept'),
    near(
      '*/*',
      'application/json',
      'text/csv',
      'application/x-ndjson',
      'application/vnd.pgrst.object+json',
      'application/vnd.pgrst.array+json;nulls=stripped',
      'application/geo+json',
      'application/vnd.pgrst.plan+json',
      'application/vnd.pgrst.plan+json; for="application/json"; options=analyze|verbose',
      'text/plain',
      'application/octet-stream',
    ),
  ),
  fc.tuple(
    fc.constant('prefer'),
    list(
      near(
        'return=representation',
        'return=headers-only',
        'count=exact',
        'count=planned',
        'count=estimated',
        'resolution=merge-duplicates',
        'resolution=ignore-duplicates',
        'missing=default',
        'handling=strict',
        'max-affected=3',
        'tx=rollback',
        'results=per-row',
        'timezone=Europe/Berlin',
        'params=single-object',
      ),
      3,
    ),
  ),
  fc.tuple(fc.constant('range'), near('0-4', '5-', '-3', 'items=0-1', '4-1')),
  fc.tuple(
    fc.constantFrom('accept-profile', 'content-profile'),
    near('public', 'tidemark', 'vault', 'pg_catalog', 'information_schema'),
  ),
  fc.tuple(
    fc.constant('content-type'),
    near(
      'application/json',
      'text/csv',
      'application/x-www-form-urlencoded',
      'text/plain',
      'application/octet-stream',
      'application/vnd.pgrst.array+json',
      'multipart/form-data; boundary=x',
    ),
  ),
  fc.tuple(fc.constantFrom('if-match', 'if-none-match'), near('*', '"x"', 'W/"x", "y"')),
  fc.tuple(fc.constant('idempotency-key'), near('k1', 'k2', '8e03978e-40d5-43e8-bc93-6894a57f9324')),
  fc.tuple(
    fc.constantFrom(
      'tidemark',
      'tidemark-unfiltered',
      'range-unit',
      'accept-encoding',
      'traceparent',
      'origin',
      'cookie',
      'apikey',
      'x-forwarded-for',
      'x-http-method-override',
    ),
    near('allow', 'items', 'gzip', 'https://app.example'),
  ),
  fc.tuple(fc.constantFrom('x-a', 'authorization'), text),
);
