/** The agent as it ships, as a process in the node's namespace, and an API server for it to follow. */

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { EndpointSliceObject } from '@podroute/cluster/objects/endpoint-slice.ts'
import type { ServiceObject } from '@podroute/cluster/objects/service.ts'
import { agentCommand, agentSettings } from '../../../deploy/manifest.ts'
import { buildDist } from '../../../lab/images/dist.ts'
import { NODE } from './network.ts'

const API_PORT = 6443
const SERVICES = '/api/v1/services'
const SLICES = '/apis/discovery.k8s.io/v1/endpointslices'
const NODES = '/api/v1/nodes'
/** Of the agent, with an emulated processor that has other things to do. */
const PATIENCE = 60_000

export interface Api extends AsyncDisposable {
  readonly kubeconfig: string
  put(...services: readonly ServiceObject[]): void
  putSlice(slice: EndpointSliceObject): void
  /** Changes what a node says of itself. */
  putNode(
    name: 'node' | 'other',
    addresses: readonly string[],
    annotations?: Readonly<Record<string, string>>,
  ): void
}

/** With the two nodes of the network. @param address of the namespace, at which it listens */
export async function startApi(namespace: string, address = '127.0.0.1'): Promise<Api> {
  const directory = await mkdtemp(join(tmpdir(), 'podroute-api-'))
  const [key, cert, kubeconfig] = ['key', 'cert', 'kubeconfig'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ]
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  await promisify(execFile)('openssl', [...request, '-subj', '/CN=api', '-keyout', key, '-out', cert])
  const cluster = { server: `https://${address}:${API_PORT}`, 'insecure-skip-tls-verify': true }
  const config = {
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user: { token: 'agent' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  }
  await writeFile(kubeconfig, JSON.stringify(config))
  const script = new URL('api-process.ts', import.meta.url).pathname
  const child = spawn(
    'ip',
    ['netns', 'exec', namespace, process.execPath, script, address, String(API_PORT), key, cert],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  await once(child.stdout, 'data')
  const put = (path: string, object: object) =>
    void child.stdin.write(`${JSON.stringify({ path, object })}\n`)
  const putNode: Api['putNode'] = (name, addresses, annotations = {}) => {
    const podCIDRs =
      name === 'node' ? ['10.244.1.0/24', 'fd10:244:1::/64'] : ['10.244.2.0/24', 'fd10:244:2::/64']
    put(NODES, nodeObject(name, annotations, addresses, podCIDRs))
  }
  putNode('node', [NODE.v4, NODE.v6])
  putNode('other', ['172.31.0.12', 'fd31::12'])
  return {
    kubeconfig,
    put: (...services) => {
      for (const service of services) put(SERVICES, service)
    },
    putSlice: (slice) => put(SLICES, slice),
    putNode,
    async [Symbol.asyncDispose]() {
      await ended(child, 'SIGKILL')
      await rm(directory, { recursive: true, force: true })
    },
  }
}

function nodeObject(
  name: string,
  annotations: Readonly<Record<string, string>>,
  addresses: readonly string[],
  podCIDRs: readonly string[],
): object {
  const status = {
    addresses: addresses.map((address) => ({ type: 'InternalIP', address })),
    conditions: [{ type: 'Ready', status: 'True' }],
  }
  return { metadata: { name, annotations }, spec: { podCIDR: podCIDRs[0], podCIDRs }, status }
}

export interface AgentProcess {
  /** Resolves when the log says that all Services are in the kernel: when that was, in milliseconds since 1970. */
  readonly inPlace: Promise<number>
  /** At which it is asked. */
  readonly socket: string
  /** What it has logged so far. */
  log(): string
  /** Changes its configuration while it runs. @param serviceProxy in YAML */
  configure(serviceProxy: string): Promise<void>
  /** Resolves when it is gone. */
  end(signal: NodeJS.Signals): Promise<void>
}

const SERVICES_ONLY = 'podNetwork: { enabled: false }\n'

/** Its Services only, unless more is asked for: the pods' network is there. @param more of its configuration, in YAML */
export async function startAgent(
  namespace: string,
  { kubeconfig }: Api,
  more = SERVICES_ONLY,
): Promise<AgentProcess> {
  const { directory } = await buildDist()
  const config = `${kubeconfig}.agent.yaml`
  const configure = (serviceProxy: string) =>
    writeFile(config, `${more}serviceCIDRs: [10.96.0.0/16]\nserviceProxy: ${serviceProxy}\n`)
  await configure('{}')
  const args = ['--config', config, '--node-name', 'node', '--kubeconfig', kubeconfig]
  const socket = `${kubeconfig}.sock`
  const own = ['--admin-socket', socket, '--state-directory', `${kubeconfig}.state`]
  const command = [...agentCommand(join(directory, 'dist')), ...args, ...own]
  const child = spawn('ip', ['netns', 'exec', namespace, ...command], {
    env: { ...process.env, ...agentSettings().env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  const inPlace = new Promise<number>((resolve, reject) => {
    const hear = (data: Buffer) => {
      log += data.toString()
      if (log.includes('Services are in place')) resolve(Date.now())
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    const fail = (why: string) => reject(new Error(`the agent ${why}: ${log}`))
    child.once('close', () => fail('ended'))
    setTimeout(() => fail('is not ready'), PATIENCE).unref()
  })
  inPlace.catch(() => {})
  return { inPlace, socket, log: () => log, configure, end: (signal) => ended(child, signal) }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill(signal)
  await closed
}
