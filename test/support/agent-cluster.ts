/**
 * A cluster without virtual machines: a real control plane and one network namespace for each node, in which the real agent runs
 * on this machine's kernel. There is no kubelet: Nodes are objects only.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { ask } from '@podroute/cli/client.ts'
import { SERVICE_ACCOUNT } from '@podroute/cluster/api/servers.ts'
import { agentCommand } from '../../deploy/manifest.ts'
import { attempt, type CommandResult, run } from '../../lab/command.ts'
import { buildControlPlane, type Component } from '../../lab/control-plane/build.ts'
import { readCompose } from '../../lab/control-plane/compose.ts'
import { type ControlPlane, startControlPlane } from '../../lab/control-plane/start.ts'
import { Processes } from '../../lab/processes.ts'
import {
  addressesOf,
  BOTH,
  connectNetworks,
  controlPlaneAddress,
  type Family,
  joinNetwork,
  makeNetwork,
  removeNetwork,
  type TestNode,
} from './agent-network.ts'
import { builtAgent } from './built-agent.ts'
import { ConfigVolume } from './config-volume.ts'
import { eventually } from './eventually.ts'
import type { Reports } from './reports.ts'

const MANIFEST = resolve(import.meta.dirname, '../../deploy/podroute.yaml')

export const ADMIN_SOCKET = 'podroute.sock'

const CONFIG_FILE = 'config.yaml'
/** Of a cluster that has another one beside it. */
const MOST_NODES = 4
/** Ranges of one family; those of both are docker-compose.yaml's. */
const RANGES = {
  4: { clusterCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/16' },
  6: { clusterCidr: 'fd10:244::/56', serviceCidr: 'fd10:96::/112' },
} as const

export interface ClusterOptions {
  readonly clusterCidr?: string
  /** Another cluster, whose nodes are on the same network. */
  readonly beside?: AgentCluster
  /** Of nodes, pods, Services and API server; absent: both. */
  readonly family?: Family
}

export interface AgentOptions {
  /** Whether Services are proxied; absent: no. */
  readonly serviceProxy?: boolean | 'as-configured'
  /** Flags beside those that every agent has here. */
  readonly flags?: readonly string[]
  /** Credentials and address of the API server as in a pod, not by a kubeconfig. */
  readonly asPod?: { readonly token: string }
}

export class AgentCluster implements AsyncDisposable {
  readonly directory: string
  readonly network: string
  readonly processes: Processes
  readonly nodes: TestNode[] = []
  control!: ControlPlane
  readonly #tag: string
  readonly #volumes = new Map<string, ConfigVolume>()
  readonly #options: ClusterOptions

  private constructor(directory: string, name: string, options: ClusterOptions) {
    // Interface and namespace names are short: the tag keeps test files apart.
    this.#tag = createHash('sha256').update(name).digest('hex').slice(0, 6)
    this.#options = options
    this.directory = directory
    this.network = `pr-agent-${this.#tag}`
    this.processes = new Processes(directory, true)
  }

  /** Network and control plane, with the ServiceAccount and the roles of deploy/podroute.yaml; no Node yet. */
  static async start(name: string, options: ClusterOptions = {}): Promise<AgentCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'podroute-agents-'))
    const cluster = new AgentCluster(directory, name, options)
    try {
      await makeNetwork(cluster.network, cluster.#number)
      if (options.beside) await connectNetworks(options.beside.network, cluster.network)
      await Promise.all([cluster.#link(), cluster.startControlPlane()])
      await cluster.#applyRoles()
      await cluster.#writeKubeconfig()
      return cluster
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  /** What ships, where this cluster's agents find it. */
  async #link(): Promise<void> {
    await symlink(await builtAgent(), join(this.directory, 'dist'))
  }

  async startControlPlane(): Promise<void> {
    this.control = await startControlPlane({
      directory: join(this.directory, 'kubernetes'),
      processes: this.processes,
      netns: this.network,
      address: this.#address,
      addresses: BOTH.map((family) => controlPlaneAddress(this.#number, family)),
      ...this.#ranges,
    })
  }

  /** Ends a program of the control plane as a crash would. */
  stopComponent(name: Component): Promise<void> {
    return this.#end(name)
  }

  /** Starts one that was stopped, with the flags that it had and `more`. The API server is ready when this resolves. */
  async startComponent(name: Component, ...more: readonly string[]): Promise<void> {
    const { clusterCidr, serviceCidr } = this.#ranges
    const services = await readCompose({
      STATE: join(this.directory, 'kubernetes'),
      API_ADDRESS: this.#address,
      ...(clusterCidr === undefined ? {} : { CLUSTER_CIDR: clusterCidr }),
      ...(serviceCidr === undefined ? {} : { SERVICE_CIDR: serviceCidr }),
    })
    const [, ...flags] = services.get(name)!.command
    const program = join(await buildControlPlane(), name)
    await this.processes.start(name, [program, ...flags, ...more], { netns: this.network })
    if (name !== 'kube-apiserver') return
    const ready = async () => (await this.kubectl('get', '--raw=/readyz')) !== ''
    await eventually(async () => !this.processes.isRunning(name) || (await ready()), 30_000)
    await this.processes.expectRunning(name)
  }

  /** @throws Error with what kubectl said */
  async kubectl(...args: string[]): Promise<string> {
    return expectSuccess(await this.control.kubectl(args), args)
  }

  async apply(...objects: readonly object[]): Promise<void> {
    const input = objects.map((object) => JSON.stringify(object)).join('\n---\n')
    const args = ['apply', '-f', '-']
    expectSuccess(await this.control.kubectl(args, { input }), args)
  }

  /** Has an object a status, as a kubelet or a controller would write it. @param object `pod/NAME` */
  async patchStatus(object: string, status: object, namespace = 'default'): Promise<void> {
    const patch = JSON.stringify({ status })
    await this.kubectl('-n', namespace, 'patch', object, '--subresource=status', '-p', patch)
  }

  /** Says of a pod that it runs and has these addresses. */
  podRuns(name: string, ips: readonly string[], namespace = 'default'): Promise<void> {
    const status = { phase: 'Running', podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) }
    return this.patchStatus(`pod/${name}`, status, namespace)
  }

  /** Of the clusters on this network. */
  get #number(): 1 | 2 {
    return this.#options.beside ? 2 : 1
  }

  get #address(): string {
    return controlPlaneAddress(this.#number, this.#options.family ?? 4)
  }

  get #families(): readonly Family[] {
    return this.#options.family ? [this.#options.family] : BOTH
  }

  get #ranges(): { readonly clusterCidr?: string; readonly serviceCidr?: string } {
    const { family, clusterCidr } = this.#options
    if (family) return RANGES[family]
    return clusterCidr === undefined ? {} : { clusterCidr }
  }

  /** What a pod is told of the API server. */
  get #serverEnv(): Readonly<Record<string, string>> {
    return { KUBERNETES_SERVICE_HOST: this.#address, KUBERNETES_SERVICE_PORT: '6443' }
  }

  /** A namespace with addresses on the common network; the Node object comes by `registerNode`. */
  async addNamespace(): Promise<TestNode> {
    const n = this.nodes.length + 1 + (this.#number - 1) * MOST_NODES
    const node = await joinNetwork(this.network, n, this.#families, controlPlaneAddress(this.#number, 4))
    this.nodes.push(node)
    return node
  }

  /** Creates the Node with its addresses, as a kubelet would. */
  async registerNode(
    node: TestNode,
    options: { ready?: boolean; podCIDRs?: readonly string[] } = {},
  ): Promise<void> {
    const { podCIDRs } = options
    const spec = podCIDRs ? { podCIDR: podCIDRs[0], podCIDRs } : {}
    await this.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: node.name }, spec })
    const status = {
      addresses: addressesOf(node).map((address) => ({ type: 'InternalIP', address })),
      conditions: [{ type: 'Ready', status: options.ready ? 'True' : 'False' }],
    }
    await this.patchStatus(`node/${node.name}`, status)
  }

  async podCidrs(node: TestNode): Promise<string[]> {
    const text = await this.kubectl('get', 'node', node.name, '-o', 'jsonpath={.spec.podCIDRs[*]}')
    return text.split(' ').filter((prefix) => prefix !== '')
  }

  /** The pod prefixes of each family, once the controller manager has given them. */
  allocated(node: TestNode): Promise<string[]> {
    return eventually(async () => {
      const prefixes = await this.podCidrs(node)
      return prefixes.length === this.#families.length && prefixes
    }, 30_000)
  }

  /** Starts the agent of a node; `config` is the text of its configuration file. */
  async startAgent(node: TestNode, config = '', options: AgentOptions = {}): Promise<void> {
    await this.configure(node, config)
    await this.processes.start(this.#agent(node), await this.#command(node, options), {
      netns: node.netns,
      env: { ...this.#serverEnv, NODE_IPS: addressesOf(node).join() },
    })
  }

  /** Runs the agent of a node to its end. */
  async runAgent(node: TestNode, config = '', options: AgentOptions = {}): Promise<CommandResult> {
    await this.configure(node, config)
    const command = ['--pdeathsig', 'KILL', 'ip', 'netns', 'exec', node.netns]
    return attempt('setpriv', [...command, ...(await this.#command(node, options))], {
      env: this.#serverEnv,
      timeout: 30_000,
    })
  }

  /** Writes the configuration of a node, and files that it names, as the kubelet updates a ConfigMap. */
  configure(node: TestNode, config = '', files: Readonly<Record<string, string>> = {}): Promise<void> {
    const text = config || agentConfig(this.conflist(node))
    return this.volume(node).write({ [CONFIG_FILE]: text, ...files })
  }

  /** The folder of a node's configuration file. */
  volume(node: TestNode): ConfigVolume {
    const known = this.#volumes.get(node.name)
    const volume = known ?? new ConfigVolume(join(this.directory, node.name, 'config'))
    this.#volumes.set(node.name, volume)
    return volume
  }

  /** A token of the ServiceAccount in deploy/podroute.yaml. */
  async token(): Promise<string> {
    return (await this.kubectl('-n', 'kube-system', 'create', 'token', 'podroute', '--duration=2h')).trim()
  }

  agentPid(node: TestNode): number {
    return this.processes.list.findLast((entry) => entry.name === this.#agent(node))!.pid
  }

  /** The status of the health server's answer, as a kubelet's probe sees it. */
  async probe(node: TestNode, page: '/livez' | '/readyz'): Promise<number> {
    const url = `http://127.0.0.1:20244${page}`
    return Number(await this.exec(node, 'curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', url))
  }

  /** The command line that ships, asked about the node's agent. */
  podroute(node: TestNode, ...args: readonly string[]): Promise<CommandResult> {
    const program = join(this.directory, 'dist', 'podroute.mjs')
    return attempt(process.execPath, [program, ...args, '--socket', this.socket(node)])
  }

  /** Ends the agent with SIGKILL. */
  killAgent(node: TestNode): Promise<void> {
    return this.#end(this.#agent(node))
  }

  async agentLog(node: TestNode): Promise<string> {
    return readFile(this.processes.logPath(this.#agent(node)), 'utf8')
  }

  /** The lines of the agent's log, from all its runs, that hold `text`. */
  async said(node: TestNode, text: string): Promise<string[]> {
    return (await this.agentLog(node)).split('\n').filter((line) => line.includes(text))
  }

  /** What the admin socket says. */
  ask<P extends keyof Reports>(node: TestNode, page: P): Promise<Reports[P]> {
    return ask<Reports[P]>(this.socket(node), page)
  }

  socket(node: TestNode): string {
    return join(this.directory, node.name, ADMIN_SOCKET)
  }

  /** Where the node's agent keeps what the next one is to know. */
  stateDirectory(node: TestNode): string {
    return join(this.directory, node.name, 'state')
  }

  conflist(node: TestNode): string {
    return join(this.directory, node.name, 'net.d', '10-podroute.conflist')
  }

  get agentKubeconfig(): string {
    return join(this.directory, 'agent.kubeconfig')
  }

  /** Standard output of a program inside the node's namespace. */
  exec(node: TestNode, ...command: readonly string[]): Promise<string> {
    return run('ip', ['netns', 'exec', node.netns, ...command])
  }

  /** A command beside the control plane. */
  inNetwork(...command: readonly string[]): Promise<string> {
    return run('ip', ['netns', 'exec', this.network, ...command])
  }

  /** Routes of podroute in the node's kernel, `destination via gateway`, sorted. */
  async routes(node: TestNode): Promise<string[]> {
    const lists = await Promise.all(
      ['-4', '-6'].map((f) => this.exec(node, 'ip', '-j', f, 'route', 'show', 'protocol', '179')),
    )
    const routes = lists.flatMap((text) => JSON.parse(text || '[]') as { dst: string; gateway: string }[])
    return routes.map(({ dst, gateway }) => `${dst} via ${gateway}`).sort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.processes.stop()
    await removeNetwork(this.network, this.nodes)
    await rm(this.directory, { recursive: true, force: true })
  }

  async #command(node: TestNode, options: AgentOptions): Promise<readonly string[]> {
    const { serviceProxy = false, flags = [], asPod } = options
    const args = ['--config', this.volume(node).file(CONFIG_FILE), '--node-name', node.name]
    args.push('--admin-socket', this.socket(node), '--state-directory', this.stateDirectory(node), ...flags)
    if (serviceProxy !== 'as-configured') args.push(`--run-service-proxy=${serviceProxy}`)
    const agent = [...agentCommand(join(this.directory, 'dist')), ...args]
    return asPod ? this.#asPod(asPod, agent) : [...agent, '--kubeconfig', this.agentKubeconfig]
  }

  /** The command with the ServiceAccount's files where a pod has them, in a mount namespace of its own. */
  async #asPod({ token }: { token: string }, command: readonly string[]): Promise<string[]> {
    const files = await mkdtemp(join(this.directory, 'serviceaccount-'))
    await writeFile(join(files, 'token'), token)
    await copyFile(join(this.directory, 'kubernetes', 'ca.crt'), join(files, 'ca.crt'))
    const mount = `mount -t tmpfs none /run && mkdir -p ${SERVICE_ACCOUNT} && cp ${files}/* ${SERVICE_ACCOUNT}`
    return ['unshare', '--mount', 'sh', '-c', `${mount} && exec "$@"`, 'sh', ...command]
  }

  async #end(name: string): Promise<void> {
    const pids = this.processes.list.filter((entry) => entry.name === name).map(({ pid }) => pid)
    await this.processes.stop((other) => other === name)
    // A process that is dead may have threads that are not yet, and its sockets with them.
    await eventually(() => pids.every((pid) => !existsSync(`/proc/${pid}`)))
  }

  #agent(node: TestNode): string {
    return `agent-${node.name}`
  }

  async #applyRoles(): Promise<void> {
    const documents = (await readFile(MANIFEST, 'utf8')).split(/^---$/m)
    const roles = documents.filter((text) =>
      /^kind: (ServiceAccount|ClusterRole|ClusterRoleBinding)$/m.test(text),
    )
    const args = ['apply', '-f', '-']
    // The namespace comes a moment after the API server.
    await eventually(async () => {
      expectSuccess(await this.control.kubectl(args, { input: roles.join('\n---\n') }), args)
      return true
    }, 20_000)
  }

  /** A kubeconfig with nothing but the ServiceAccount's token: the agents have no right that the manifest does not give. */
  async #writeKubeconfig(): Promise<void> {
    const token = await this.token()
    const config = JSON.parse(await readFile(this.control.kubeconfig, 'utf8'))
    config.users = [{ name: 'agent', user: { token } }]
    config.contexts[0].context.user = 'agent'
    await writeFile(this.agentKubeconfig, JSON.stringify(config), { mode: 0o600 })
  }
}

/** Configuration of an agent that runs beside others on one machine. */
export function agentConfig(conflist: string, more = ''): string {
  return `podNetwork: { conflist: ${conflist} }\nlog: { level: debug }\n${more}\n`
}

function expectSuccess(result: CommandResult, args: readonly string[]): string {
  if (result.code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${result.stderr.trim()}`)
  return result.stdout
}
