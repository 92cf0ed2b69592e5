// Starts etcd, kube-apiserver, kube-controller-manager and kube-scheduler with the flags of docker-compose.yaml.
// For tests that need an API server and no nodes:
//
//   await using control = await startControlPlane({ directory, processes: new Processes(directory, true), netns })
//   control.kubeconfig; await control.kubectl(['get', 'nodes'])

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { attempt, type CommandOptions, type CommandResult } from '../command.ts'
import { LabError } from '../errors.ts'
import { makePki } from '../pki.ts'
import type { Processes } from '../processes.ts'
import { buildControlPlane, type Component } from './build.ts'
import { readCompose } from './compose.ts'

/** In the order of their start. */
export const CONTROL_PLANE = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const

export interface ControlPlaneOptions {
  /** Folder for certificates, kubeconfigs and etcd's data. */
  readonly directory: string
  readonly processes: Processes
  /** Network namespace whose ports and `address` the control plane takes. */
  readonly netns: string
  /** Default 127.0.0.1. */
  readonly address?: string
  /** More addresses for the certificate. */
  readonly addresses?: readonly string[]
  /** Nodes that get a kubeconfig. */
  readonly nodes?: readonly string[]
  readonly clusterCidr?: string
  readonly serviceCidr?: string
}

export interface ControlPlane extends AsyncDisposable {
  readonly kubeconfig: string
  readonly server: string
  kubectl(args: readonly string[], options?: CommandOptions): Promise<CommandResult>
  /** Ends the four processes; the folder stays. */
  stop(): Promise<void>
}

/** kubectl against a cluster, started where that cluster is reachable. */
export async function kubectl(
  netns: string,
  kubeconfig: string,
  args: readonly string[],
  options?: CommandOptions,
): Promise<CommandResult> {
  const program = join(await buildControlPlane(), 'kubectl')
  return attempt('ip', ['netns', 'exec', netns, program, `--kubeconfig=${kubeconfig}`, ...args], options)
}

/** Resolves once the API server is ready: 1-3 s after the start. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { directory, processes, netns, address = '127.0.0.1' } = options
  const programs = await buildControlPlane()
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const server = `https://${address.includes(':') ? `[${address}]` : address}:6443`
  await makePki({
    directory,
    addresses: [address, ...(options.addresses ?? [])],
    nodes: options.nodes ?? [],
    server,
  })
  const services = await readCompose({
    STATE: directory,
    API_ADDRESS: address,
    ...(options.clusterCidr === undefined ? {} : { CLUSTER_CIDR: options.clusterCidr }),
    ...(options.serviceCidr === undefined ? {} : { SERVICE_CIDR: options.serviceCidr }),
  })
  const start = async (name: Component) => {
    const [, ...args] = services.get(name)!.command
    await processes.start(name, [join(programs, name), ...args], { netns })
  }
  await start('etcd')
  await start('kube-apiserver')
  const kubeconfig = join(directory, 'admin.kubeconfig')
  await waitUntilReady(processes, () =>
    kubectl(netns, kubeconfig, ['get', '--raw=/readyz'], { timeout: 5_000 }),
  )
  await start('kube-controller-manager')
  await start('kube-scheduler')
  const stop = () => processes.stop((name) => (CONTROL_PLANE as readonly string[]).includes(name))
  return {
    kubeconfig,
    server,
    kubectl: (args, more) => kubectl(netns, kubeconfig, args, more),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function waitUntilReady(processes: Processes, ask: () => Promise<CommandResult>): Promise<void> {
  const deadline = performance.now() + 60_000
  while (performance.now() < deadline) {
    await processes.expectRunning('etcd')
    await processes.expectRunning('kube-apiserver')
    const answer = await ask().catch(() => undefined)
    if (answer?.code === 0) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new LabError(
    'timed-out',
    `the API server is not ready after 60 s: see ${processes.logPath('kube-apiserver')}`,
  )
}
