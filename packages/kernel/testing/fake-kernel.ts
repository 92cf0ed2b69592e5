/** A kernel in memory, as strict as the real one about what is there, that counts what it is asked. */
import type { Flow, FlowFilter } from '@podroute/linux/conntrack.ts'
import type { LegacyForward } from '@podroute/linux/legacy-iptables.ts'
import type { ModuleOutcome } from '@podroute/linux/missing-module.ts'
import type { LoggedPacket } from '@podroute/linux/nflog.ts'
import { type HostAddresses, readHostAddresses } from '../addresses/host-addresses.ts'
import type { HttpAnswer, Kernel } from '../kernel.ts'
import type { BoundPort } from '../sockets.ts'
import { FakeAddresses } from './fake-addresses.ts'
import { FakeChanges } from './fake-changes.ts'
import { FakeError } from './fake-error.ts'
import { FakeFiles } from './fake-files.ts'
import { FakeIpvs } from './fake-ipvs.ts'
import { FakeLinks } from './fake-links.ts'
import { FakeNft } from './fake-nft.ts'
import { FakeRoutes } from './fake-routes.ts'
import { FakeSysctls } from './fake-sysctls.ts'

export class FakeKernel implements Kernel {
  readonly messages: string[] = []
  readonly health = new Map<number, () => HttpAnswer>()
  /** Who follows packets that rules log. */
  readonly packetLogs = new Set<(packet: LoggedPacket) => void>()
  /** Who answers on a unix socket. */
  readonly sockets = new Map<string, (line: string) => Promise<string>>()
  readonly udpFlows: Flow[] = []
  interfaceAddresses: string[] = []
  readonly bound = new Set<BoundPort>()
  readonly legacyChains = new Map<4 | 6, LegacyForward>()
  lists = 0
  readonly changes = new FakeChanges()

  readonly #recorder = {
    onOp: (message: string) => void this.messages.push(message),
    onElement: (message: string) => void this.messages.push(message),
    onList: () => void this.lists++,
  }

  readonly links = new FakeLinks(this.changes)
  readonly addresses = new FakeAddresses(this.changes)
  readonly ipvs = new FakeIpvs(this.#recorder)
  readonly routes = new FakeRoutes(this.changes, this.#recorder)
  readonly nft = new FakeNft(this.#recorder)

  readonly files = new FakeFiles()
  readonly sysctls = new FakeSysctls({ onWrite: (message) => void this.messages.push(message) })

  constructor() {
    this.changes.subscribe({
      onLink: (change, { name }) =>
        change === 'add' ? this.sysctls.addInterface(name) : this.sysctls.removeInterface(name),
    })
  }

  readonly flows = {
    list: async ({ family, protocol, destination }: FlowFilter): Promise<Flow[]> =>
      this.udpFlows.filter(
        (flow) =>
          flow.family === family &&
          flow.protocol === protocol &&
          (destination ?? flow.original.destination) === flow.original.destination,
      ),
    remove: async (filter: FlowFilter, select: (flow: Flow) => boolean) => {
      const { destination, destinationPort } = filter
      const doomed = this.udpFlows.filter(
        (flow) =>
          (destination ?? flow.original.destination) === flow.original.destination &&
          (destinationPort ?? flow.original.destinationPort) === flow.original.destinationPort &&
          select(flow),
      )
      this.messages.push(`look for flows to ${destination ?? 'anything'}`)
      for (const flow of doomed) this.udpFlows.splice(this.udpFlows.indexOf(flow), 1)
      return doomed.length
    },
    select: async (wants: (flow: Flow) => boolean) => this.udpFlows.filter(wants),
    forget: async (flows: readonly Flow[]) => {
      const there = flows.filter((flow) => this.udpFlows.includes(flow))
      for (const flow of there) this.udpFlows.splice(this.udpFlows.indexOf(flow), 1)
      return there.length
    },
  }

  async listen(port: number, answer: () => HttpAnswer): Promise<AsyncDisposable> {
    if (this.health.has(port)) throw new FakeError('EADDRINUSE')
    this.health.set(port, answer)
    return { [Symbol.asyncDispose]: async () => void this.health.delete(port) }
  }

  watchPackets(_group: number, _copy: number, onPacket: (packet: LoggedPacket) => void): Disposable {
    this.packetLogs.add(onPacket)
    return { [Symbol.dispose]: () => void this.packetLogs.delete(onPacket) }
  }

  async serveLines(path: string, answer: (line: string) => Promise<string>): Promise<AsyncDisposable> {
    if (this.sockets.has(path)) throw new FakeError('EADDRINUSE')
    this.sockets.set(path, answer)
    return { [Symbol.asyncDispose]: async () => void this.sockets.delete(path) }
  }

  async boundPorts() {
    return this.bound
  }

  /** Those of its links too. */
  async hostAddresses(): Promise<HostAddresses> {
    const { reachable, leftOvers } = await readHostAddresses(this.links, this.addresses)
    return { reachable: [...this.interfaceAddresses, ...reachable], leftOvers }
  }

  setAddresses(...addresses: string[]): void {
    this.interfaceAddresses = addresses
    this.changes.addressChanged()
  }

  legacyForward(family: 4 | 6): LegacyForward | undefined {
    return this.legacyChains.get(family)
  }

  async loadModules(names: readonly string[]) {
    const missing = { ok: false, reason: 'not for this kernel' } as const
    const outcome = (name: string): ModuleOutcome =>
      name === 'ip_vs' && !this.ipvs.present ? missing : { ok: true }
    return new Map(names.map((name) => [name, outcome(name)]))
  }
}
