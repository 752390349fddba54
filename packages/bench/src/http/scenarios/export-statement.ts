export const COPY_CSV =
  'copy (select id, sensor, label, value, taken_at from public.measurements) to stdout (format csv, header)';
