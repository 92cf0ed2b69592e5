// The lab's start and stop: namespaces, control plane, router, nodes, podroute.

import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import {
  API_ADDRESS,
  CLUSTER_RANGES,
  LAB_NAMESPACE,
  NODES,
  OUTSIDE_NAMESPACE,
  SERVICE_RANGES,
} from './addresses.ts'
import { type ControlPlane, startControlPlane } from './control-plane/start.ts'
import { LabError } from './errors.ts'
import { makeNetwork, presentNamespaces, removeNetwork } from './network.ts'
import { joinCluster, type NodeOptions, powerOn, prepareMachine } from './node/node.ts'
import { makePki } from './pki.ts'
import type { Prepared } from './prepare.ts'
import { Processes } from './processes.ts'
import type { Progress } from './progress.ts'
import { startRouter } from './router.ts'
import { waitForReadyNodes } from './scenarios/cluster.ts'
import { applyPodroute, waitForAgents } from './scenarios/podroute.ts'
import { outsideServer } from './scenarios/traffic.ts'
import { KUBERNETES_STATE, labExists, STATE } from './state.ts'

/** Throws when a lab is running or has left something. */
export async function requireNoLab(): Promise<void> {
  if (labExists() || (await presentNamespaces()).length > 0) {
    throw new LabError(
      'already-running',
      'a lab is there already: npm run lab -- status, or stop it with npm run lab -- down',
    )
  }
}

/** What gives the cluster its network. */
export interface ClusterNetwork {
  /** What its step is called. */
  readonly title: string
  apply(): Promise<void>
  /** Until it is ready on every node. */
  wait(): Promise<unknown>
}

export const PODROUTE: ClusterNetwork = {
  title: 'apply deploy/podroute.yaml',
  apply: () => applyPodroute(),
  wait: () => waitForAgents(),
}

/** Starts everything; resolves when the nodes are Ready and what gives them their network too: podroute, or another. */
export async function startLab(prepared: Prepared, progress: Progress, network = PODROUTE): Promise<void> {
  await mkdir(STATE, { mode: 0o755 })
  const processes = new Processes(STATE)
  await progress.step('make the network', makeNetwork)
  const names = NODES.map(({ name }) => name)
  const server = `https://${API_ADDRESS.includes(':') ? `[${API_ADDRESS}]` : API_ADDRESS}:6443`
  await makePki({ directory: KUBERNETES_STATE, addresses: [API_ADDRESS], nodes: names, server })
  await startRouter(processes)
  await processes.start('outside-server', outsideServer(prepared.tools), { netns: OUTSIDE_NAMESPACE })
  const nodes = startNodes(prepared, processes, progress)
  nodes.catch(() => {})
  const control = await progress.step('start the control plane', () => startLabControlPlane(processes, names))
  await progress.step(network.title, () => network.apply())
  await nodes
  await control.kubectl(['wait', '--for=create', 'serviceaccount/default', '--timeout=60s'])
  await progress.step('wait for Ready nodes', (report) => waitForReadyNodes(300_000, report))
  await progress.step('wait for the agents', () => network.wait())
}

function startLabControlPlane(processes: Processes, nodes: readonly string[]): Promise<ControlPlane> {
  return startControlPlane({
    directory: KUBERNETES_STATE,
    processes,
    netns: LAB_NAMESPACE,
    address: API_ADDRESS,
    clusterCidr: CLUSTER_RANGES.join(),
    serviceCidr: SERVICE_RANGES.join(),
    nodes,
  })
}

/** The nodes' machines. */
export function machinesOf(prepared: Prepared, processes: Processes): readonly NodeOptions[] {
  return NODES.map((addresses) => ({
    addresses,
    processes,
    kernel: prepared.kernel,
    tools: prepared.tools,
    programs: prepared.programs,
    pki: KUBERNETES_STATE,
    imageStore: prepared.imageStore,
  }))
}

async function startNodes(prepared: Prepared, processes: Processes, progress: Progress): Promise<void> {
  const machines = machinesOf(prepared, processes)
  for (const machine of machines) await powerOn(machine)
  await Promise.all(
    machines.map((machine) =>
      progress.step(`boot ${machine.addresses.name}`, async () => {
        await prepareMachine(machine)
        await joinCluster(machine)
      }),
    ),
  )
}

/** Ends every process of the lab, removes its namespaces and files; says whether there was anything. */
export async function stopLab(): Promise<boolean> {
  const existed = existsSync(STATE) || (await presentNamespaces()).length > 0
  if (existsSync(STATE)) await (await Processes.load(STATE)).stop()
  await removeNetwork()
  await rm(STATE, { recursive: true, force: true })
  return existed
}
