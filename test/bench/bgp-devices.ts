// The speakers that are measured: how each is started with the peers of a scenario, and what its process has used.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually, NamespaceProcess, output, temporaryDirectory } from '../interop/support/daemon.ts'
import type { Link } from '../interop/support/link.ts'
import { birdConfiguration } from './bgp-bird.ts'
import { gobgpConfiguration, gobgpProgram } from './bgp-gobgp.ts'

export type DeviceName = 'ours' | 'BIRD' | 'GoBGP'

/** A device that runs. */
export interface Device {
  /** User and system time so far, seconds; the kernel counts in hundredths. */
  cpu(): number
  /** Resident memory, MB. */
  memory(): number
  stop(): Promise<void>
}

/** `rules`: how many import rules our own device applies. */
export function startDevice(name: DeviceName, link: Link, peers: number, rules: number): Promise<Device> {
  if (name === 'ours') return startOurs(link, peers, rules)
  return name === 'BIRD' ? startBird(link, peers) : startGobgp(link, peers)
}

async function startOurs(link: Link, peers: number, rules: number): Promise<Device> {
  const program = join(import.meta.dirname, 'bgp-device.ts')
  const child = new NamespaceProcess(link.ours, process.execPath, [program, String(peers), String(rules)])
  await eventually(
    () => child.text,
    (text) => text.includes('ready'),
  )
  return device(child, () => {})
}

async function startBird(link: Link, peers: number): Promise<Device> {
  const directory = temporaryDirectory('bench-bird')
  const config = join(directory.path, 'bird.conf')
  const control = join(directory.path, 'bird.ctl')
  writeFileSync(config, birdConfiguration(peers))
  const child = new NamespaceProcess(link.ours, 'bird', ['-f', '-c', config, '-s', control])
  await eventually(
    () => output('birdc', ['-s', control, 'show', 'status']),
    (text) => text.includes('Daemon is up'),
  )
  return device(child, directory.remove)
}

async function startGobgp(link: Link, peers: number): Promise<Device> {
  const program = await gobgpProgram()
  const directory = temporaryDirectory('bench-gobgp')
  const config = join(directory.path, 'gobgpd.toml')
  writeFileSync(config, gobgpConfiguration(peers))
  const child = new NamespaceProcess(link.ours, program, ['-f', config, '--pprof-disable', '-l', 'info'])
  let added = 0
  child.onText = (text) => {
    added += text.split('Add a peer').length - 1
  }
  await eventually(
    () => added,
    (count) => count >= peers,
    60_000,
  )
  return device(child, directory.remove)
}

function device(child: NamespaceProcess, after: () => void): Device {
  return {
    cpu: () => cpuSeconds(child.pid),
    memory: () => residentMegabytes(child.pid),
    async stop() {
      await child.stop('SIGKILL')
      after()
    },
  }
}

function residentMegabytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1]) / 1024
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}
