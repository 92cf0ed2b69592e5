/** Makes the kernel load what the proxy needs of it. */
import type { Logger } from '@podroute/reconcile/log.ts'
import { ServiceProxyError } from './errors.ts'
import type { ProxyKernel } from './proxy-kernel.ts'
import { MODULES } from './settings.ts'

/** Why a module could not be loaded, by its name. */
export type MissingModules = ReadonlyMap<string, string>

/** With none of them there, this is a large part of a start. Never rejects. */
export async function loadModules(kernel: ProxyKernel): Promise<MissingModules> {
  try {
    const outcomes = await kernel.loadModules(MODULES)
    return new Map([...outcomes].flatMap(([name, outcome]) => (outcome.ok ? [] : [[name, outcome.reason]])))
  } catch (error) {
    return new Map(MODULES.map((name) => [name, String(error)]))
  }
}

/** @throws ServiceProxyError NO_IPVS, saying what to do */
export async function requireIpvs(
  kernel: ProxyKernel,
  reasons: MissingModules,
  log: Logger | undefined,
): Promise<void> {
  await kernel.ipvs.servers().catch((cause: Error) => {
    const reason = reasons.get('ip_vs') || cause.message
    const message = `the kernel has no IPVS, run "modprobe ip_vs": ${reason}`
    throw new ServiceProxyError('NO_IPVS', message, { cause })
  })
  // The others may be built in under another name; what is really missing fails later.
  for (const [name, reason] of reasons) log?.debug('module not loaded', { module: name, reason })
}

/** Whether the kernel has IPVS now, whatever could be loaded. */
export function hasIpvs({ ipvs }: Pick<ProxyKernel, 'ipvs'>): Promise<boolean> {
  return ipvs.servers().then(
    () => true,
    () => false,
  )
}
