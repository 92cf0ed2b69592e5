/** The health pages of a service proxy, as load balancers and autoscalers know them from kube-proxy (port 10256, KEP-3836). */
import type { Answer, Handler } from '@podroute/feature/listener.ts'

/** A change that waits for so long, in milliseconds, means that the proxy does not work. */
export const UNHEALTHY_AFTER = 60_000

export interface ProxyHealth {
  /** Changes reach the kernel in time. */
  readonly healthy: boolean
  /** Load balancers may send this node new connections: it is neither deleted nor about to be. */
  readonly eligible: boolean
  /** When something last reached the kernel. */
  readonly lastUpdated: Date
}

export interface ProxyHealthSource {
  health(): ProxyHealth
  /** A page was answered. */
  answered(page: 'healthz' | 'livez', status: number): void
}

/** `/healthz`: shall load balancers use this node? `/livez`: does the proxy work? 503: no. */
export function proxyHealthPages(source: ProxyHealthSource, now: () => Date): Handler {
  return (path) => {
    if (path !== '/healthz' && path !== '/livez') return undefined
    const { healthy, eligible, lastUpdated } = source.health()
    const currentTime = now()
    // While it is healthy the state in the kernel is as new as can be, even when nothing had to be done for hours.
    const times = { lastUpdated: healthy ? currentTime : lastUpdated, currentTime }
    const answer =
      path === '/healthz'
        ? page({ ...times, nodeEligible: eligible }, healthy && eligible)
        : page(times, healthy)
    source.answered(path === '/healthz' ? 'healthz' : 'livez', answer.status)
    return answer
  }
}

function page(body: object, good: boolean): Answer {
  return { status: good ? 200 : 503, type: 'application/json', body: JSON.stringify(body) }
}
