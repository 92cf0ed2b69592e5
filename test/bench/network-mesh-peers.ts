/** Simulated nodes: speakers that announce a pod prefix each to the node that is measured. `node network-mesh-peers.ts COUNT`; they end with its input. */
import { kernelTransport } from '@podroute/pod-network/bgp/transport.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { ASN, DEVICE, type FromSimulated, simulatedNode } from './network-mesh-scenario.ts'

const count = Number(process.argv[2])
let established = 0

function say(): void {
  const message: FromSimulated = { established }
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

const transport = kernelTransport()
for (let index = 0; index < count; index++) {
  const { address, podCIDR } = simulatedNode(index)
  const speaker = new Speaker({
    asn: ASN,
    routerId: address,
    listen: { addresses: [address], port: 179 },
    transport,
  })
  speaker.addPeer({
    ...{ address: DEVICE.address, localAddress: address, asn: ASN, passive: true, ttlSecurityHops: 1 },
    families: ['ipv4-unicast'],
    gracefulRestart: { time: 120, forwarding: true },
  })
  speaker.announce({ prefix: podCIDR, nextHop: address, origin: 'igp' })
  speaker.on('peer', ({ kind }) => {
    if (kind !== 'established' && kind !== 'down') return
    established += kind === 'established' ? 1 : -1
    say()
  })
  await speaker.start()
}
say()
process.stdin.resume().on('end', () => process.exit())
