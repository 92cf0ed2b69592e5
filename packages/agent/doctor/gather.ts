/** Gathers what checks judge, once: from the kernel, the node's files and the API server. What cannot be had says why. */
import { X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync, statfsSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { createApiClient } from '@podroute/cluster/api/client.ts'
import { SERVICE_ACCOUNT, serverCandidates } from '@podroute/cluster/api/servers.ts'
import type { Kernel } from '@podroute/kernel/kernel.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { probePath } from '@podroute/linux/path-probe.ts'
import { isOwnPlugin } from '../cleanup/plugins.ts'
import { bridgeName } from './bridge-name.ts'
import { PARAMETERS } from './checks/checks.ts'
import type {
  AgentFacts,
  Certificate,
  ClusterFacts,
  ConfFile,
  Fact,
  Facts,
  NodeFacts,
  PluginFacts,
} from './facts.ts'
import { tryPaths } from './paths.ts'

export interface GatherOptions {
  readonly nodeName: string | undefined
  readonly kubeconfig: string | undefined
  /** Where the node's files are. */
  readonly root: string
  /** Of the node; the process's own by default. */
  readonly netns: string | undefined
  readonly agent: Fact<AgentFacts>
  readonly now: () => number
}

const PATIENCE = 5000
const CONFIGURATIONS = /\.(conf|conflist|json)$/
const CERTIFICATES = [
  'var/lib/kubelet/pki/kubelet-client-current.pem',
  ...['apiserver', 'apiserver-kubelet-client', 'front-proxy-client'].map(
    (name) => `etc/kubernetes/pki/${name}.crt`,
  ),
]

export async function gather(options: GatherOptions): Promise<Facts> {
  const { nodeName, root, netns, agent } = options
  using kernel = openKernel(netns === undefined ? {} : { netns })
  const at = (path: string) => join(root, path)
  const files = await fact(() => confFiles(at('etc/cni/net.d')))
  const bridge = bridgeName(files)
  const ofNode = await ofKernel(kernel, bridge)
  const known = await fact(() => cluster(options))
  return {
    ...{ nodeName, agent },
    ...ofNode,
    confFiles: files,
    plugins: await fact(() => pluginsIn(at('opt/cni/bin'))),
    disk: await fact(() => disk(at('run'))),
    files: await fact(openFiles),
    certificates: await fact(() => certificates(CERTIFICATES.map(at), options.now())),
    cluster: known,
    paths: await fact(() => {
      if ('unknown' in known) throw new Error(known.unknown)
      if ('unknown' in ofNode.links) throw new Error(ofNode.links.unknown)
      const [links, cluster] = [ofNode.links.value, known.value]
      return tryPaths({ nodeName, bridge, links, cluster, netns, probe: probePath })
    }),
  }
}

/** @throws Error that says from where it is to be seen */
function pluginsIn(folder: string): readonly PluginFacts[] {
  try {
    return readdirSync(folder).map((name) => ({ name, own: isOwnPlugin(join(folder, name)) }))
  } catch (cause) {
    const hint = 'the agent’s container does not have it, so run podroute doctor as root on the node'
    throw new Error(`${folder} cannot be read: ${hint}`, { cause })
  }
}

async function ofKernel(kernel: Kernel, bridge: string) {
  const parameters = new Set([...PARAMETERS, `net/ipv4/conf/${bridge}/rp_filter`])
  const routes = await fact(() => kernel.routes.list({}))
  return {
    sysctls: await fact(() =>
      Object.fromEntries([...parameters].map((name) => [name, kernel.sysctls.read(name)] as const)),
    ),
    ipvs: await fact(() =>
      kernel.ipvs.servers().then(
        () => true,
        () => false,
      ),
    ),
    links: await fact(() => kernel.links.list()),
    defaultRoutes: mapped(routes, (all) =>
      all.filter(({ destination }) => destination.endsWith('/0')).map(({ family }) => family),
    ),
    routes: mapped(routes, (all) =>
      all.map(({ destination, gateway, nextHops }) => ({
        destination,
        gateway: gateway !== undefined || nextHops !== undefined,
      })),
    ),
    legacyForward: await fact(() =>
      ([4, 6] as const).flatMap((family) => kernel.legacyForward(family) ?? []),
    ),
    hookedChains: await fact(() => kernel.nft.baseChains()),
    chains: await fact(async () => chainsIn(await kernel.nft.show('list chains'))),
    ports: await fact(async () => [...(await kernel.boundPorts())]),
  }
}

/** `ip nat PREROUTING` for each of a listing. */
export function chainsIn(listing: string): readonly string[] {
  let table = ''
  return listing.split('\n').flatMap((line) => {
    const [word, ...names] = line.trim().split(' ')
    if (word === 'table') table = names.slice(0, 2).join(' ')
    return word === 'chain' ? [`${table} ${names[0]}`] : []
  })
}

function mapped<T, R>(known: Fact<T>, change: (value: T) => R): Fact<R> {
  return 'value' in known ? { value: change(known.value) } : known
}

async function fact<T>(read: () => T | Promise<T>): Promise<Fact<T>> {
  try {
    return { value: await read() }
  } catch (error) {
    return { unknown: (error as Error).message }
  }
}

function confFiles(folder: string): readonly ConfFile[] {
  return readdirSync(folder)
    .filter((name) => CONFIGURATIONS.test(name))
    .sort()
    .map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }))
}

function disk(path: string) {
  const { bavail, blocks, ffree, files } = statfsSync(path)
  return { space: blocks > 0 ? bavail / blocks : 1, inodes: files > 0 ? ffree / files : 1 }
}

function openFiles() {
  const [open = 0, , most = 1] = readFileSync('/proc/sys/fs/file-nr', 'utf8').split(/\s+/).map(Number)
  return { open, most }
}

function certificates(paths: readonly string[], now: number): readonly Certificate[] {
  return paths.flatMap((path) => {
    try {
      const { validToDate } = new X509Certificate(readFileSync(path))
      return [{ path, days: (validToDate.getTime() - now) / 86_400_000 }]
    } catch {
      return []
    }
  })
}

interface Listed {
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string }
    readonly spec?: {
      readonly podCIDR?: string
      readonly podCIDRs?: readonly string[]
      readonly cidrs?: readonly string[]
    }
    readonly status?: {
      readonly addresses?: readonly { readonly type?: string; readonly address?: string }[]
    }
  }[]
}

/** @throws Error that says why the API server cannot be asked */
async function cluster({ kubeconfig, root, now }: GatherOptions): Promise<ClusterFacts> {
  const kubeletKubeconfigs = ['kubeconfig', 'kubelet.conf'].map((name) =>
    join(root, 'run/podroute-node', name),
  )
  const { candidates, skipped } = serverCandidates({
    ...{
      kubeconfig,
      kubeletKubeconfigs,
      apiServer: undefined,
      env: process.env,
      serviceAccount: SERVICE_ACCOUNT,
    },
  })
  const [candidate] = candidates
  if (!candidate) throw new Error(`no API server is known: ${skipped.join('; ')}; give --kubeconfig`)
  const client = createApiClient(candidate.kubeConfig)
  const ask = async (path: string) =>
    (await client.getJson(path, {}, AbortSignal.timeout(PATIENCE))) as Listed
  try {
    const nodes = await ask('/api/v1/nodes')
    const ranges = await ask('/apis/networking.k8s.io/v1/servicecidrs').catch((): Listed => ({}))
    return {
      nodes: (nodes.items ?? []).map(nodeFacts),
      serviceCIDRs: (ranges.items ?? []).flatMap(({ spec }) => spec?.cidrs ?? []),
      skewSeconds: Math.round(((await dateOf(client.server)) - now()) / 1000),
    }
  } finally {
    client.release()
  }
}

function nodeFacts({ metadata, spec, status }: NonNullable<Listed['items']>[number]): NodeFacts {
  const addresses = (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP')
  return {
    name: metadata?.name ?? '',
    podCIDRs: spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR]),
    addresses: addresses.flatMap(({ address }) => address ?? []),
  }
}

/** The header of any answer, one that is refused too; nothing is sent, so that nobody has to be trusted. */
function dateOf(server: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(`${server}/version`, { rejectUnauthorized: false, timeout: PATIENCE, agent: false })
    sent.on('response', (response) => {
      response.resume()
      resolve(Date.parse(response.headers.date ?? ''))
    })
    sent.on('timeout', () => sent.destroy(new Error('no answer from the API server')))
    sent.on('error', reject)
    sent.end()
  })
}
