import type { Metrics } from '../metrics.ts';
import type { TokenVerifier } from './verifier.ts';

export function registerTokenMetrics(metrics: Metrics, verifier: TokenVerifier): void {
  const stats = () => verifier.stats();
  metrics.gauge('tidemark_tokens_cached', 'Verified tokens kept', [], (gauge) => gauge.set(stats().cached));
  metrics.gauge('tidemark_tokens_cached_characters', 'Characters of the cached tokens and their claims', [], (gauge) =>
    gauge.set(stats().cachedCharacters),
  );
  metrics.gauge('tidemark_token_keys', 'Public keys that verify tokens', [], (gauge) => gauge.set(stats().keys));
  metrics.gauge('tidemark_token_keys_age_seconds', 'Seconds since the key set was fetched', [], (gauge) =>
    gauge.set(stats().keysAgeMs / 1_000),
  );
}
