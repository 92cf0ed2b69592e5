/** What the CNI plugin says of a pod that is about to start, and what it is answered. Pure. */
import { canonicalAddress } from '@podroute/address/address.ts'

export interface Announcement {
  /** `namespace/name` */
  readonly key: string
  /** Empty: the runtime did not say it. */
  readonly uid: string
  /** Those that the pod was given, canonical. */
  readonly addresses: readonly string[]
}

export type Answer =
  /** The pod's policies are in place. */
  | { readonly state: 'ready' }
  /** The agent does not know what policies there are. */
  | { readonly state: 'unknown'; readonly reason: string }
  | { readonly state: 'failed'; readonly reason: string }

/** @throws SyntaxError, TypeError for what is none */
export function parseAnnouncement(line: string): Announcement {
  const { namespace, name, uid, addresses } = JSON.parse(line) as Record<string, unknown>
  if (typeof namespace !== 'string' || typeof name !== 'string' || !Array.isArray(addresses))
    throw new TypeError('not an announcement of a pod')
  const canonical = addresses.map((address) => canonicalAddress(String(address)))
  return {
    key: `${namespace}/${name}`,
    uid: typeof uid === 'string' ? uid : '',
    addresses: canonical.filter((address) => address !== undefined),
  }
}

export function namespaceOf({ key }: Announcement): string {
  return key.slice(0, key.indexOf('/'))
}

/** Whether it speaks of this pod, and not of one that had its name before. */
export function speaksOf(
  { uid }: Announcement,
  pod: { readonly uid: string; readonly staticUid?: string },
): boolean {
  return uid === '' || uid === pod.uid || uid === pod.staticUid
}
