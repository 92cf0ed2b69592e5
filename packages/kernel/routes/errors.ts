/** Errors of routes. */

export class RouteError extends Error {
  override readonly name = 'RouteError'
  /** As the kernel says it of a route that is to be added. */
  readonly code = 'EEXIST'
}
