/** Version of the agent; the build replaces it with that of the package. */
declare const PODROUTE_VERSION: string | undefined
export const VERSION: string = typeof PODROUTE_VERSION === 'string' ? PODROUTE_VERSION : 'dev'
