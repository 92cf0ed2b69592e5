// A neighbour of the host's, for traffic from outside.

import { command, type NetnsWorld } from './cni-world.ts'

const nameOfPath = (path: string) => path.split('/').at(-1)!

/** A namespace that is wired to the host as its neighbour outside; returns its name. */
export function connectOutside(world: NetnsWorld): string {
  const outside = nameOfPath(world.addContainer('outside'))
  command(
    'ip',
    '-n',
    world.host,
    'link',
    'add',
    'up0',
    'type',
    'veth',
    'peer',
    'name',
    'up0',
    'netns',
    outside,
  )
  for (const [place, last] of [
    [world.host, '1'],
    [outside, '2'],
  ] as const) {
    command('ip', '-n', place, 'addr', 'add', `192.0.2.${last}/24`, 'dev', 'up0')
    command('ip', '-n', place, 'addr', 'add', `2001:db8::${last}/64`, 'dev', 'up0', 'nodad')
    command('ip', '-n', place, 'link', 'set', 'up0', 'up')
    command('ip', '-n', place, 'link', 'set', 'lo', 'up')
  }
  return outside
}
