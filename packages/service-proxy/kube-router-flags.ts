/** Flags of kube-router that concern Services. `--run-service-proxy` is a switch of our own. */
import {
  type Flag,
  type FlagValues,
  judged,
  meaningless,
  note,
  refuse,
  set,
  sets,
} from '@podroute/feature/flag.ts'

const EVERY_ADDRESS = ['0.0.0.0/0', '::/0']
const ALLOCATOR =
  'podroute gives out no load-balancer addresses: run an allocator such as MetalLB’s controller or a cloud’s, and leave the flag out; addresses that Services have in their status stay and are served'
const TIMEOUTS =
  'the kernel’s IPVS time-outs stay as they are: `ipvsadm --set TCP TCPFIN UDP` on the node changes them'

const timeout = (name: string): Flag =>
  judged<number>(name, 'seconds', [], (seconds) => (seconds === 0 ? undefined : note(TIMEOUTS)))

export const KUBE_ROUTER_FLAGS: readonly Flag[] = [
  sets('masquerade-all', 'bool', 'serviceProxy.masqueradeAll'),
  sets('nodeport-bindon-all-ip', 'bool', 'serviceProxy.nodePortRanges', (all) => (all ? EVERY_ADDRESS : [])),
  judged<boolean>('ipvs-graceful-termination', 'bool', ['serviceProxy.drainSeconds'], (on) =>
    on ? undefined : set('serviceProxy.drainSeconds', 0),
  ),
  judged<number>('ipvs-graceful-period', 'seconds', ['serviceProxy.drainSeconds'], (seconds, all) =>
    all.get('ipvs-graceful-termination') === false
      ? undefined
      : set('serviceProxy.drainSeconds', Math.round(seconds)),
  ),
  meaningless('ipvs-sync-period', 'seconds', 'changes are heard as they happen, and the kernel is audited'),
  judged<boolean>('ipvs-permit-all', 'bool', [], (all) =>
    all ? undefined : note('ports of a Service’s address that no Service has are refused in any case'),
  ),
  meaningless('excluded-cidrs', 'list', 'virtual servers of others are left alone in any case'),
  judged<readonly string[]>(
    'service-external-ip-range',
    'list',
    ['serviceProxy.externalIPRanges'],
    externalRanges,
  ),
  judged<boolean>('strict-external-ip-validation', 'bool', ['serviceProxy.externalIPRanges'], (strict) =>
    strict ? undefined : set('serviceProxy.externalIPRanges', EVERY_ADDRESS),
  ),
  judged<boolean>('run-loadbalancer', 'bool', [], (on) => (on ? refuse(ALLOCATOR) : undefined)),
  judged('loadbalancer-ip-range', 'list', [], () =>
    note('load-balancer addresses are those that the API server has in the status of Services'),
  ),
  judged('loadbalancer-default-class', 'bool', [], () => note('there is no allocator of addresses')),
  meaningless('loadbalancer-sync-period', 'seconds', 'there is no allocator of addresses'),
  judged<string>('service-node-port-range', 'text', [], () =>
    note('a Service has the node port that the API server gave it, from whatever range'),
  ),
  judged<string>('runtime-endpoint', 'text', [], () =>
    note(
      'there is no direct server return: Services with service.dsr are served by way of the node, as others are',
    ),
  ),
  timeout('service-tcp-timeout'),
  timeout('service-tcpfin-timeout'),
  timeout('service-udp-timeout'),
]

function externalRanges(ranges: readonly string[], all: FlagValues) {
  return all.get('strict-external-ip-validation') === false
    ? undefined
    : set('serviceProxy.externalIPRanges', ranges)
}
