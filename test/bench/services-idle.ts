/** The agent with nothing to do, with all its functions in a mesh of two nodes: what it costs then. */

import { timeBetween } from './machine-time.ts'
import type { ApiWriter } from './services-api.ts'
import { firstSync } from './services-measure.ts'
import { BenchNode } from './services-node.ts'
import { PEER } from './services-objects.ts'
import { agentProgram } from './services-programs.ts'

/** Garbage of the start is collected within it, and the first audits are over. */
const SETTLE = 60_000
/** Twice the slowest audit's pause. */
const WATCHED = 120_000

/** The machine without the agent: its kernel's own ticks. */
const STOPPED = 60_000

export interface IdleFigures {
  /** Percent of a processor of the host: what the machine takes, less what it takes while the agent is stopped. */
  readonly cpu: number
  /** MiB */
  readonly rss: number
  /** MiB; the part of it that is no file's. */
  readonly anonymous: number
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** @param directory with `dist/` and `admin.kubeconfig` */
export async function measureIdle(api: ApiWriter, directory: string, services: number): Promise<IdleFigures> {
  await api.fill(services)
  await api.addNode(PEER)
  try {
    await using peer = await BenchNode.boot(directory, PEER, 1024)
    await using node = await BenchNode.boot(directory)
    peer.run(agentProgram(directory, PEER))
    await firstSync(node, agentProgram(directory), services)
    await untilRoute(node, PEER.podCIDR)
    await pause(SETTLE)
    const running = await share(node, WATCHED)
    const { rss, anonymous } = await node.usage()
    await node.pause(true)
    const stopped = await share(node, STOPPED)
    return { cpu: running - stopped, rss, anonymous }
  } finally {
    await api.removeNode(PEER)
  }
}

/** Percent of a processor that the machine takes during so many milliseconds. */
async function share(node: BenchNode, milliseconds: number): Promise<number> {
  const before = node.machineTime()
  const started = performance.now()
  await pause(milliseconds)
  return (timeBetween(before, node.machineTime()) / (performance.now() - started)) * 100
}

/** Until the other node's pods can be reached: the session is there. */
async function untilRoute(node: BenchNode, prefix: string): Promise<void> {
  const end = performance.now() + 60_000
  while ((await node.sh(`ip route show ${prefix}`)) === '') {
    if (performance.now() > end) throw new Error(`no route to ${prefix}: ${node.output}`)
    await pause(200)
  }
}
