// Mappings of the process's own memory.
import { expect } from 'chai'
import { unchangedRegions } from './memory.ts'

const mapping = (range: string, permissions: string, file: string, anonymous: number) =>
  `${range} ${permissions} 0034a000 fe:00 10330586                           ${file}\nRss:                  80 kB\nAnonymous:         ${String(anonymous).padStart(5)} kB\nVmFlags: rd ex mr mw me\n`

describe('unchanged mappings of a file', () => {
  const smaps = [
    mapping('00400000-00746000', 'r--p', '/usr/local/bin/node', 0),
    mapping('0074a000-03044000', 'r-xp', '/usr/local/bin/node', 0),
    mapping('06b52000-06b56000', 'r--p', '/usr/local/bin/node', 16),
    mapping('06b56000-06b7d000', 'rw-p', '/usr/local/bin/node', 0),
    mapping('7f6defdc0000-7f6deffc5000', 'r-xp', '/usr/lib/libc.so.6', 0),
    mapping('7ffd00000000-7ffd00001000', 'r-xp', '', 0),
  ].join('')

  it('are those that nobody can write to and nobody has written to', () => {
    expect(unchangedRegions(smaps, '/usr/local/bin/node')).to.deep.equal([
      { start: 0x400000, length: 0x346000 },
      { start: 0x74a000, length: 0x28fa000 },
    ])
  })
})
