export const ROWS_MEDIA = ['json', 'object', 'array', 'csv', 'ndjson', 'geojson'] as const;
/** Also those of a single value. */
export const VALUE_MEDIA = [...ROWS_MEDIA, 'text', 'octet-stream'] as const;
