/** The contracts of the kernel's Resources, each with what it is tried with: the fake kernel and the real one keep the same. */
import { describeResource } from '@podroute/reconcile/testing/contract.ts'
import { DestinationResource } from '../ipvs/destination-resource.ts'
import { destinationKey, FLAG_OURS, serverKey } from '../ipvs/keys.ts'
import { VirtualServerResource } from '../ipvs/virtual-server-resource.ts'
import type { Kernel, VirtualServer } from '../kernel.ts'
import { LocalRouteResource, localRouteOf } from '../routes/local-route-resource.ts'

/** A kernel with nothing of ours; `changes` are to tell of what is written through the others. */
export type ContractKernel = Pick<Kernel, 'ipvs' | 'routes' | 'changes'> & Partial<AsyncDisposable>

/** A scheduler that the kernel does not have. */
export const NO_SCHEDULER = 'nosuch'

function server(address: string, port: number, more: Partial<VirtualServer> = {}): VirtualServer {
  return {
    family: address.includes(':') ? 6 : 4,
    protocol: 'tcp',
    ...{ address, port },
    scheduler: 'rr',
    flags: FLAG_OURS,
    timeout: 0,
    ...more,
  }
}

const v4 = server('10.96.0.1', 80)
const v6 = server('fd10:96::1', 80, { protocol: 'udp' })

const placed = (at: VirtualServer, address: string, weight = 1) =>
  [
    destinationKey(serverKey(at), { address, port: 8080 }),
    { server: at, destination: { address, port: 8080, weight, forwarding: 'masquerade' as const } },
  ] as const

/** @param open makes a kernel for each test; the Resource takes it with it when the test is done */
export function describeVirtualServers(name: string, open: () => ContractKernel): void {
  const make = () => {
    const kernel = open()
    return closing(kernel, new VirtualServerResource(kernel.ipvs))
  }
  describeResource(name, make, {
    entries: [v4, v6, server('10.96.0.1', 443)].map((s) => [serverKey(s), s] as const),
    replacement: { ...v4, flags: FLAG_OURS | 1, timeout: 600 },
    refused: ['tcp 10.96.0.9 80', server('10.96.0.9', 80, { scheduler: NO_SCHEDULER })],
  })
}

/** @param open as for virtual servers */
export function describeDestinations(name: string, open: () => ContractKernel): void {
  const make = async () => {
    const kernel = open()
    await kernel.ipvs.apply([v4, v6].map((s) => ({ kind: 'add-server', server: s }) as const))
    const known = new Map([v4, v6].map((s) => [serverKey(s), s]))
    const servers = { inPlace: (key: string) => known.get(key), missing() {} }
    return closing(kernel, new DestinationResource(kernel.ipvs, servers))
  }
  describeResource(name, make, {
    entries: [placed(v4, '10.244.1.2'), placed(v4, '10.244.1.3'), placed(v6, 'fd10:244::2')],
    replacement: placed(v4, '10.244.1.2', 0)[1],
    refused: placed(server('10.96.0.9', 80), '10.244.1.2'),
  })
}

/** @param open as for virtual servers */
export function describeLocalRoutes(name: string, open: () => ContractKernel): void {
  const make = () => {
    const kernel = open()
    const watch = (touched: (key: string) => void) =>
      kernel.changes.subscribe({ onRoute: (_, route) => touched(localRouteOf(route)?.address ?? '') })
    return closing(kernel, Object.assign(new LocalRouteResource(kernel.routes, 'toys'), { watch }))
  }
  describeResource(name, make, {
    entries: ['10.96.0.1', '10.96.0.2', 'fd10:96::1'].map((address) => [address, { address, source: '' }]),
    replacement: { address: '10.96.0.1', source: '127.0.0.1' },
  })
}

function closing<T extends object>(kernel: Partial<AsyncDisposable>, resource: T): T & AsyncDisposable {
  return Object.assign(resource, {
    async [Symbol.asyncDispose]() {
      await kernel[Symbol.asyncDispose]?.()
    },
  })
}
