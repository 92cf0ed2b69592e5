// Two network namespaces with a link between them: our speaker's end and the other implementation's.
import { execFileSync } from 'node:child_process'

export interface Link {
  /** Names of the namespaces. */
  readonly ours: string
  readonly theirs: string
}

/** Both ends of the link in both families. */
export const ADDRESS = {
  ours: { 4: '10.99.0.1', 6: 'fd99::1' },
  theirs: { 4: '10.99.0.2', 6: 'fd99::2' },
} as const

let count = 0

export function makeLink(): Link {
  const id = `${process.pid}-${count++}`
  const link = { ours: `pr-bgp-a-${id}`, theirs: `pr-bgp-b-${id}` }
  ip('netns', 'add', link.ours)
  ip('netns', 'add', link.theirs)
  ip('-n', link.ours, 'link', 'add', 'peer', 'type', 'veth', 'peer', 'name', 'peer', 'netns', link.theirs)
  for (const end of ['ours', 'theirs'] as const) {
    ip('-n', link[end], 'link', 'set', 'lo', 'up')
    ip('-n', link[end], 'address', 'add', `${ADDRESS[end][4]}/24`, 'dev', 'peer')
    ip('-n', link[end], 'address', 'add', `${ADDRESS[end][6]}/64`, 'dev', 'peer', 'nodad')
    ip('-n', link[end], 'link', 'set', 'peer', 'up')
  }
  return link
}

export function removeLink(link: Link): void {
  for (const name of [link.ours, link.theirs]) ip('netns', 'delete', name)
}

export function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8' })
}
