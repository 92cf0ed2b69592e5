// A route server: accepts peers from its ranges and passes routes on between them with unchanged next hops; rejects prefixes longer than /24:
// node route-server.ts --asn 64512 --address 192.0.2.254 --range 192.0.2.0/25=64513 --range 192.0.2.128/25=64514
import { parseArgs } from 'node:util'
import type { Policy } from 'bgp-speaker-ts/policy/policy.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'

const { values } = parseArgs({
  options: {
    asn: { type: 'string', default: '64512' },
    address: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '179' },
    range: { type: 'string', multiple: true, default: ['127.0.0.0/8=64513'] },
  },
})

const importPolicy: Policy = {
  rules: [
    {
      name: 'short-enough',
      match: { prefixes: [{ prefix: '0.0.0.0/0', minLength: 8, maxLength: 24 }] },
      verdict: 'accept',
    },
  ],
  otherwise: 'reject',
}

const speaker = new Speaker({
  asn: Number(values.asn),
  routerId: values.address,
  listen: { addresses: [values.address], port: Number(values.port) },
})
speaker.on('reject', ({ peer, prefix, reason }) => console.log(`rejected ${prefix} of ${peer}: ${reason}`))
for (const range of values.range) {
  const [prefix = '', asn] = range.split('=')
  speaker.addDynamicPeers({
    prefix,
    asn: Number(asn),
    families: ['ipv4-unicast'],
    importPolicy,
    nextHopUnchanged: true,
    maxPrefixes: 1000,
  })
}
await speaker.start()
console.log(`listening on ${speaker.listening()[0]?.port}`)
process.once('SIGTERM', () => void speaker.close('the program ends'))
