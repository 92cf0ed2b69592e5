import type { SetElement } from '@podroute/kernel/nft/element.ts'
import type { Link } from '@podroute/linux/route/links.ts'
import { expect } from 'chai'
import { elementsOf, sourcesOf } from './port-elements.ts'
import { SourcePorts } from './ports.ts'

const ALIAS = 'podroute/podroute/0123abcd/eth0'
const MAC = '02:00:5e:00:53:07'
const BRIDGE: Partial<Link> = { index: 10, name: 'kube-bridge', kind: 'bridge', master: 0 }
const port = (name: string, alias?: string, master = 10) =>
  ({
    index: 20 + Number(name.at(-1)),
    name,
    kind: 'veth',
    master,
    ...(alias === undefined ? {} : { alias }),
  }) as Link

describe('what a port may send from', () => {
  it('is read from the alias that the CNI plugin gives it', () => {
    expect(sourcesOf(port('veth1', `${ALIAS} ${MAC},10.244.1.2,fd10::2`))).to.deep.equal({
      mac: MAC,
      addresses: ['10.244.1.2', 'fd10::2'],
    })
    const others = [
      undefined,
      '',
      ALIAS,
      `${ALIAS} ${MAC}`,
      `${ALIAS} ${MAC},`,
      `${ALIAS} ${MAC},"}`,
      'x y,z',
    ]
    for (const alias of others) expect(sourcesOf(port('veth1', alias)), alias).to.equal(undefined)
    expect(sourcesOf({ kind: 'dummy', alias: `${ALIAS} ${MAC},10.244.1.2` })).to.equal(undefined)
  })

  it('are elements with the link-local address of its hardware address, the port itself last', () => {
    const elements = elementsOf(21, { mac: MAC, addresses: ['10.244.1.2', 'fd10::2'] })
    expect(elements.map(({ set, element }) => `${set} ${element}`)).to.deep.equal([
      `link-sources-4 21 . ${MAC} . 10.244.1.2`,
      `link-sources-6 21 . ${MAC} . fe80::5eff:fe00:5307`,
      `link-sources-6 21 . ${MAC} . fd10::2`,
      'link-targets-6 21 . 0xfe8000000000000000005efffe005307',
      'link-targets-6 21 . 0xfd100000000000000000000000000002',
      `link-macs 21 . ${MAC}`,
      'checked-links 21',
    ])
  })
})

describe('ports of pods', () => {
  const setup = () => {
    const elements = new Map<string, SetElement>()
    let sweeps = 0
    const table = {
      set: (key: string, element: SetElement) => void elements.set(key, element),
      delete: (key: string) => void elements.delete(key),
      sweep: () => sweeps++,
    }
    const ports = new SourcePorts(table, 'kube-bridge')
    let tell: (change: 'add' | 'remove', link: Link) => void = () => {}
    const subscribe = ({ onLink }: { onLink?: typeof tell }) => {
      if (onLink) tell = onLink
      return { [Symbol.dispose]() {} }
    }
    ports.watch({ subscribe }, { list: async () => [] })
    const known = () =>
      [...elements.values()].map(({ element }) => `veth${Number(element.split(' ')[0]) - 20}`)
    return {
      ports,
      known: () => [...new Set(known())].sort(),
      tell: (...args: Parameters<typeof tell>) => tell(...args),
      sweeps: () => sweeps,
    }
  }
  const said = (n: number) => `${ALIAS} ${MAC},10.244.1.${n}`

  it('have elements while they are there, on any bridge; what is left of others is swept', () => {
    const { ports, known, tell, sweeps } = setup()
    ports.update([port('veth1', said(2)), port('veth2', said(3), 77), BRIDGE as Link])
    expect(known()).to.deep.equal(['veth1', 'veth2'])
    expect(sweeps()).to.equal(1)
    tell('add', port('veth3', said(4)))
    tell('remove', port('veth1', said(2)))
    expect(known()).to.deep.equal(['veth2', 'veth3'])
    ports.update([BRIDGE as Link, port('veth3', said(4))])
    expect(known()).to.deep.equal(['veth3'])
  })

  it('that say nothing are counted, and pass', () => {
    const { ports, known, tell } = setup()
    ports.update([port('veth1'), port('veth2', ALIAS), port('veth3', undefined, 77), BRIDGE as Link])
    expect(known()).to.deep.equal([])
    expect(ports.unknown).to.equal(2)
    tell('remove', port('veth1'))
    tell('add', port('veth2', said(2)))
    expect(ports.unknown).to.equal(0)
  })

  it('have no elements of addresses that they do not say any more', () => {
    const { known, tell } = setup()
    tell('add', port('veth1', said(2)))
    tell('add', port('veth1', ALIAS))
    expect(known()).to.deep.equal([])
  })
})
