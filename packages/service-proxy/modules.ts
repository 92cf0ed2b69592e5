/** Makes the kernel load what the proxy needs of it. */
import type { Logger } from '@podroute/reconcile/log.ts'
import { ServiceProxyError } from './errors.ts'
import type { Kernel } from './kernel.ts'
import { MODULES } from './settings.ts'

/** @throws ServiceProxyError NO_IPVS, saying what to do */
export async function loadModules(kernel: Kernel, log: Logger | undefined): Promise<void> {
  const reasons = new Map<string, string>()
  for (const name of MODULES) {
    const outcome = await kernel.loadModule(name)
    if (!outcome.ok) reasons.set(name, outcome.reason ?? '')
  }
  await kernel.ipvs.servers().catch((cause: Error) => {
    const reason = reasons.get('ip_vs') || cause.message
    const message = `the kernel has no IPVS, run "modprobe ip_vs": ${reason}`
    throw new ServiceProxyError('NO_IPVS', message, { cause })
  })
  // The others may be built in under another name; what is really missing fails later.
  for (const [name, reason] of reasons) log?.debug('module not loaded', { module: name, reason })
}
