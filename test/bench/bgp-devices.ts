// The speakers that are measured: how each is started with the peers of a scenario, and what its process has used.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { agentSettings } from '../../deploy/manifest.ts'
import { eventually, NamespaceProcess, output, temporaryDirectory } from '../interop/support/daemon.ts'
import type { Link } from '../interop/support/link.ts'
import { birdConfiguration } from './bgp-bird.ts'
import { gobgpConfiguration, gobgpProgram } from './bgp-gobgp.ts'
import type { IpFamily } from './bgp-scenario.ts'

export type DeviceName = 'ours' | 'BIRD' | 'GoBGP'

/** A device that runs. */
export interface Device {
  /** CPU time of all threads so far, seconds. */
  cpu(): number
  /** Resident memory, MB. */
  memory(): number
  stop(): Promise<void>
}

export interface DeviceOptions {
  readonly family: IpFamily
  readonly peers: number
  /** It applies the rules of bgp-rules.ts to what it imports. */
  readonly rules: boolean
  /** Where our own device leaves a CPU profile; absent: it makes none. */
  readonly profile?: string | undefined
}

export function startDevice(name: DeviceName, link: Link, options: DeviceOptions): Promise<Device> {
  if (name === 'ours') return startOurs(link, options)
  return name === 'BIRD' ? startBird(link, options) : startGobgp(link, options)
}

/** As deploy/build.ts makes it: stripping the types at run time alone takes as much memory again as all of Node. */
async function bundle(directory: string): Promise<string> {
  const outfile = join(directory, 'bgp-device.mjs')
  const entryPoints = [join(import.meta.dirname, 'bgp-device.ts')]
  await build({ entryPoints, outfile, bundle: true, platform: 'node', format: 'esm', target: 'node24' })
  return outfile
}

async function startOurs(link: Link, { family, peers, rules, profile }: DeviceOptions): Promise<Device> {
  const directory = temporaryDirectory('bench-ours')
  const program = await bundle(directory.path)
  const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  const { flags, env } = agentSettings()
  const args = [...flags, ...profiling, program, family, String(peers), rules ? 'yes' : 'no']
  const child = new NamespaceProcess(link.ours, process.execPath, args, { ...process.env, ...env })
  await eventually(
    () => child.text,
    (text) => text.includes('ready'),
  )
  return device(child, directory.remove, profile === undefined ? 'SIGKILL' : 'SIGTERM')
}

async function startBird(link: Link, options: DeviceOptions): Promise<Device> {
  const directory = temporaryDirectory('bench-bird')
  const config = join(directory.path, 'bird.conf')
  const control = join(directory.path, 'bird.ctl')
  writeFileSync(config, birdConfiguration(options))
  const child = new NamespaceProcess(link.ours, 'bird', ['-f', '-c', config, '-s', control])
  await eventually(
    () => output('birdc', ['-s', control, 'show', 'status']),
    (text) => text.includes('Daemon is up'),
  )
  return device(child, directory.remove)
}

async function startGobgp(link: Link, options: DeviceOptions): Promise<Device> {
  const program = await gobgpProgram()
  const directory = temporaryDirectory('bench-gobgp')
  const config = join(directory.path, 'gobgpd.toml')
  writeFileSync(config, gobgpConfiguration(options))
  const child = new NamespaceProcess(link.ours, program, ['-f', config, '--pprof-disable', '-l', 'info'])
  let added = 0
  child.onText = (text) => {
    added += text.split('Add a peer').length - 1
  }
  await eventually(
    () => added,
    (count) => count >= options.peers,
    60_000,
  )
  return device(child, directory.remove)
}

function device(child: NamespaceProcess, after: () => void, signal: NodeJS.Signals = 'SIGKILL'): Device {
  return {
    cpu: () => cpuSeconds(child.pid),
    memory: () => residentMegabytes(child.pid),
    async stop() {
      await child.stop(signal)
      after()
    },
  }
}

function residentMegabytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1]) / 1024
}

/** By the scheduler's clock, whose unit is a nanosecond: that of /proc/PID/stat is ten milliseconds. */
function cpuSeconds(pid: number): number {
  const threads = `/proc/${pid}/task`
  return readdirSync(threads).reduce((sum, thread) => {
    try {
      return sum + Number(readFileSync(`${threads}/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e9
    } catch {
      // It has just ended; what it used is lost, which is nothing for threads that come and go.
      return sum
    }
  }, 0)
}
