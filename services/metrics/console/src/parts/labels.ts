/** Shortens `gateway/gateway-1` to `gateway-1`, which already contains the service. */
export const shortLabel = (label: string): string => label.replace(/^(\w+)\/(?=\1\b)/, '');
