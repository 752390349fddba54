export declare const importLoader: string;
export declare const preload: boolean;
export declare const testFileExtensions: string[];
export declare const plugin: () => Record<never, never>;
export declare const config: Record<
  'typecheck' | 'tsconfig' | 'type-strip-only',
  { type: string; description: string }
>;
