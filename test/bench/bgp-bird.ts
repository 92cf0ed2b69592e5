// Debian's BIRD 2 with the same peers as our device.
import { DEVICE_ADDRESS, DEVICE_ASN, peerAddress, peerAsn } from './bgp-scenario.ts'

export function birdConfiguration(peers: number): string {
  const neighbours = Array.from(
    { length: peers },
    (_, i) => `protocol bgp p${i} from peer { neighbor ${peerAddress(i)} as ${peerAsn(i)}; }`,
  )
  return `
log stderr { warning, error, fatal, bug };
router id ${DEVICE_ADDRESS};
protocol device {}
template bgp peer {
  local ${DEVICE_ADDRESS} as ${DEVICE_ASN};
  passive on; direct; hold time 90;
  error wait time 1, 1; startup hold time 60;
  ipv4 { import all; export all; };
}
${neighbours.join('\n')}
`
}
