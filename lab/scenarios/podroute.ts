// podroute in the lab: deploy/podroute.yaml as it is, with the lab's router as a peer in its ConfigMap.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { CLUSTER_ASN, CLUSTER_CIDRS, NODES, OUTSIDE_PREFIXES, primaryOf, ROUTER } from '../addresses.ts'
import { REPOSITORY } from '../images/dist.ts'
import { apply, type PodView, waitForPods } from './cluster.ts'

export const PODROUTE_SELECTOR = 'app=podroute'
export const PODROUTE_NAMESPACE = 'kube-system'

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly data?: Record<string, string>
  readonly spec?: { readonly template: { readonly metadata: { readonly labels: object } } }
}

/** By this label upstream's tests find the pods of the service proxy, to restart them. */
const SERVICE_PROXY_LABEL = { 'k8s-app': 'kube-proxy' }

const quoted = (texts: readonly string[]) => texts.map((text) => `'${text}'`).join()

const CONFIGURATION = `asn: ${CLUSTER_ASN}
peers:
  - address: '${primaryOf(ROUTER)}'
    asn: ${ROUTER.asn}
    acceptRoutes: [${quoted(OUTSIDE_PREFIXES)}]
podNetwork:
  clusterCIDRs: [${quoted(CLUSTER_CIDRS)}]
serviceProxy:
  externalIPRanges: [203.0.113.0/24, '2001:db8::/32']
`

/** The objects of deploy/podroute.yaml; `configuration` replaces the ConfigMap's config.yaml. */
export async function podrouteManifests(configuration = CONFIGURATION): Promise<object[]> {
  const text = await readFile(join(REPOSITORY, 'deploy', 'podroute.yaml'), 'utf8')
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((object) => object !== null)
    .map((object) => forLab(object, configuration))
}

function forLab(object: Manifest, configuration: string): object {
  if (object.kind === 'ConfigMap') {
    return { ...object, data: { ...object.data, 'config.yaml': configuration } }
  }
  if (object.kind === 'DaemonSet') Object.assign(object.spec!.template.metadata.labels, SERVICE_PROXY_LABEL)
  return object
}

export async function applyPodroute(configuration?: string): Promise<void> {
  await apply(...(await podrouteManifests(configuration)))
}

/** Waits until the agent of every node is ready. */
export function waitForAgents(timeout = 180_000): Promise<PodView[]> {
  return waitForPods(PODROUTE_SELECTOR, NODES.length, { namespace: PODROUTE_NAMESPACE, timeout })
}
