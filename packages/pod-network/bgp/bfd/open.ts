/** BFD on this node's kernel. */
import type { Logger } from '@podroute/reconcile/log.ts'
import { Bfd } from 'bgp-speaker-ts/bfd/bfd.ts'
import { BfdMonitor } from './monitor.ts'
import { kernelBfdSockets } from './sockets.ts'
import { bfdWorker } from './worker.ts'

/** @param netns path of the network namespace of its sockets; the process's own when absent */
export function openBfd(log: Logger, netns?: string): BfdMonitor {
  return new BfdMonitor(() => new Bfd({ worker: bfdWorker(), openSocket: kernelBfdSockets(netns), log }))
}
