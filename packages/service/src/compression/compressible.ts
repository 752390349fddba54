/** Content types of text, which compress well. Event streams are excluded: they are never compressed. */
const TEXT =
  /^(?:text\/(?!event-stream)|application\/(?:[\w.+-]+\+)?(?:json|xml|yaml)\b|application\/(?:x-)?(?:ndjson|javascript)\b|application\/vnd\.pgrst\.)/i;

export const isCompressible = (contentType: string): boolean => TEXT.test(contentType);
