// A program: a speaker with an unnumbered peer on the link that its argument names, watched by BFD; prints what becomes of it.

import { kernelBfdSockets } from '@podroute/pod-network/bgp/bfd/sockets.ts'
import { kernelDiscovery } from '@podroute/pod-network/bgp/discovery.ts'
import { kernelTransport } from '@podroute/pod-network/bgp/transport.ts'
import { Bfd } from 'bgp-speaker-ts/bfd/bfd.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'

const say = (text: string) => process.stdout.write(`${text}\n`)
const bfd = new Bfd({ openSocket: kernelBfdSockets() })
bfd.on('up', (peer) => say(`bfd up ${peer}`))
const speaker = new Speaker({
  asn: 64512,
  routerId: '10.99.0.1',
  listen: { port: 179 },
  transport: kernelTransport(),
  discovery: kernelDiscovery(),
  bfd,
})
speaker.on('peer', (event) => {
  if (event.kind === 'down') say(`down ${event.peer} ${'text' in event.reason ? event.reason.text : ''}`)
})
speaker.addPeer({
  interface: process.argv[2] ?? '',
  asn: 'external',
  families: ['ipv4-unicast'],
  connectRetryTime: 1,
  bfd: { desiredMinTx: 200, requiredMinRx: 200 },
})
await speaker.start()
process.on('SIGTERM', () => process.exit())
