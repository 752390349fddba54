/** Loaded on first use: `tidemark up` runs for as long as its services, and would keep 15 MB after a start that drew nothing. */
export const libvips = () => import('sharp');
