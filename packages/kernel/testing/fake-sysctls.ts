/** Kernel parameters in memory, as strict as the real ones about what there is and which values it takes. */
import { sysctlPath } from '@podroute/linux/sysctl.ts'
import type { SysctlApi } from '../kernel.ts'
import { FakeError } from './fake-error.ts'

/** What the kernel has as it boots, of what features set; those of single interfaces come with the interfaces. */
const DEFAULTS: Readonly<Record<string, string>> = {
  'net/ipv4/ip_forward': '0',
  'net/ipv4/conf/all/arp_ignore': '0',
  'net/ipv4/conf/all/arp_announce': '0',
  'net/ipv4/conf/all/rp_filter': '0',
  'net/ipv4/conf/default/rp_filter': '0',
  'net/ipv6/conf/all/forwarding': '0',
  'net/ipv6/conf/default/accept_ra': '1',
  'net/bridge/bridge-nf-call-iptables': '1',
  'net/bridge/bridge-nf-call-ip6tables': '1',
  'net/ipv4/vs/conntrack': '0',
  'net/ipv4/vs/conn_reuse_mode': '1',
  'net/ipv4/vs/expire_nodest_conn': '0',
  'net/ipv4/vs/expire_quiescent_template': '0',
  'net/ipv4/vs/run_estimation': '1',
}

const PER_INTERFACE = ['net/ipv4/conf/default/rp_filter', 'net/ipv6/conf/default/accept_ra']

export interface FakeSysctlOptions {
  /** Called with each value that became another one: `net/ipv4/ip_forward=1`. */
  onWrite?(message: string): void
}

export class FakeSysctls implements SysctlApi {
  readonly #options: FakeSysctlOptions
  /** By path: a name may be written with dots and with slashes. */
  readonly #values = new Map<string, string>()

  constructor(options: FakeSysctlOptions = {}) {
    this.#options = options
    for (const [name, value] of Object.entries(DEFAULTS)) this.put(name, value)
  }

  read(name: string): string | undefined {
    return this.#values.get(sysctlPath(name))
  }

  write(name: string, value: string): void {
    const before = this.read(name)
    if (before === undefined) throw new FakeError('ENOENT')
    if (!/^-?\d+$/.test(value)) throw new FakeError('EINVAL')
    if (before === value) return
    this.#options.onWrite?.(`${name}=${value}`)
    this.put(name, value)
  }

  /** Somebody else sets it; undefined: the kernel has it no longer. */
  put(name: string, value: string | undefined): void {
    if (value === undefined) this.#values.delete(sysctlPath(name))
    else this.#values.set(sysctlPath(name), value)
  }

  /** Those of an interface that is there, which are what `default` says at first. */
  addInterface(name: string): void {
    for (const setting of PER_INTERFACE) {
      const own = setting.replace('default', name)
      if (this.read(own) === undefined) this.put(own, this.read(setting))
    }
  }

  removeInterface(name: string): void {
    for (const setting of PER_INTERFACE) this.put(setting.replace('default', name), undefined)
  }

  /** Paths with values, sorted. */
  entries(): (readonly [path: string, value: string])[] {
    return [...this.#values].sort(([a], [b]) => (a < b ? -1 : 1))
  }
}
