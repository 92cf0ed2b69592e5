/** Names of virtual servers and destinations, and the mark of those that are ours. Pure. */
import type { VirtualServer } from '@podroute/linux/ipvs/ipvs.ts'

/** `tcp 10.96.0.1 80`, or `mark 4 4096`: as unique as the kernel's own key. */
export type ServerKey = string
/** `tcp 10.96.0.1 80 > 10.244.1.5 8080` */
export type DestinationKey = string

/**
 * Marks a virtual server as ours. The kernel keeps all bits of the flags and gives meaning to the lowest six only, so what
 * is in use by others is never adopted, changed or removed, and a restarted agent knows its own.
 */
export const FLAG_OURS = 0x50d0_0000
const FLAG_OURS_MASK = 0x7ff0_0000

export function isOurs(server: VirtualServer): boolean {
  return (server.flags & FLAG_OURS_MASK) === FLAG_OURS
}

export function serverKey(
  server: Pick<VirtualServer, 'family' | 'protocol' | 'address' | 'port' | 'fwmark'>,
): ServerKey {
  if (server.fwmark) return `mark ${server.family} ${server.fwmark}`
  return `${server.protocol} ${server.address} ${server.port}`
}

export function destinationKey(
  server: ServerKey,
  destination: { readonly address: string; readonly port: number },
): DestinationKey {
  // In one piece: a template keeps its parts beside the whole, and there are very many of these.
  return [server, '>', destination.address, destination.port].join(' ')
}

/** The server of a destination. */
export function serverOf(key: DestinationKey): ServerKey {
  return key.slice(0, key.indexOf(' > '))
}
