/** The addresses that the words of the configuration stand for. */
import { networkInterfaces } from 'node:os'

/** Of loopback: IPv4's, and IPv6's where this kernel has it. */
function loopback(): readonly string[] {
  const found = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return ['127.0.0.1', ...(found.some(({ address }) => address === '::1') ? ['::1'] : [])]
}

/** @param own the node's */
export function listenAddresses(address: string, own: readonly string[]): readonly string[] {
  if (address === 'node') return own
  return address === 'localhost' ? loopback() : [address]
}

/** Names the server at each address: the first as the configuration does. */
export function listenerName(setting: string, index: number): string {
  return index === 0 ? setting : `${setting}[${index}]`
}
