/** What /proc shows of a network namespace: an effect. */
import { closeSync, openSync, readFile } from 'node:fs'
import { withNetns } from '@podroute/linux/netns.ts'
import { parseIpvsTable } from './ipvs-table.ts'
import type { DestinationsByServer } from './kernel.ts'
import { type BoundPort, readSockets } from './sockets.ts'

const SOCKET_FILES = [
  ['tcp', 'tcp'],
  ['tcp', 'tcp6'],
  ['udp', 'udp'],
  ['udp', 'udp6'],
] as const

/** Ports on which processes wait for clients; of the process's own namespace by default. */
export async function boundPorts(netns?: string): Promise<ReadonlySet<BoundPort>> {
  const ports = new Set<BoundPort>()
  for (const [protocol, name] of SOCKET_FILES) {
    for (const port of readSockets(protocol, await read(name, netns))) ports.add(port)
  }
  return ports
}

/** All destinations of all virtual servers, others' included; of the process's own namespace by default. */
export async function ipvsTable(netns?: string): Promise<DestinationsByServer> {
  return parseIpvsTable(await read('ip_vs', netns))
}

/** Empty where the kernel does not have it (IPv6 turned off). */
async function read(name: string, netns: string | undefined): Promise<string> {
  // Which namespace a file shows is decided when it is opened.
  const fd = withNetns(netns, () => open(`/proc/thread-self/net/${name}`))
  if (fd === undefined) return ''
  try {
    return await new Promise((resolve, reject) =>
      readFile(fd, 'utf8', (error, text) => (error ? reject(error) : resolve(text))),
    )
  } finally {
    closeSync(fd)
  }
}

function open(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch {
    return undefined
  }
}
