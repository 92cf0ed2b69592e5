// Announces prefixes to one router and prints what it learns from it:
// node announce.ts --asn 64512 --id 192.0.2.1 --peer 192.0.2.254 --peer-asn 64513 10.1.0.0/16 …
import { parseArgs } from 'node:util'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'

const { values, positionals: prefixes } = parseArgs({
  allowPositionals: true,
  options: {
    asn: { type: 'string', default: '64512' },
    id: { type: 'string', default: '127.0.0.1' },
    peer: { type: 'string', default: '127.0.0.2' },
    port: { type: 'string', default: '179' },
    'peer-asn': { type: 'string', default: '64513' },
  },
})

const speaker = new Speaker({ asn: Number(values.asn), routerId: values.id })

speaker.on('peer', (event) => {
  if (event.kind === 'established') console.log(`up ${event.peer}`)
  if (event.kind === 'down') console.log(`down ${event.peer}: ${JSON.stringify(event.reason)}`)
})
speaker.on('best', (changes) => {
  for (const { prefix, best } of changes) {
    if (best === undefined) console.log(`gone ${prefix}`)
    else if (best.source !== 'local') console.log(`${prefix} via ${best.nextHop}`)
  }
})

for (const prefix of prefixes) speaker.announce({ prefix })
speaker.addPeer({
  address: values.peer,
  port: Number(values.port),
  asn: Number(values['peer-asn']),
  localAddress: values.id,
  families: ['ipv4-unicast'],
})
await speaker.start()
process.once('SIGTERM', () => void speaker.close('the program ends'))
