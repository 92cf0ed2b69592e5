// A router as docs/routers.md configures it: the daemon reads the block with its name.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually, NamespaceProcess, output, temporaryDirectory } from './daemon.ts'
import type { Site } from './router-network.ts'

export type DaemonName = 'frr' | 'bird' | 'gobgp' | 'openbgpd'

/** The one block of `docs/routers.md` with these words after its fence. @throws Error when there is another number of them */
export function documented(words: string): string {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/routers.md'), 'utf8')
  const blocks = [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].filter(([, info]) => info === words)
  if (blocks.length !== 1) throw new Error(`${blocks.length} blocks of ${words}`)
  return blocks[0]![2]!
}

export class DocumentedRouter {
  readonly site: Site
  readonly #directory = temporaryDirectory('router')
  readonly #processes: NamespaceProcess[] = []
  readonly #name: DaemonName

  constructor(name: DaemonName, site: Site) {
    this.#name = name
    this.site = site
  }

  /** It listens when this resolves. @param config its configuration, where it is not the documented one */
  async start(config?: string): Promise<void> {
    await this.#begin(config)
    await eventually(
      () => this.#inside('ss', '-Hlnt', 'sport = :179'),
      (text) => text.trim().split('\n').length > 1,
    )
  }

  async #begin(config?: string): Promise<void> {
    switch (this.#name) {
      case 'frr':
        return this.#startFrr(config ?? documented('frr'))
      case 'bird':
        return this.#run(
          'bird',
          '-f',
          '-c',
          this.#file(config ?? documented('bird')),
          '-s',
          this.#path('bird.ctl'),
        )
      case 'gobgp':
        return this.#startGobgp(config ?? documented('toml'))
      case 'openbgpd':
        mkdirSync('/run/openbgpd', { recursive: true, mode: 0o755 })
        return this.#run(
          ...['/usr/sbin/bgpd', '-d', '-f'],
          this.#file(`socket "${this.#path('bgpd.sock')}"\n${config ?? documented('openbgpd')}`),
        )
    }
  }

  /** Prefixes that it has from nodes, of both families, sorted. */
  async learned(): Promise<string[]> {
    const found = await Promise.all([this.#learned(4), this.#learned(6)])
    return [...new Set(found.flat())].sort()
  }

  /** FRR's command line. */
  vtysh(...commands: readonly string[]): Promise<string> {
    const each = commands.flatMap((command) => ['-c', command])
    return output('vtysh', ['--vty_socket', this.#directory.path, ...each])
  }

  async stop(signal?: NodeJS.Signals): Promise<void> {
    await Promise.all(this.#processes.map((each) => each.stop(signal)))
    this.#directory.remove()
  }

  async #startFrr(config: string): Promise<void> {
    const folder = this.#directory.path
    execFileSync('chown', ['frr:frr', folder])
    for (const daemon of ['zebra', 'bgpd', 'bfdd']) {
      const file = this.#path(`${daemon}.conf`)
      writeFileSync(file, 'log stdout informational\n')
      const options = ['-f', file, '-z', this.#path('zserv.api'), '-i', this.#path(`${daemon}.pid`)]
      if (daemon === 'bfdd') options.push('--bfdctl', this.#path('bfdd.sock'))
      this.#run(join('/usr/lib/frr', daemon), ...options, '--vty_socket', folder)
      await eventually(
        () => output('vtysh', ['--vty_socket', folder, '-d', daemon, '-c', 'show version']),
        (text) => text.includes('FRRouting'),
      )
    }
    // As `frr.service` does: every daemon takes what is for it.
    await output('vtysh', ['--vty_socket', folder, '-f', this.#file(config)])
  }

  async #startGobgp(config: string): Promise<void> {
    this.#run(
      'gobgpd',
      '-t',
      'toml',
      '-f',
      this.#file(config),
      '--pprof-disable',
      '--api-hosts=127.0.0.1:50051',
    )
    await eventually(
      () => this.#inside('gobgp', 'global'),
      (text) => text.includes('AS:'),
    )
    for (const line of documented('sh gobgp').trim().split('\n')) await this.#inside(...line.split(' '))
  }

  async #learned(family: 4 | 6): Promise<string[]> {
    switch (this.#name) {
      case 'frr': {
        const { routes = {} } = JSON.parse(await this.vtysh(`show bgp ipv${family} unicast json`)) as {
          routes?: Record<string, { path: string }[]>
        }
        return Object.keys(routes).filter((prefix) => routes[prefix]!.some(({ path }) => path !== ''))
      }
      case 'bird': {
        const command = ['show', 'route', 'where', 'source', '=', 'RTS_BGP']
        const text = await output('birdc', ['-s', this.#path('bird.ctl'), ...command])
        return [...text.matchAll(/^(\S+\/\d+) /gm)].map(([, prefix]) => prefix!)
      }
      case 'gobgp': {
        const text = await this.#inside('gobgp', 'global', 'rib', '-a', `ipv${family}`, '-j')
        const rib = JSON.parse(text) as Record<string, { 'neighbor-ip'?: string }[]>
        const isLearned = (path: { 'neighbor-ip'?: string }) => /^172|^fd31/.test(path['neighbor-ip'] ?? '')
        return Object.keys(rib).filter((prefix) => rib[prefix]!.some(isLearned))
      }
      case 'openbgpd': {
        const show = ['show', 'rib', `inet${family === 6 ? '6' : ''}`]
        // It waits for ever where bgpd has just started.
        const command = ['3', 'bgpctl', '-s', this.#path('bgpd.sock'), '-j', ...show]
        const text = await output('timeout', command)
        const { rib = [] } = JSON.parse(text) as { rib?: { prefix: string; aspath: string }[] }
        return rib.filter(({ aspath }) => aspath !== '').map(({ prefix }) => prefix)
      }
    }
  }

  #run(file: string, ...args: readonly string[]): void {
    this.#processes.push(new NamespaceProcess(this.site.netns, file, args))
  }

  #inside(...command: readonly string[]): Promise<string> {
    return output('ip', ['netns', 'exec', this.site.netns, ...command])
  }

  /** Nobody else may read it, as there is a key in it. */
  #file(text: string): string {
    const file = this.#path('documented.conf')
    writeFileSync(file, text)
    chmodSync(file, 0o600)
    return file
  }

  #path(name: string): string {
    return join(this.#directory.path, name)
  }
}
