/** What is said of a chain of the host that drops what pods send and get. */
import { regardingNode } from '@podroute/cluster/events/event.ts'
import type { PodNetworkOptions } from '../options.ts'

export function sayDropped(
  { nodeName, events, log }: Pick<PodNetworkOptions, 'nodeName' | 'events' | 'log'>,
  problem: string,
): void {
  log.warn('rules of the host may drop what pods send and get', { problem })
  events.record({
    ...{ regarding: regardingNode(nodeName), type: 'Warning', reason: 'ForwardingDropped' },
    ...{ action: 'PlanPodNetwork', note: problem },
  })
}
