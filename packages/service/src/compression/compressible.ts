/** Content types whose bodies get smaller: text. Event streams are left out: they are never compressed. */
const TEXT =
  /^(?:text\/(?!event-stream)|application\/(?:[\w.+-]+\+)?(?:json|xml|yaml)\b|application\/(?:x-)?(?:ndjson|javascript)\b|application\/vnd\.pgrst\.)/i;

export const isCompressible = (contentType: string): boolean => TEXT.test(contentType);
