// Debian's BIRD 2 with the same peers as our device.
import { DEVICE_ASN, type IpFamily, LINK, peerAddress, peerAsn, ROUTER_ID } from './bgp-scenario.ts'

export function birdConfiguration(peers: number, family: IpFamily): string {
  const neighbours = Array.from(
    { length: peers },
    (_, i) => `protocol bgp p${i} from peer { neighbor ${peerAddress(i, family)} as ${peerAsn(i)}; }`,
  )
  return `
log stderr { warning, error, fatal, bug };
router id ${ROUTER_ID};
protocol device {}
template bgp peer {
  local ${LINK[family].device} as ${DEVICE_ASN};
  passive on; direct; hold time 90;
  error wait time 1, 1; startup hold time 60;
  ${family} { import all; export all; };
}
${neighbours.join('\n')}
`
}
