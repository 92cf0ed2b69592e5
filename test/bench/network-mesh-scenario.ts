/** The large mesh: addresses and prefixes that the benchmark and its simulated nodes agree on. */
import type { BenchNodeObject } from './services-objects.ts'

/** The node that is measured. Its second address is on the network of the simulated ones. */
export const DEVICE = { address: '172.31.0.11', onLink: '10.98.0.1/16' } as const
export const ASN = 64512
/** On the network of the API server and the measured node. */
export const SIMULATED_HOST = '172.31.0.200'

export function simulatedNode(index: number): BenchNodeObject {
  return {
    name: `simulated-${index}`,
    address: `10.98.${1 + (index >> 8)}.${index & 255}`,
    podCIDR: `10.${100 + (index >> 8)}.${index & 255}.0/24`,
  }
}

/** What the simulated nodes print, a line of JSON each: how many of them have a session now. */
export interface FromSimulated {
  readonly established: number
}
