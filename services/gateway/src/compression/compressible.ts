/** Whether a body of this type gets smaller: text, and not what is compressed in itself. */

const TEXT =
  /^(?:text\/|application\/(?:[\w.+-]+\+)?(?:json|xml|yaml)\b|application\/(?:x-)?(?:ndjson|javascript)\b|application\/vnd\.pgrst\.)/i;

/** Types come from a short list of ours and from what users uploaded, so only some are remembered. */
const MAX_KNOWN = 100;
const known = new Map<string, boolean>();

export function isCompressible(contentType: string): boolean {
  const found = known.get(contentType);
  if (found !== undefined) return found;
  const is = TEXT.test(contentType);
  if (known.size < MAX_KNOWN) known.set(contentType, is);
  return is;
}
