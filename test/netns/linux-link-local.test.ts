/** ICMPv6 and TCP between link-local addresses in two network namespaces, where the process's own has other interfaces. */
import { once } from 'node:events'
import { parseAddress } from '@podroute/address/address.ts'
import { openIcmp6 } from '@podroute/linux/icmp6.ts'
import { interfaceIndex, interfaceName } from '@podroute/linux/interface.ts'
import { withNetns } from '@podroute/linux/netns.ts'
import {
  AF_INET6,
  close,
  O_RDONLY,
  open,
  SOCK_RAW,
  sendto,
  setsockoptInt,
  socket,
} from '@podroute/linux/sys.ts'
import { writeSysctl } from '@podroute/linux/sysctl.ts'
import { connectTcp, listenTcp, tcpAddresses } from '@podroute/linux/tcp.ts'
import { sockaddr } from '@podroute/linux/tcp-options.ts'
import { expect } from 'chai'
import { eventually, TestNetns } from './linux-support.ts'

const SOLICITATION = Uint8Array.of(133, 0, 0, 0, 0, 0, 0, 0)
const ECHO = Uint8Array.of(128, 0, 0, 0, 0, 0, 0, 0)

describe('link-local neighbours', () => {
  let here: TestNetns
  let there: TestNetns

  beforeEach(async () => {
    here = await TestNetns.create('ll-a')
    there = await TestNetns.create('ll-b')
    // The kernel itself solicits routers from a new link-local address, once and again: it would be heard, too.
    for (const { path } of [here, there])
      writeSysctl('net.ipv6.conf.default.router_solicitations', 0, { netns: path })
    // So that the link's index is another there.
    await there.veth('other')
    const fd = open(there.path, O_RDONLY)
    const link = await here.links.add({
      kind: 'veth',
      name: 'v0',
      up: true,
      peer: { name: 'v9', netnsFd: fd },
    })
    close(fd)
    const peer = await there.links.get('v9')
    await there.links.set(peer!.index, { up: true })
    await here.address(link.index, 'fe80::a/64')
    await there.address(peer!.index, 'fe80::b/64')
  })

  afterEach(() => {
    here[Symbol.dispose]()
    there[Symbol.dispose]()
  })

  it('hear what is sent to all routers of the link, of the types asked for, and not themselves', async () => {
    const heard: string[] = []
    const listen = (at: TestNetns, link: string) =>
      openIcmp6({ link, types: [133], groups: ['ff02::2'], netns: at.path }, (bytes, source) =>
        heard.push(`${at.name} ${bytes[0]} from ${source}`),
      )
    const [a, b] = [listen(here, 'v0'), listen(there, 'v9')]
    a.send(ECHO, 'ff02::2')
    a.send(SOLICITATION, 'ff02::2')
    b.send(SOLICITATION, 'fe80::a')
    await eventually(() => heard.length === 2)
    expect(heard).to.have.members([`${there.name} 133 from fe80::a`, `${here.name} 133 from fe80::b`])
    a.close()
    a.close()
    b.close()
  })

  it('are deaf to what may have come from further away than the link: hop limits below 255', async () => {
    const heard: string[] = []
    const options = { link: 'v9', types: [133], groups: ['ff02::2'], netns: there.path }
    const ear = openIcmp6(options, (_bytes, source) => heard.push(source))
    const far = withNetns(here.path, () => socket(AF_INET6, SOCK_RAW, 58))
    const to = sockaddr(6, parseAddress('fe80::b'), 0)
    new DataView(to.buffer).setUint32(24, interfaceIndex(far, 'v0'), true)
    for (const hops of [254, 255]) {
      setsockoptInt(far, 41, 16, hops)
      sendto(far, SOLICITATION, 0, to)
    }
    await eventually(() => heard.length > 0)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(heard).to.deep.equal(['fe80::a'])
    close(far)
    ear.close()
  })

  it('need a link that is there', () => {
    const options = { link: 'nope', types: [133], groups: [], netns: here.path }
    expect(() => openIcmp6(options, () => {}))
      .to.throw()
      .with.property('code', 'ENODEV')
  })

  it('connect, and see each other with the interface that they are on', async () => {
    const accepted = Promise.withResolvers<ReturnType<typeof tcpAddresses>>()
    const listener = await listenTcp({ port: 1790, netns: there.path }, (connection) => {
      accepted.resolve(tcpAddresses(connection))
      connection.on('data', () => {}).on('error', () => {})
    })
    const connection = connectTcp({ address: 'fe80::b%v0', port: 1790, netns: here.path })
    await once(connection, 'connect')
    expect(tcpAddresses(connection)).to.deep.equal({ local: 'fe80::a%v0', remote: 'fe80::b%v0' })
    expect(await accepted.promise).to.deep.equal({ local: 'fe80::b%v9', remote: 'fe80::a%v9' })
    connection.destroy()
    await listener.close()
  })

  it('know interfaces by name and index of the namespace of a socket', () => {
    const fd = withNetns(there.path, () => socket(AF_INET6, SOCK_RAW, 58))
    expect(interfaceName(fd, interfaceIndex(fd, 'v9'))).to.equal('v9')
    expect(() => interfaceIndex(fd, 'v0'))
      .to.throw()
      .with.property('code', 'ENODEV')
    close(fd)
  })
})
