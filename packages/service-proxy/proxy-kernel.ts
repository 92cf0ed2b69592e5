/** The kernel, as far as the service proxy touches it. */
import type { Kernel } from '@podroute/kernel/kernel.ts'

export type ProxyKernel = Omit<Kernel, 'addresses' | 'files' | 'serveLines' | 'watchPackets'>
