// Many calls of plugins by one shell: a process a call instead of three, and a mount namespace that all of them share.

import { join } from 'node:path'
import { environmentOf } from '../../packages/cni/testing/fake-world.ts'
import type { Call } from '../../packages/cni/testing/world.ts'
import type { NetnsWorld } from './cni-world.ts'

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

const assignments = (environment: Readonly<Record<string, string>>) =>
  Object.entries(environment)
    .map(([name, value]) => `${name}=${quote(value)}`)
    .join(' ')

/** One call as a line of shell: reads `input` (a file), runs under `wrapper`. */
export function callLine(
  world: NetnsWorld,
  plugin: string,
  call: Call,
  input: string,
  options: { plugins?: string; wrapper?: string } = {},
): string {
  const directory = options.plugins ?? world.plugins
  const environment = assignments(environmentOf(call, directory))
  const program = quote(join(directory, plugin))
  return `env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin ${environment} ${options.wrapper ?? ''} ${program} < ${quote(input)}`
}

/** Random numbers in [0, 1) from a seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
