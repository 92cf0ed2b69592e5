/** The agent with nothing to do, with all its functions in a mesh of two nodes: what it costs then. */
import type { ApiWriter } from './services-api.ts'
import { firstSync } from './services-measure.ts'
import { BenchNode } from './services-node.ts'
import { PEER } from './services-objects.ts'
import { agentProgram } from './services-programs.ts'

/** Garbage of the start is collected within it, and the first audits are over. */
const SETTLE = 60_000
/** Twice the slowest audit's pause. */
const WATCHED = 120_000

export interface IdleFigures {
  /** Percent of a processor. */
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
    const before = await node.usage()
    const started = performance.now()
    await pause(WATCHED)
    const { cpu, rss, anonymous } = await node.usage()
    const seconds = (performance.now() - started) / 1000
    return { cpu: ((cpu - before.cpu) / seconds) * 100, rss, anonymous }
  } finally {
    await api.removeNode(PEER)
  }
}

/** Until the other node's pods can be reached: the session is there. */
async function untilRoute(node: BenchNode, prefix: string): Promise<void> {
  const end = performance.now() + 60_000
  while ((await node.sh(`ip route show ${prefix}`)) === '') {
    if (performance.now() > end) throw new Error(`no route to ${prefix}: ${node.output}`)
    await pause(200)
  }
}
