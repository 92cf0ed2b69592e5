// Debian's BIRD 2 with the same peers as our device.
import type { DeviceOptions } from './bgp-devices.ts'
import { birdRules } from './bgp-rules.ts'
import { DEVICE_ASN, LINK, peerAddress, peerAsn, ROUTER_ID } from './bgp-scenario.ts'

export function birdConfiguration({ peers, family, rules }: DeviceOptions): string {
  const neighbours = Array.from(
    { length: peers },
    (_, i) => `protocol bgp p${i} from peer { neighbor ${peerAddress(i, family)} as ${peerAsn(i)}; }`,
  )
  return `
log stderr { warning, error, fatal, bug };
router id ${ROUTER_ID};
protocol device {}
${rules ? `filter rules {${birdRules(family)}\n}` : ''}
template bgp peer {
  local ${LINK[family].device} as ${DEVICE_ASN};
  passive on; direct; hold time 90;
  error wait time 1, 1; startup hold time 60;
  ${family} { import ${rules ? 'filter rules' : 'all'}; export all; };
}
${neighbours.join('\n')}
`
}
