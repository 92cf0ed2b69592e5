/** Follows the host for the pod network: the node's own interfaces, the bridge with the pods' ports, and the rules that others change. */
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import { SourcePorts } from '../sources/ports.ts'
import { type PodNetworkKernel, type PodNetworkTables, watchRules } from '../tables.ts'
import { HostInterfaces, type InterfaceState } from './host-interfaces.ts'
import { BridgePorts } from './ports.ts'

export interface HostMonitorOptions {
  readonly kernel: PodNetworkKernel
  readonly tables: PodNetworkTables
  readonly clock: Clock
  readonly log: Logger
  readonly bridge: string
  /** The ports of the bridge are those of our CNI configuration. */
  readonly cni: boolean
  /** Whether a frame may go back out of the port that it came from. */
  hairpin(): boolean
  /** The interfaces of the node are others. */
  changed(): void
}

/** After a port has left its bridge, in milliseconds: the port of a pod that goes is gone a moment later. */
const PUT_BACK_AFTER = 100

export class HostMonitor implements Disposable {
  readonly #options: HostMonitorOptions
  readonly #interfaces: HostInterfaces
  readonly #ports: BridgePorts
  readonly #sources: SourcePorts
  readonly #subscriptions = new DisposableStack()
  #putBack: Disposable | undefined

  constructor(options: HostMonitorOptions) {
    const { kernel, tables, clock, log, bridge } = options
    this.#options = options
    this.#interfaces = new HostInterfaces({
      ...{ ...kernel, clock, log, bridge },
      isOurs: (address) => tables.addresses.get(address) !== undefined,
      changed: () => this.#interfacesChanged(),
    })
    this.#sources = new SourcePorts(tables.sources, bridge)
    this.#ports = new BridgePorts({
      ...{ table: tables.ports, bridge },
      plan: () => ({ hairpin: options.hairpin() }),
      bridgeMade: () => this.#bridgeMade(),
      later: (action) => this.#later(action),
    })
  }

  /** Ports of pods that pass unchecked: nobody has said what they may send from. */
  get uncheckedPorts(): number {
    return this.#sources.unknown
  }

  get interfaces(): InterfaceState {
    return this.#interfaces.state
  }

  /** Follows the kernel from now on. @throws KernelError */
  async start(): Promise<void> {
    const { kernel, tables } = this.#options
    for (const table of [tables.bridge, tables.addresses, tables.routes, tables.discards])
      this.#subscriptions.use(table.watch())
    if (this.#options.cni) {
      this.#subscriptions.use(this.#ports.watch(kernel.changes, kernel.links))
      this.#subscriptions.use(this.#sources.watch(kernel.changes, kernel.links))
    }
    this.#subscriptions.use(watchRules(kernel, tables))
    this.#subscriptions.use(this.#interfaces)
    await this.#interfaces.start()
  }

  /** Takes the ports that are there for those that must be there. @throws KernelError */
  async updatePorts(): Promise<void> {
    if (!this.#options.cni) return
    const links = await this.#options.kernel.links.list()
    this.#ports.update(links)
    this.#sources.update(links)
  }

  /** What is to be set of each port is another now. */
  portsChanged(): void {
    this.#ports.planChanged()
  }

  [Symbol.dispose](): void {
    this.#subscriptions.dispose()
    this.#putBack?.[Symbol.dispose]()
  }

  /** IPv4 routes that went with an interface are not announced. */
  #interfacesChanged(): void {
    const { tables, log, changed } = this.#options
    changed()
    Promise.all([tables.routes.audit(), tables.discards.audit(), tables.addresses.audit()]).catch(
      (error: Error) => log.warn('audit of addresses and routes failed', { error: error.message }),
    )
  }

  /** The kernel's switches of a bridge go with it. */
  #bridgeMade(): void {
    const { tables, bridge } = this.#options
    for (const name of tables.sysctls.desired().keys())
      if (name.includes(`/${bridge}/`)) tables.sysctls.touch(name)
  }

  #later(action: () => void): void {
    this.#putBack ??= this.#options.clock.after(PUT_BACK_AFTER, () => {
      this.#putBack = undefined
      action()
    })
  }
}
