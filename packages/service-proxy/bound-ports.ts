/** Ports that processes of a network namespace listen on, as /proc lists them: an effect. */
import { closeSync, openSync, readFile } from 'node:fs'
import { withNetns } from '@podroute/linux/netns.ts'
import { type BoundPort, readSockets } from './sockets.ts'

const FILES = [
  ['tcp', 'tcp'],
  ['tcp', 'tcp6'],
  ['udp', 'udp'],
  ['udp', 'udp6'],
] as const

/** Of the process's own namespace by default. Kernels without IPv6 lack two of the files. */
export async function boundPorts(netns?: string): Promise<ReadonlySet<BoundPort>> {
  const ports = new Set<BoundPort>()
  for (const [protocol, name] of FILES) {
    // Which namespace a file shows is decided when it is opened.
    const fd = withNetns(netns, () => open(`/proc/thread-self/net/${name}`))
    if (fd === undefined) continue
    try {
      for (const port of readSockets(protocol, await readAll(fd))) ports.add(port)
    } finally {
      closeSync(fd)
    }
  }
  return ports
}

function open(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch {
    return undefined
  }
}

function readAll(fd: number): Promise<string> {
  return new Promise((resolve, reject) =>
    readFile(fd, 'utf8', (error, text) => (error ? reject(error) : resolve(text))),
  )
}
