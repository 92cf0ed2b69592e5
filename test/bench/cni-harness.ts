// What the CNI benchmark runs in: network namespaces of its own, the plugins under test, and a small C program that times them.

import { execFileSync } from 'node:child_process'
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildReferencePlugins } from '../../lab/tools/reference-plugins.ts'
import { build } from '../../packages/cni/build.ts'
import { PLUGIN_NAMES } from '../../packages/cni/install/install.ts'
import { machineArchitecture } from '../../packages/cni/sysroot.ts'

const HOST = 'pr-cni-bench'
const NETNS_DIRECTORY = '/var/run/netns'
const DEBIAN_PLUGINS = '/usr/lib/cni'

/** One call of a plugin: microseconds of wall time and of CPU time, KB of memory at most. */
export interface Sample {
  readonly command: string
  readonly wall: number
  readonly cpu: number
  readonly memory: number
}

/** A set of plugins to measure, and the directory of its leases. */
export interface Contender {
  readonly directory: string
  readonly data: string
}

export interface Harness {
  readonly ours: Contender
  /** The newest reference plugins. */
  readonly peer: Contender
  /** The reference plugins as Debian packages them. */
  readonly debian: Contender
  /** Bytes of our executable. */
  readonly size: number
  /** ADD and DEL of one container, `count` times. */
  sequence(contender: Contender, plugin: string, config: object, count: number): Sample[]
  /** The same, each container in a network namespace of its own that is new, and forwards as a pod's does. */
  newContainers(contender: Contender, plugin: string, config: object, count: number): Sample[]
  /** ADD of `count` containers at once, then DEL of all. */
  parallel(contender: Contender, plugin: string, config: object, count: number): Sample[]
  /** Microseconds that DELs take beside the kernel's removal of the link (RTM_DELLINK). */
  deleteOverheads(contender: Contender, config: object, count: number): number[]
  /** Runs a script of nft on the host. */
  load(script: string): void
  dispose(): void
}

const run = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

/** @throws Error that says what to install */
function need(path: string, what: string): void {
  if (!existsSync(path)) throw new Error(`${path} is missing: install ${what}`)
}

function ourPlugins(root: string): string {
  const directory = join(root, 'ours')
  mkdirSync(directory)
  const executable = build(directory, machineArchitecture())
  for (const name of PLUGIN_NAMES) linkSync(executable, join(directory, name))
  return directory
}

function parseSamples(text: string): Sample[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [command, wall, cpu, memory] = line.split(' ')
      return { command: command!, wall: Number(wall), cpu: Number(cpu), memory: Number(memory) }
    })
}

/** From strace's output: the process's time without the send that carried RTM_DELLINK (17: strace cannot name the types of a socket of another namespace). */
function parseDeleteOverhead(trace: string): number {
  const lines = trace.split('\n')
  const number = (line: RegExp, part: RegExp) => {
    const found = part.exec(lines.find((candidate) => line.test(candidate)) ?? '')?.[1]
    if (found === undefined) throw new Error(`strace saw no ${line.source}`)
    return Number(found)
  }
  const timestamp = /^\d+ +([\d.]+) /
  const lifetime = number(/ exit_group\(/, timestamp) - number(/ execve\(.*bridge/, timestamp)
  return (lifetime - number(/nlmsg_type=(RTM_DELLINK|0x11)\b/, /<([\d.]+)>$/)) * 1e6
}

class NamespacedHarness implements Harness {
  readonly ours: Contender
  readonly peer: Contender
  readonly debian: Contender
  readonly size: number
  private readonly root: string
  private readonly containers: number

  constructor(root: string, containers: number, peerPlugins: string) {
    this.root = root
    this.containers = containers
    execFileSync('gcc', ['-O2', '-o', join(root, 'spawn'), join(import.meta.dirname, 'cni-spawn.c')])
    this.ours = { directory: ourPlugins(root), data: join(root, 'data-ours') }
    this.size = statSync(join(this.ours.directory, 'bridge')).size
    this.peer = { directory: peerPlugins, data: join(root, 'data-peer') }
    this.debian = { directory: DEBIAN_PLUGINS, data: join(root, 'data-debian') }
    for (const name of this.names()) run('ip', 'netns', 'add', name)
    run('ip', '-n', HOST, 'link', 'set', 'lo', 'up')
  }

  private names(): string[] {
    return [HOST, ...Array.from({ length: this.containers }, (_, i) => `${HOST}-${i}`)]
  }

  private call(contender: Contender, config: object, args: string[], wrapper: string[] = []): string {
    const file = join(this.root, 'config.json')
    const text = JSON.stringify(config).replaceAll('DATA', contender.data)
    writeFileSync(file, text)
    const env = {
      ...process.env,
      CNI_CONTAINERID: 'container',
      CNI_NETNS: `${NETNS_DIRECTORY}/${HOST}-0`,
      CNI_IFNAME: 'eth0',
      CNI_PATH: contender.directory,
    }
    const command = ['netns', 'exec', HOST, ...wrapper, ...args.map((arg) => (arg === 'CONFIG' ? file : arg))]
    return execFileSync('ip', command, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  }

  sequence(contender: Contender, plugin: string, config: object, count: number): Sample[] {
    const path = join(contender.directory, plugin)
    return parseSamples(
      this.call(contender, config, [join(this.root, 'spawn'), 'sequence', `${count}`, path, 'CONFIG']),
    )
  }

  newContainers(contender: Contender, plugin: string, config: object, count: number): Sample[] {
    const path = join(contender.directory, plugin)
    const args = [join(this.root, 'spawn'), 'sequence', `${count}`, path, 'CONFIG']
    return parseSamples(this.call(contender, config, args, ['env', 'NEW_NAMESPACES=1', 'GAP_US=2000']))
  }

  parallel(contender: Contender, plugin: string, config: object, count: number): Sample[] {
    const path = join(contender.directory, plugin)
    const prefix = `${NETNS_DIRECTORY}/${HOST}-`
    const args = [join(this.root, 'spawn'), 'parallel', `${count}`, path, 'CONFIG', prefix]
    return parseSamples(this.call(contender, config, args))
  }

  deleteOverheads(contender: Contender, config: object, count: number): number[] {
    need('/usr/bin/strace', 'strace')
    const trace = join(this.root, 'trace')
    const path = join(contender.directory, 'bridge')
    // --seccomp-bpf: only these calls stop, the others run as fast as ever.
    const calls = 'trace=execve,sendto,exit_group'
    const wrapper = ['strace', '--seccomp-bpf', '-f', '-ttt', '-T', '-e', calls, '-o', trace]
    const shell = (command: string) => [
      'sh',
      '-c',
      `CNI_COMMAND=${command} exec ${path} < $0 > /dev/null`,
      'CONFIG',
    ]
    return Array.from({ length: count }, () => {
      this.call(contender, config, shell('ADD'))
      this.call(contender, config, shell('DEL'), wrapper)
      return parseDeleteOverhead(readFileSync(trace, 'utf8'))
    })
  }

  load(script: string): void {
    execFileSync('ip', ['netns', 'exec', HOST, 'nft', '-f', '-'], {
      input: script,
      stdio: ['pipe', 'inherit', 'inherit'],
    })
  }

  dispose(): void {
    for (const name of this.names())
      if (existsSync(join(NETNS_DIRECTORY, name))) run('ip', 'netns', 'del', name)
    rmSync(this.root, { recursive: true, force: true })
  }
}

/** Sets everything up for at most `containers` containers; builds the newest reference plugins when they are not cached. */
export async function prepare(containers: number): Promise<Harness> {
  need(join(DEBIAN_PLUGINS, 'bridge'), 'containernetworking-plugins')
  need('/usr/bin/gcc', 'gcc')
  const root = mkdtempSync(join(tmpdir(), 'podroute-bench-cni-'))
  return new NamespacedHarness(root, containers, await buildReferencePlugins())
}
