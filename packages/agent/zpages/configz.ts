/** `/configz` as components of Kubernetes have it: the configuration in effect, defaults and flags in it, secrets not. */
import { type Handler, json } from '@podroute/feature/listener.ts'

/** @param config as an object whose secrets are hidden; undefined: none is in effect */
export function configzPage(config: () => object | undefined): Handler {
  return (path) => (path === '/configz' ? json({ podroute: config() ?? {} }) : undefined)
}
