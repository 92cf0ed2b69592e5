import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { followResolvers, resolversIn } from './resolvers.ts'

describe('resolvers', () => {
  it('are the nameservers of resolv.conf', () => {
    const text = `# nameserver 192.0.2.1
search example
nameserver 192.0.2.53
 nameserver\t2001:DB8::53 # a comment
nameserver fe80::1%eth0
nameserver ns.example
nameserver
options ndots:5
`
    expect(resolversIn(text)).to.deep.equal(['192.0.2.53', '2001:db8::53', 'fe80::1'])
  })

  it('are told again when another file takes the place of the old one', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'podroute-resolvers-'))
    const path = join(directory, 'resolv.conf')
    writeFileSync(path, 'nameserver 192.0.2.53\n')
    const told: (readonly string[])[] = []
    let wake = () => {}
    const again = new Promise<void>((resolve) => {
      wake = resolve
    })
    const following = followResolvers(path, (addresses) => {
      told.push(addresses)
      if (addresses.includes('192.0.2.54')) wake()
    })
    writeFileSync(`${path}.new`, 'nameserver 192.0.2.54\n')
    renameSync(`${path}.new`, path)
    await again
    expect(told[0]).to.deep.equal(['192.0.2.53'])
    following[Symbol.dispose]()
    rmSync(directory, { recursive: true })
  })

  it('are none without the file', () => {
    const told: (readonly string[])[] = []
    followResolvers('/nonexistent/resolv.conf', (addresses) => told.push(addresses))[Symbol.dispose]()
    expect(told).to.deep.equal([[]])
  })
})
