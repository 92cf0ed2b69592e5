/** What is said of CNI plugins that are not ours. */
import { regardingNode } from '@podroute/cluster/events/event.ts'
import type { PodNetworkOptions } from '../options.ts'

export function sayOtherPlugins(
  { nodeName, events, log }: Pick<PodNetworkOptions, 'nodeName' | 'events' | 'log'>,
  problem: string,
): void {
  log.warn('CNI plugins on the node are not podroute’s', { problem })
  events.record({
    ...{ regarding: regardingNode(nodeName), type: 'Warning', reason: 'OtherPlugins' },
    ...{ action: 'PlanPodNetwork', note: problem },
  })
}
