export const ROWS_MEDIA = ['json', 'object', 'array', 'csv', 'ndjson', 'geojson'] as const;
/** The media types of a single value are among them. */
export const VALUE_MEDIA = [...ROWS_MEDIA, 'text', 'octet-stream'] as const;
