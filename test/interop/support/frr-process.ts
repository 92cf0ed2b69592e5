// FRR's daemons, each with its files and sockets in one directory; and zebra, which they know interfaces and each other by.
import { chownSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually, NamespaceProcess } from './daemon.ts'
import type { Link } from './link.ts'

export function frrProcess(
  link: Link,
  directory: string,
  daemon: string,
  config: string,
  ...more: readonly string[]
): NamespaceProcess {
  const file = join(directory, `${daemon}.conf`)
  writeFileSync(file, config)
  const common = ['-f', file, '-i', join(directory, `${daemon}.pid`), '-P', '0']
  const vty = ['--vty_socket', directory, '--log', 'stdout']
  return new NamespaceProcess(link.theirs, `/usr/lib/frr/${daemon}`, [...common, ...vty, ...more])
}

/** Where daemons find zebra. */
export const zebraSocket = (directory: string) => ['-z', join(directory, 'zserv')]

/** Starts zebra and waits until others can reach it. It runs as Debian's user `frr`, whose the directory becomes. */
export async function startZebra(link: Link, directory: string): Promise<NamespaceProcess> {
  const { uid, gid } = statSync('/etc/frr')
  chownSync(directory, uid, gid)
  const zebra = frrProcess(link, directory, 'zebra', '', ...zebraSocket(directory))
  await eventually(() => statSync(join(directory, 'zserv')).isSocket(), Boolean)
  return zebra
}

export function startBfdd(link: Link, directory: string, config: string): NamespaceProcess {
  return frrProcess(
    link,
    directory,
    'bfdd',
    config,
    ...zebraSocket(directory),
    '--bfdctl',
    join(directory, 'ctl'),
  )
}
