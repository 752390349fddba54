/** How files of a page that holds a token are served by @fastify/static. */

/** The page may load from this origin only, and no other page may frame it. */
const SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data: blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const pageFiles = {
  cacheControl: false,
  // Answers that accept byte ranges are not compressed.
  acceptRanges: false,
  setHeaders(reply: { header(name: string, value: string): unknown }, path: string): void {
    reply.header('content-security-policy', SECURITY_POLICY);
    reply.header('x-content-type-options', 'nosniff');
    reply.header('referrer-policy', 'no-referrer');
    // Names of files in assets/ contain a hash of their content.
    reply.header('cache-control', path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache');
  },
};
