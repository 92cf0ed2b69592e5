// A node of the lab: a virtual machine on the lab's bridge that runs containerd and the kubelet.

import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { FAMILIES, LAB_NAMESPACE, NODE_COUNT, NODES, type NodeAddresses, ROUTER } from '../addresses.ts'
import type { CommandResult } from '../command.ts'
import { LabError } from '../errors.ts'
import { PAUSE_IMAGE } from '../images/pods.ts'
import type { Processes } from '../processes.ts'
import { collectInGuest } from './channel.ts'
import type { Kernel } from './kernel.ts'
import { agentSocket, machineProcesses } from './machine.ts'
import { guestCommand, type RunOptions, START_SCRIPT } from './vm.ts'

const JOIN = join(import.meta.dirname, '..', 'join')
const KUBELET_CONF = 'kubelet.conf'

/** Without virtualization a signal and a garbage collection cost much more than they do on a real machine. */
export const NODE_ENVIRONMENT = { GODEBUG: 'asyncpreemptoff=1', GOGC: '400' } as const
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export interface MachineOptions {
  readonly addresses: NodeAddresses
  readonly processes: Processes
  readonly kernel: Kernel
  readonly tools: string
  readonly imageStore: string
  readonly memoryMiB?: number
  readonly cpus?: number
}

export interface NodeOptions extends MachineOptions {
  /** Folder of the Kubernetes programs. */
  readonly programs: string
  /** Folder with <node>.kubeconfig. */
  readonly pki: string
}

/** Folder of a node's sockets, console log and files, inside the lab's state folder. */
export function nodeDirectory(state: string, name: string): string {
  return join(state, 'nodes', name)
}

/** Folder of the host that the node sees at the same path. */
export function nodeFiles(state: string, name: string): string {
  return join(nodeDirectory(state, name), 'files')
}

export function nodeSocket(state: string, name: string): string {
  return agentSocket(nodeDirectory(state, name))
}

/** Runs a command in a node of the running lab; resolves whatever its exit status. */
export function runOnNode(
  state: string,
  name: string,
  command: string | readonly string[],
  options: RunOptions = {},
): Promise<CommandResult> {
  return collectInGuest(nodeSocket(state, name), guestCommand(command, options), options)
}

/** Emulated nodes that share two cores run fastest with one each. */
function nodeCpus(): number {
  return availableParallelism() >= 2 * NODE_COUNT ? 2 : 1
}

/** Powers a node on; resolves when its processes run. */
export async function powerOn(options: MachineOptions): Promise<void> {
  const { addresses, processes, imageStore } = options
  const directory = nodeDirectory(processes.directory, addresses.name)
  const files = nodeFiles(processes.directory, addresses.name)
  await mkdir(files, { recursive: true, mode: 0o700 })
  await writeFile(join(files, KUBELET_CONF), JSON.stringify(KUBELET_CONFIGURATION, null, 2))
  const machine = machineProcesses({
    name: addresses.name,
    memoryMiB: options.memoryMiB ?? 2048,
    cpus: options.cpus ?? nodeCpus(),
    processor: NODES.indexOf(addresses),
    kernel: options.kernel,
    tools: options.tools,
    start: START_SCRIPT,
    shares: [
      { path: files, mode: 'ro' },
      { path: imageStore, mode: 'ro', cache: 'loose' },
    ],
    networks: [addresses],
    directory,
  })
  for (const { suffix, command } of machine) {
    await processes.start(addresses.name + suffix, command, { netns: LAB_NAMESPACE })
  }
}

/** Waits for the guest, then gives it its network and its images: a machine that can be a node. */
export async function prepareMachine(options: MachineOptions): Promise<void> {
  const { addresses, processes, imageStore } = options
  const { name } = addresses
  await waitForGuest(processes, name)
  const env = {
    NODE: name,
    IPV4: FAMILIES.includes(4) ? addresses.ipv4 : '',
    IPV6: FAMILIES.includes(6) ? addresses.ipv6 : '',
    GATEWAY4: ROUTER.ipv4,
    GATEWAY6: ROUTER.ipv6,
    IMAGES: imageStore,
    KUBELET_CONF: join(nodeFiles(processes.directory, name), KUBELET_CONF),
    PAUSE_IMAGE,
  }
  await runSetup(options, ['/bin/bash', join(import.meta.dirname, 'prepare.sh')], env)
}

/** Joins a machine that is prepared, by the script that people use; resolves when that has started. */
export async function joinCluster(options: NodeOptions): Promise<void> {
  const { addresses, processes, programs, pki } = options
  const { name, ipv4, ipv6 } = addresses
  const kubeconfig = join(nodeFiles(processes.directory, name), `${name}.kubeconfig`)
  await copyFile(join(pki, `${name}.kubeconfig`), kubeconfig)
  const nodeIps = FAMILIES.map((family) => (family === 4 ? ipv4 : ipv6)).join()
  const command = [JOIN, kubeconfig, '--node-ip', nodeIps, '--', '--housekeeping-interval=1m']
  await runSetup(options, `setsid ${command.join(' ')} </dev/null >/var/log/kubelet.log 2>&1 &`, {
    ...NODE_ENVIRONMENT,
    PATH: `${programs}:${SYSTEM_PATH}`,
  })
}

async function runSetup(
  { addresses, processes }: MachineOptions,
  command: string | readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const result = await runOnNode(processes.directory, addresses.name, command, { env, timeout: 120_000 })
  if (result.code !== 0)
    throw new LabError('command-failed', `${addresses.name} cannot start: ${result.stderr.trim()}`)
}

async function waitForGuest(processes: Processes, name: string): Promise<void> {
  const deadline = performance.now() + 180_000
  while (performance.now() < deadline) {
    for (const other of processes.list) {
      if (other.name === name || other.name.startsWith(`${name}-`)) await processes.expectRunning(other.name)
    }
    const answer = await runOnNode(processes.directory, name, ['/bin/true'], { timeout: 180_000 }).catch(
      () => undefined,
    )
    if (answer?.code === 0) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new LabError(
    'timed-out',
    `${name} does not answer: see ${processes.logPath(name)}, and console.log in ${nodeDirectory(processes.directory, name)}`,
  )
}

/** What nodes of the lab have beside what `lab/join` gives every node. */
const KUBELET_CONFIGURATION = {
  kind: 'KubeletConfiguration',
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  enforceNodeAllocatable: [],
  localStorageCapacityIsolation: false,
  resolvConf: '/etc/resolv.conf',
  // Nobody looks at statistics here, and nodes that share a core have better to do.
  volumeStatsAggPeriod: '-1s',
  nodeStatusReportFrequency: '1m',
  // The nodes' disks are memory: never clear images away.
  imageGCHighThresholdPercent: 100,
  evictionHard: {
    'imagefs.available': '0%',
    'memory.available': '0%',
    'nodefs.available': '0%',
    'nodefs.inodesFree': '0%',
  },
}
