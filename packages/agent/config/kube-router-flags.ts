/** Flags of kube-router that are the agent's own: how it reaches the API server, what it serves and logs. Its features have the others. */
import { type Flag, judged, meaningless, note, refuse, set, sets } from '@podroute/feature/flag.ts'

const EVERYWHERE = '::'
const address = (value: unknown) => (value === '' || value === '0.0.0.0' ? EVERYWHERE : value)

const FOLLOWED = 'objects are followed as they change'

export const KUBE_ROUTER_FLAGS: readonly Flag[] = [
  sets('master', 'text', 'apiServer'),
  judged('hostname-override', 'text', [], () => undefined),
  sets('health-addr', 'text', 'health.address', address),
  sets('health-port', 'number', 'health.port'),
  sets('metrics-addr', 'text', 'metrics.address', address),
  sets('metrics-port', 'number', 'metrics.port'),
  judged<string>('metrics-path', 'text', [], (path) =>
    path === '/metrics' ? undefined : note(`metrics are at /metrics: let ${path} be asked for there`),
  ),
  {
    ...judged<string>('v', 'text', ['log.level'], (level) =>
      set('log.level', Number(level) > 0 ? 'debug' : 'info'),
    ),
    letter: 'v',
  },
  sets('service-cluster-ip-range', 'list', 'serviceCIDRs'),
  judged('cleanup-config', 'bool', [], (on) =>
    on
      ? refuse(
          'podroute takes away what is its own when its features are switched off; what kube-router left is taken away by its own --cleanup-config',
        )
      : undefined,
  ),
  judged('enable-pprof', 'bool', [], (on) =>
    on ? note('there is no such page: see `podroute status` and the metrics') : undefined,
  ),
  judged('enable-ipv4', 'bool', [], (on) =>
    on ? undefined : note('the families are those that the Nodes have addresses and podCIDRs of'),
  ),
  judged('enable-ipv6', 'bool', [], (on) =>
    on ? undefined : note('the families are those that the Nodes have addresses and podCIDRs of'),
  ),
  meaningless('cache-sync-timeout', 'seconds', FOLLOWED),
]
