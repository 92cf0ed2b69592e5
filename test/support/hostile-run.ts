/**
 * Writes random hostile objects, and deletes them again, while a service proxy follows the same API server, into a kernel in memory, and looks all the time whether
 * the honest Services are in place there: `node hostile-run.ts JSON`. Prints a line of JSON at the end.
 */
import { setTimeout } from 'node:timers/promises'
import { KubeConfig } from '@kubernetes/client-node/dist/config.js'
import { type ApiClient, createApiClient } from '@podroute/cluster/api/client.ts'
import { Cluster } from '@podroute/cluster/cluster.ts'
import { ApiStatusError } from '@podroute/cluster/errors.ts'
import { PodPrefixes } from '@podroute/feature/pod-prefixes.ts'
import { ReservedAddresses } from '@podroute/feature/reserved-addresses.ts'
import { ServedAddresses } from '@podroute/feature/served-addresses.ts'
import { systemClock } from '@podroute/reconcile/clock.ts'
import { silent } from '@podroute/reconcile/log.ts'
import { seeded } from '@podroute/reconcile/testing/random.ts'
import { ServiceProxyFeature } from '@podroute/service-proxy/feature.ts'
import { FakeProxyKernel } from '@podroute/service-proxy/testing/fake-proxy-kernel.ts'
import { HostileObjects, type HostileWrite, TENANT, type Victims } from './hostile-objects.ts'

export interface HostileTask {
  readonly kubeconfig: string
  readonly seed: number
  readonly count: number
  readonly nodeName: string
  readonly nodeAddresses: readonly string[]
  readonly apiServer: string
  readonly victims: Victims
  /** An endpoint of each family. */
  readonly endpoints: readonly string[]
}

export interface HostileResult {
  readonly taken: number
  /** What the API server itself refused. */
  readonly refused: number
  /** Honest Services that were not in place, with when that was seen. */
  readonly missing: readonly string[]
  /** What the kernel in memory refused and is tried again. */
  readonly failing: readonly string[]
  readonly looks: number
}

const HONEST = 10
const AT_ONCE = 8
const LOOK_EVERY = 20
const never = new AbortController().signal
const HONEST_SERVICES = '/api/v1/namespaces/default/services'

const task = JSON.parse(process.argv[2] ?? '{}') as HostileTask
const kubeConfig = new KubeConfig()
kubeConfig.loadFromFile(task.kubeconfig)
const client = createApiClient(kubeConfig)

interface Placed {
  readonly spec: { readonly clusterIPs: readonly string[] }
}

async function createHonest(): Promise<string[]> {
  const vips: string[] = []
  for (let i = 0; i < HONEST; i++) {
    const name = `honest-${i}`
    const spec = { type: 'ClusterIP', ipFamilyPolicy: 'RequireDualStack', ports: [{ port: 80 }] }
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' }, spec }
    const { spec: placed } = (await client.postJson(HONEST_SERVICES, service, never)) as Placed
    vips.push(...placed.clusterIPs)
    for (const address of task.endpoints) {
      const ipv6 = address.includes(':')
      const metadata = {
        ...{ name: `${name}-${ipv6 ? 6 : 4}`, namespace: 'default' },
        labels: { 'kubernetes.io/service-name': name },
      }
      const body = {
        ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata },
        ...{
          addressType: ipv6 ? 'IPv6' : 'IPv4',
          ports: [{ port: 8080 }],
          endpoints: [{ addresses: [address] }],
        },
      }
      await client.postJson('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', body, never)
    }
  }
  return vips
}

function makeProxy(cluster: Cluster, kernel: FakeProxyKernel): ServiceProxyFeature {
  const reserved = new ReservedAddresses()
  reserved.replace('api-server', [task.apiServer])
  const context = {
    ...{
      nodeName: task.nodeName,
      stateDirectory: '/run/test',
      cluster,
      reserved,
      served: new ServedAddresses(),
      podPrefixes: new PodPrefixes(),
      events: { record() {} },
      writer: () => Promise.reject(new Error('unused')),
      clock: systemClock,
    },
    ...{
      random: Math.random,
      log: silent,
      podGate: () => undefined,
      pluginFields: () => ({}),
      gateChanged() {},
    },
    store: () => ({ load: () => undefined, save() {} }),
    ...{ firstSync: { large() {}, done() {} }, kernel: async () => kernel },
  }
  const settings = { masqueradeAll: false, serviceCIDRs: [], nodeCIDRs: [], nodePortRanges: [], drain: 30 }
  const at = { takeOver: false, externalRanges: ['0.0.0.0/0', '::/0'], health: { address: '::', port: 0 } }
  return new ServiceProxyFeature(context, { ...settings, ...at }, kernel)
}

/** Those of the honest Services that do not lead to their endpoint. */
function missingOf(kernel: FakeProxyKernel, vips: readonly string[]): string[] {
  return vips.filter((vip) => {
    const ipv6 = vip.includes(':')
    const endpoint = task.endpoints.find((address) => address.includes(':') === ipv6)
    const there = kernel.endpoints(`tcp ${vip} 80`)
    return (
      there?.length !== 1 ||
      !there[0]!.includes(endpoint!) ||
      !kernel.routeTable.has(`${vip}/${ipv6 ? 128 : 32}`)
    )
  })
}

async function write(api: ApiClient, hostile: HostileWrite): Promise<boolean> {
  try {
    if (hostile.kind === 'create') await api.postJson(hostile.path, hostile.body, never)
    else await api.patchJson(hostile.path, { kind: 'merge', body: hostile.body }, never)
    return true
  } catch (error) {
    if (error instanceof ApiStatusError && error.status < 500) return false
    throw error
  }
}

async function main(): Promise<HostileResult> {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: TENANT } }
  await client.postJson('/api/v1/namespaces', namespace, never)
  const kernel = new FakeProxyKernel()
  kernel.interfaceAddresses = [...task.nodeAddresses]
  await using cluster = new Cluster({
    source: { client: async () => client, failed() {} },
    ...{ log: silent, random: Math.random },
  })
  await using proxy = makeProxy(cluster, kernel)
  await proxy.start()
  cluster.start()
  const vips = await createHonest()
  while (missingOf(kernel, vips).length > 0) await setTimeout(50)
  const objects = new HostileObjects(seeded(task.seed), {
    ...task.victims,
    addresses: [...task.victims.addresses, ...vips.slice(0, 4)],
  })
  const counts = { taken: 0, refused: 0, looks: 0 }
  const missing: string[] = []
  const look = (when: string) => {
    counts.looks++
    missing.push(...missingOf(kernel, vips).map((vip) => `${vip} ${when}`))
  }
  let next = 0
  const made: string[] = []
  const remover = async () => {
    for (let path = made.pop(); path; path = made.pop()) await client.deleteJson(path, {}, never)
  }
  const worker = async () => {
    while (next < task.count) {
      const number = next++
      const hostile = objects.next()
      if (await write(client, hostile)) {
        counts.taken++
        if (hostile.kind === 'create') made.push(`${hostile.path}/${hostile.body.metadata.name}`)
      } else counts.refused++
      if (number % LOOK_EVERY === 0) look(`after ${number}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  // What was told last is planned within that time.
  const lookOn = async (when: string) => {
    for (let i = 0; i < 20; i++) {
      await setTimeout(100)
      look(when)
    }
  }
  await lookOn('at the end')
  const failing = [...proxy.pending()].filter(({ error }) => error !== '')
  await Promise.all(Array.from({ length: AT_ONCE }, remover))
  await lookOn('after all was deleted')
  return { ...counts, missing, failing: failing.map(({ table, key, error }) => `${table} ${key}: ${error}`) }
}

process.stdout.write(`${JSON.stringify(await main())}\n`)
process.exit(0)
