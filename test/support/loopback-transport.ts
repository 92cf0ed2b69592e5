/** For a pod network whose kernel is in another namespace than the process: it listens at an address of loopback, whatever it is told. */
import type { Transport } from 'bgp-speaker-ts/transport.ts'
import { nodeTransport } from 'bgp-speaker-ts/transport-node.ts'

/** @param address `127.0.0.81`; at a free port */
export function loopbackTransport(address: string): Transport {
  return { ...nodeTransport, listen: (_, accept) => nodeTransport.listen({ address, port: 0 }, accept) }
}
