/** Asks the API server for one pod: agents follow pods only while there are policies, and have no right to get one but by a list. */
import { canonicalAddress } from '@podroute/address/address.ts'
import type { ApiClient } from '@podroute/cluster/api/client.ts'
import type { KnownPod } from './explain-ends.ts'

interface Listed {
  readonly items?: readonly {
    readonly spec?: { readonly nodeName?: string }
    readonly status?: { readonly podIPs?: readonly { readonly ip?: string }[] }
  }[]
}

/** Milliseconds. */
const PATIENCE = 5000

/** @param key `namespace/name` @throws Error why nobody can say */
export async function findPod(
  key: string,
  client: () => Promise<Pick<ApiClient, 'getJson'>>,
): Promise<KnownPod | undefined> {
  const [namespace = '', name = ''] = key.split('/')
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`
  const query = { fieldSelector: `metadata.name=${name}` }
  const { items = [] } = (await (
    await client()
  ).getJson(path, query, AbortSignal.timeout(PATIENCE))) as Listed
  return items.map(({ spec, status }) => ({
    ...{ key, node: spec?.nodeName ?? '' },
    addresses: (status?.podIPs ?? []).flatMap(({ ip = '' }) => canonicalAddress(ip) ?? []),
  }))[0]
}
