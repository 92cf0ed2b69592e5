// Our speaker as the device under test: `node bgp-device.ts <family> <number of peers> <rules>`; prints `ready` when it listens.
import type { Policy, Rule } from 'bgp-speaker-ts/policy/policy.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { DEVICE_ASN, type IpFamily, LINK, PORT, peerAddress, peerAsn, ROUTER_ID } from './bgp-scenario.ts'

const family = process.argv[2] as IpFamily
const peers = Number(process.argv[3])
const rules = Number(process.argv[4])

/** Rules of all kinds that let everything pass, the last one by its set. */
function policy(count: number): Policy {
  const samples: readonly Rule[] = [
    { name: 'default-route', match: { prefixes: [{ prefix: '0.0.0.0/0' }] }, verdict: 'reject' },
    {
      name: 'own-space',
      match: { prefixes: [{ prefix: '10.200.0.0/16', maxLength: 32 }] },
      verdict: 'reject',
    },
    {
      name: 'too-long',
      match: { prefixes: [{ prefix: '0.0.0.0/0', minLength: 25, maxLength: 32 }] },
      verdict: 'reject',
    },
    { name: 'blackholed', match: { communities: ['65535:666'] }, verdict: 'reject' },
    { name: 'private-origin', match: { asPath: { origin: 64999 } }, verdict: 'reject' },
    { name: 'long-path', match: { asPath: { minLength: 64 } }, verdict: 'reject' },
    { name: 'foreign-hop', match: { nextHops: ['192.0.2.0/24'] }, verdict: 'reject' },
    { name: 'customer', match: { asPath: { contains: 64998 } }, set: { localPref: 300 }, verdict: 'next' },
    {
      name: 'tagged',
      match: { communities: ['64998:1'] },
      set: { addCommunities: ['64512:1'] },
      verdict: 'next',
    },
    { name: 'rest', verdict: 'accept' },
  ]
  return { rules: samples.slice(-count), otherwise: 'accept' }
}

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
    ...(rules === 0 ? {} : { importPolicy: policy(rules) }),
  })
}
await speaker.start()
// With --cpu-prof it ends in order.
process.on('SIGTERM', () => process.exit())
process.stdout.write('ready\n')
