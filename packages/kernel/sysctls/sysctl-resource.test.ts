import { expect } from 'chai'
import { SysctlResource } from './sysctl-resource.ts'

describe('kernel parameters as a Resource', () => {
  it('reads each once, also one that it knew before it set it', async () => {
    const values = new Map([
      ['net.ipv4.ip_forward', '0'],
      ['net.ipv4.vs.conntrack', '0'],
    ])
    const read: string[] = []
    const resource = new SysctlResource(
      {
        read: (name) => {
          read.push(name)
          return values.get(name)
        },
        write: (name, value) => void values.set(name, value),
      },
      ['net.ipv4.ip_forward'],
    )
    for (const key of values.keys()) await resource.apply([{ kind: 'add', key, value: '1' }])
    const found: unknown[] = []
    for await (const portion of resource.list()) found.push(...portion)
    expect(found).to.deep.equal([
      ['net.ipv4.ip_forward', '1'],
      ['net.ipv4.vs.conntrack', '1'],
    ])
    expect(read).to.have.length(2)
  })
})
