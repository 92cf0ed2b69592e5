// The plugins' suite on the real kernel: the executable, in network namespaces of its own.

import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { build } from '../../packages/cni/build.ts'
import { PLUGIN_NAMES } from '../../packages/cni/install/install.ts'
import { type Architecture, machineArchitecture } from '../../packages/cni/sysroot.ts'
import { environmentOf, inputOf, parseOutput } from '../../packages/cni/testing/fake-world.ts'
import type { Answer, Call, LinkView, Place, World } from '../../packages/cni/testing/world.ts'

const NETNS_DIRECTORY = '/var/run/netns'
const CALL_TIMEOUT_MS = 30_000

export const command = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

/** What this process has built already: the build takes a second, and many files want it. */
const BUILT = new Map<Architecture, Buffer>()

/** Builds the executable and links the plugins' names, as `install` does; returns a directory for the caller alone. */
export function buildPlugins(architecture: Architecture = machineArchitecture()): string {
  const directory = mkdtempSync(join(tmpdir(), 'podroute-cni-bin-'))
  const executable = join(directory, 'podroute-cni')
  const built = BUILT.get(architecture)
  if (built) writeFileSync(executable, built, { mode: 0o755 })
  else BUILT.set(architecture, readFileSync(build(directory, architecture)))
  for (const name of PLUGIN_NAMES) linkSync(executable, join(directory, name))
  return directory
}

interface IpLink {
  readonly ifname: string
  readonly address?: string
  readonly mtu: number
  readonly flags: readonly string[]
  readonly promiscuity?: number
  readonly master?: string
  readonly ifalias?: string
  readonly linkinfo?: {
    readonly info_kind?: string
    readonly info_slave_data?: { readonly hairpin?: boolean; readonly isolated?: boolean }
  }
  readonly addr_info: readonly {
    readonly local: string
    readonly prefixlen: number
    readonly scope: string
  }[]
}

interface IpRoute {
  readonly dst: string
  readonly gateway?: string
  readonly protocol?: string
  readonly type?: string
}

const viewLink = (link: IpLink): LinkView => ({
  name: link.ifname,
  kind: link.linkinfo?.info_kind ?? '',
  mac: link.address ?? '',
  mtu: link.mtu,
  up: link.flags.includes('UP'),
  promiscuous: (link.promiscuity ?? 0) > 0,
  master: link.master,
  alias: link.ifalias ?? '',
  hairpin: link.linkinfo?.info_slave_data?.hairpin ?? false,
  isolated: link.linkinfo?.info_slave_data?.isolated ?? false,
  addresses: link.addr_info.filter((a) => a.scope !== 'link').map((a) => `${a.local}/${a.prefixlen}`),
})

let worlds = 0

export class NetnsWorld implements World {
  readonly name = 'executable in network namespaces'
  readonly data: string
  readonly host: string
  readonly plugins: string
  private readonly emulator: string | undefined
  private readonly root = mkdtempSync(join(tmpdir(), 'podroute-cni-test-'))
  private readonly namespaces: string[] = []
  private boots = 0

  /**
   * @param plugins directory of the plugins to run
   * @param emulator runs them where they are another architecture's (qemu-user)
   */
  constructor(plugins: string, emulator?: string) {
    this.plugins = plugins
    this.emulator = emulator
    this.data = join(this.root, 'networks')
    this.host = `pr-cni-${process.pid}-${worlds++}`
    this.addNamespace(this.host)
    this.setSetting('host', 'ipv6/conf/default/accept_dad', '0') // the bridge's addresses: a second each
  }

  private addNamespace(name: string): void {
    command('ip', 'netns', 'add', name)
    this.namespaces.push(name)
    // Else duplicate address detection begins up to a second late, at random.
    const file = '/proc/sys/net/ipv6/conf/default/router_solicitation_delay'
    command('ip', 'netns', 'exec', name, 'sh', '-c', `echo 0 > ${file}`)
  }

  /** Runs a program in the host's namespace. */
  inHost(...args: string[]): string {
    return command('ip', 'netns', 'exec', this.host, ...args)
  }

  /** Runs a program in any place's namespace. */
  inPlace(place: Place, ...args: string[]): string {
    return command('ip', 'netns', 'exec', this.nameOf(place), ...args)
  }

  /** @param plugins another directory of plugins than the world's own */
  run(plugin: string, call: Call, plugins: string = this.plugins): Answer {
    const path = join(plugins, plugin)
    const program = this.emulator === undefined ? [path] : [this.emulator, '-0', path, path]
    const result = spawnSync('ip', ['netns', 'exec', this.host, ...this.inBoot(program)], {
      env: { PATH: process.env.PATH ?? '', ...environmentOf(call, plugins) },
      input: inputOf(call),
      encoding: 'utf8',
      timeout: CALL_TIMEOUT_MS,
    })
    if (result.status === null)
      throw new Error(`${plugin} ended by ${result.signal}`, { cause: result.error })
    return {
      status: result.status,
      output: result.stdout,
      error: result.stderr,
      json: parseOutput(result.stdout),
    }
  }

  /** The program where the kernel tells the boot of the last `reboot`: `ip netns exec` has given it mounts of its own. */
  private inBoot(program: string[]): string[] {
    if (this.boots === 0) return program
    const script = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"'
    return ['sh', '-c', script, this.bootFile, ...program]
  }

  private get bootFile(): string {
    return join(this.root, 'boot_id')
  }

  reboot(): void {
    const number = `${++this.boots}`.padStart(8, '0')
    writeFileSync(this.bootFile, `${number}-0000-4000-8000-000000000000\n`)
  }

  addContainer(name: string): string {
    const full = `${this.host}-${name}`
    this.addNamespace(full)
    return join(NETNS_DIRECTORY, full)
  }

  removeContainer(path: string): void {
    command('ip', 'netns', 'del', this.nameOf(path))
  }

  private nameOf(place: Place): string {
    return place === 'host' ? this.host : place.slice(NETNS_DIRECTORY.length + 1)
  }

  /** Runs `ip` in the place and returns its JSON. */
  ip<T>(place: Place, ...args: string[]): T {
    return JSON.parse(command('ip', '-n', this.nameOf(place), '-j', ...args) || '[]') as T
  }

  links(place: Place): LinkView[] {
    return this.ip<IpLink[]>(place, '-d', 'addr').map(viewLink)
  }

  routes(place: Place): string[] {
    return ['-4', '-6'].flatMap((family) =>
      this.ip<IpRoute[]>(place, family, 'route', 'show', 'table', 'all')
        .filter((route) => route.protocol !== 'kernel' && route.type === undefined)
        .map((route) => (route.gateway === undefined ? route.dst : `${route.dst} via ${route.gateway}`)),
    )
  }

  ruleComments(family: string, table: string, chain: string): string[] {
    const list = ['ip', 'netns', 'exec', this.host, 'nft', '-j', 'list', 'chain', family, table, chain]
    const result = spawnSync(list[0]!, list.slice(1), { encoding: 'utf8' })
    if (result.status !== 0) return []
    const { nftables } = JSON.parse(result.stdout) as { nftables: { rule?: { comment?: string } }[] }
    return nftables.flatMap(({ rule }) => (rule === undefined ? [] : [rule.comment ?? '']))
  }

  setting(place: Place, name: string): string {
    return command('ip', 'netns', 'exec', this.nameOf(place), 'cat', `/proc/sys/net/${name}`).trim()
  }

  setSetting(place: Place, name: string, value: string): void {
    const script = `echo ${value} > /proc/sys/net/${name}`
    command('ip', 'netns', 'exec', this.nameOf(place), 'sh', '-c', script)
  }

  addLink(place: Place, name: string, kind: 'bridge' | 'vxlan'): void {
    // vxlan: some other kind of link, which every kernel has
    const options = kind === 'vxlan' ? ['id', '7', 'dstport', '4789'] : []
    command('ip', '-n', this.nameOf(place), 'link', 'add', name, 'type', kind, ...options)
  }

  addAddress(place: Place, link: string, prefix: string): void {
    command(
      'ip',
      '-n',
      this.nameOf(place),
      'addr',
      'add',
      prefix,
      'dev',
      link,
      ...(prefix.includes(':') ? ['nodad'] : []),
    )
  }

  removeLink(place: Place, name: string): void {
    command('ip', '-n', this.nameOf(place), 'link', 'del', name)
  }

  exists(path: string): boolean {
    return existsSync(path)
  }

  read(path: string): string {
    return readFileSync(path, 'utf8')
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text, { mode: 0o600 })
  }

  list(path: string): string[] {
    return existsSync(path) ? readdirSync(path) : []
  }

  remove(path: string): void {
    rmSync(path)
  }

  dispose(): void {
    for (const name of this.namespaces)
      if (existsSync(join(NETNS_DIRECTORY, name))) command('ip', 'netns', 'del', name)
    rmSync(this.root, { recursive: true, force: true })
  }
}
