/** `kubectl podroute status --cluster`: one verdict on all agents, which scripts can wait for. */
import { setTimeout } from 'node:timers/promises'
import type { StatusReport } from '@podroute/agent/admin/reports.ts'
import { EXIT_NOT_WELL } from '../errors.ts'
import { table } from '../format.ts'
import type { Report } from '../report.ts'
import { findAgents } from './agents.ts'
import { type Answer, askAll } from './ask.ts'
import type { Kubectl } from './kubectl.ts'

/** Milliseconds between two looks. */
const PAUSE = 1000

export interface ClusterStatus {
  readonly ready: boolean
  /** On how many nodes an agent is to run. */
  readonly wanted: number
  readonly nodes: readonly NodeStatus[]
}

interface NodeStatus {
  readonly node: string
  readonly pod: string
  readonly ready: boolean
  readonly version: string
  /** What is missing, or why it cannot be asked. */
  readonly detail: string
}

export interface Patience {
  /** Milliseconds; 0: one look. */
  readonly wait: number
  readonly signal: AbortSignal
  say(line: string): void
}

/** When all is well or patience ends, whatever comes first. */
export async function waitForCluster(kubectl: Kubectl, { wait, signal, say }: Patience): Promise<Report> {
  const end = performance.now() + wait
  for (let said = ''; ; ) {
    const status = await clusterStatus(kubectl)
    if (status.ready || performance.now() >= end || signal.aborted) return reportOf(status)
    const line = verdict(status)
    if (line !== said) say(line)
    said = line
    await setTimeout(PAUSE, undefined, { signal }).catch(() => {})
  }
}

async function clusterStatus(kubectl: Kubectl): Promise<ClusterStatus> {
  const { agents, wanted = agents.length } = await findAgents(kubectl, 'pods,daemonsets.apps')
  const nodes = (await askAll(kubectl, agents, ['status', '--json'])).map(nodeStatus)
  const all = nodes.length > 0 && nodes.length >= wanted
  return { ready: all && nodes.every(({ ready }) => ready), wanted, nodes }
}

function nodeStatus({ node, pod, text, error = '' }: Answer): NodeStatus {
  const unknown = { node, pod, ready: false, version: '', detail: error }
  if (text === undefined) return unknown
  try {
    const { ready, version, conditions } = JSON.parse(text) as StatusReport
    const missing = conditions.filter(({ ok, advisory }) => !ok && advisory !== true)
    return {
      ...{ node, pod, ready, version },
      detail: missing.map(({ name, detail }) => (detail ? `${name}: ${detail}` : name)).join('; '),
    }
  } catch {
    return { ...unknown, detail: 'its answer is not understood' }
  }
}

function verdict({ ready, wanted, nodes }: ClusterStatus): string {
  const well = nodes.filter((node) => node.ready).length
  const all = Math.max(wanted, nodes.length)
  if (all === 0) return 'not ready: no node is to run an agent yet'
  if (ready) return `ready: all ${all} nodes have their network`
  const waiting = nodes.filter((node) => !node.ready).map(({ node }) => node || 'a pod without a node')
  const absent = wanted > nodes.length ? [`${wanted - nodes.length} without an agent`] : []
  return `not ready: ${well} of ${all} nodes have their network; not ${[...waiting, ...absent].join(', ')}`
}

function reportOf(status: ClusterStatus): Report {
  return {
    data: () => status,
    text(style) {
      const rows = status.nodes.map(({ node, ready, version, detail }) => [
        ...[node, ready ? 'yes' : 'no', version, detail],
      ])
      return `${table(['NODE', 'READY', 'VERSION', 'DETAIL'], rows, style)}\n\n${verdict(status)}`
    },
    exitCode: status.ready ? 0 : EXIT_NOT_WELL,
  }
}
