// Our speaker as the device under test: `node bgp-device.ts <family> <number of peers> <rules: yes or no>`; prints `ready` when it listens.
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { ourRules } from './bgp-rules.ts'
import { DEVICE_ASN, type IpFamily, LINK, PORT, peerAddress, peerAsn, ROUTER_ID } from './bgp-scenario.ts'

const family = process.argv[2] as IpFamily
const peers = Number(process.argv[3])
const rules = process.argv[4] === 'yes'

const speaker = new Speaker({
  asn: DEVICE_ASN,
  routerId: ROUTER_ID,
  listen: { addresses: [LINK[family].device], port: PORT },
})
for (let i = 0; i < peers; i++) {
  speaker.addPeer({
    address: peerAddress(i, family),
    asn: peerAsn(i),
    passive: true,
    families: [`${family}-unicast`],
    ...(rules ? { importPolicy: ourRules(family) } : {}),
  })
}
await speaker.start()
// With --cpu-prof it ends in order.
process.on('SIGTERM', () => process.exit())
process.stdout.write('ready\n')
