/** The keys that the pod network is planned by. */

/** What is wanted because of this node itself, of a Node (by its name), of a router outside (by its address), or of a Service. */
export type PlanKey = 'local' | `node/${string}` | `router/${string}` | `service/${string}`

/** `conflist` comes when all else is in place. */
export type PodNetworkKey = PlanKey | 'conflist'

/** The name of the Node, the address of the router, or the key of the Service. */
export function nameOf(key: Exclude<PlanKey, 'local'>): string {
  return key.slice(key.indexOf('/') + 1)
}
