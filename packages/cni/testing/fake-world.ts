// The suite's world in memory: the plugins' TypeScript in this process, on the fake machine.

import { bridge } from '../bridge/plugin.ts'
import { hostLocal } from '../host-local/plugin.ts'
import { loopback } from '../loopback/plugin.ts'
import { Family } from '../netlink/nftables.ts'
import { portmap } from '../portmap/plugin.ts'
import { formatPrefix, parsePrefix } from '../protocol/address.ts'
import { type Plugin, runPlugin } from '../protocol/plugin.ts'
import { type FakeLink, macOf } from './fake-network.ts'
import { FakeMachine, type Fault, type ProcessOptions, startProcess } from './fake-system.ts'
import type { Answer, Call, Json, LinkView, Place, RouteView, World } from './world.ts'

export const PLUGINS: Readonly<Record<string, Plugin>> = {
  bridge,
  'host-local': hostLocal,
  loopback,
  portmap,
}

const PLUGIN_DIRECTORY = '/opt/cni/bin'

/** The environment of a call, for either world. */
export function environmentOf(call: Call, pluginDirectory: string): Record<string, string> {
  if (call.environment !== undefined) return { ...call.environment }
  return {
    CNI_COMMAND: call.command,
    CNI_CONTAINERID: call.containerId ?? 'container',
    CNI_NETNS: call.netns ?? '',
    CNI_IFNAME: call.interfaceName ?? 'eth0',
    CNI_PATH: pluginDirectory,
    ...(call.args === undefined ? {} : { CNI_ARGS: call.args }),
  }
}

export const inputOf = (call: Call) =>
  typeof call.config === 'string' ? call.config : JSON.stringify(call.config)

export function parseOutput(output: string): Json | undefined {
  return output.trim() === '' ? undefined : (JSON.parse(output) as Json)
}

export class FakeWorld implements World {
  readonly name = 'fake kernel'
  readonly data = '/var/lib/cni/test'
  readonly machine = new FakeMachine()
  /** How many system calls the last run made. */
  lastCalls = 0

  constructor() {
    const { files } = this.machine
    for (const directory of [PLUGIN_DIRECTORY, '/var/lib/cni', '/tmp']) files.makeDirectories(directory)
    files.write(`${PLUGIN_DIRECTORY}/podroute-cni`, 'executable', 0o755)
    for (const name of Object.keys(PLUGINS))
      files.link(`${PLUGIN_DIRECTORY}/podroute-cni`, `${PLUGIN_DIRECTORY}/${name}`)
  }

  run(plugin: string, call: Call, fault?: Fault): Answer {
    const options: ProcessOptions = {
      arguments: [`${PLUGIN_DIRECTORY}/${plugin}`],
      environment: environmentOf(call, PLUGIN_DIRECTORY),
      input: inputOf(call),
      executable: `${PLUGIN_DIRECTORY}/${plugin}`,
      fault,
    }
    const started = startProcess(this.machine, options)
    const status = runPlugin(PLUGINS[plugin]!, started.system)
    this.lastCalls = started.calls()
    const { output, error } = started.process
    return { status, output, error, json: parseOutput(output) }
  }

  reboot(): void {
    const [first, ...rest] = this.machine.bootId.split('-')
    this.machine.bootId = [(Number.parseInt(first!, 16) + 1).toString(16), ...rest].join('-')
  }

  addContainer(name: string): string {
    const path = `/var/run/netns/${name}`
    this.machine.network.addContainer(path)
    return path
  }

  removeContainer(path: string): void {
    this.machine.network.removeContainer(path)
  }

  private at(place: Place) {
    return place === 'host' ? this.machine.network.host : this.machine.network.containers.get(place)!
  }

  links(place: Place): LinkView[] {
    return [...this.at(place).links.values()].map(viewLink)
  }

  routes(place: Place): RouteView[] {
    return this.at(place).routes.map(({ destination, gateway }) => {
      const to = destination.length === 0 ? 'default' : formatPrefix(destination)
      return gateway === undefined
        ? to
        : `${to} via ${formatPrefix({ address: gateway, length: 0 }).slice(0, -2)}`
    })
  }

  ruleComments(family: keyof typeof Family, table: string, chain: string): string[] {
    return this.machine.network.host.nftables.comments(Family[family], table, chain)
  }

  setting(place: Place, name: string): string {
    return this.at(place).settings.get(name) ?? ''
  }

  setSetting(place: Place, name: string, value: string): void {
    this.at(place).settings.set(name, value)
  }

  addLink(place: Place, name: string, kind: 'bridge' | 'vxlan'): void {
    this.at(place).create(name, kind, this.machine.network.drawMac())
  }

  addAddress(place: Place, link: string, prefix: string): void {
    this.at(place).addAddress(this.at(place).links.get(link)!, parsePrefix(prefix)!)
  }

  removeLink(place: Place, name: string): void {
    this.at(place).delete(this.at(place).links.get(name)!)
  }

  exists(path: string): boolean {
    return this.machine.files.exists(path)
  }

  read(path: string): string {
    return this.machine.files.read(path)
  }

  write(path: string, text: string): void {
    this.machine.files.makeDirectories(path.slice(0, path.lastIndexOf('/')))
    this.machine.files.write(path, text, 0o600)
  }

  list(path: string): string[] {
    return this.exists(path) ? this.machine.files.list(path) : []
  }

  remove(path: string): void {
    this.machine.files.remove(path)
  }

  dispose(): void {}
}

function viewLink(link: FakeLink): LinkView {
  return {
    name: link.name,
    kind: link.kind,
    mac: macOf(link),
    mtu: link.mtu,
    up: link.up,
    promiscuous: link.promiscuous,
    master: link.master?.name,
    alias: link.alias,
    hairpin: link.hairpin,
    isolated: link.isolated,
    addresses: link.addresses.map(formatPrefix),
  }
}
