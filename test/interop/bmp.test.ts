// BMP as others read it: Wireshark's decoder on our messages, and pmacct's collector at the other end of a connection.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kernelTransport } from '@podroute/pod-network/bgp/transport.ts'
import { Bmp } from 'bgp-speaker-ts/bmp/bmp.ts'
import { fromHex, toHex } from 'bgp-speaker-ts/packet/attributes.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { Bench } from 'bgp-speaker-ts/testing/bench.ts'
import { BmpStation } from 'bgp-speaker-ts/testing/bmp-station.ts'
import { BMP_VECTORS } from 'bgp-speaker-ts/testing/bmp-vectors.ts'
import { expect } from 'chai'
import { eventually, NamespaceProcess, output, temporaryDirectory } from './support/daemon.ts'
import { ADDRESS, type Link, makeLink, removeLink } from './support/link.ts'

const PORT = 11_019
const FAMILIES = ['ipv4-unicast', 'ipv6-unicast'] as const

/** What a collector hears of a session with routes of both families, its policy, its figures and its end. */
async function spoken(): Promise<readonly Uint8Array[]> {
  const bench = new Bench()
  const bmp = new Bmp(bench.speaker, { sysName: 'node-1' })
  const station = new BmpStation()
  await bench.speaker.start()
  await bench.network.transport('10.9.0.9').listen({ port: PORT }, (connection) => station.accept(connection))
  bmp.addCollector({ address: '10.9.0.9', port: PORT, views: ['pre-policy', 'post-policy'] })
  const raw = bench.peer({ holdTime: 0 }).establish()
  raw.announceWith({ med: 1, communities: [0xfc010001] }, '10.1.0.0/16', 'fd10::/48').withdraw('10.1.0.0/16')
  raw.endOfRib(...FAMILIES)
  bench.clock.advance(61_000)
  raw.crash()
  bench.clock.settle()
  const closed = bmp.close()
  bench.clock.advance(2000)
  await closed
  await bench.close()
  return station.raw
}

/** One packet for text2pcap. */
function hexDump(bytes: Uint8Array): string {
  const rows = toHex(bytes).match(/.{1,32}/g)!
  return `${rows.map((row, i) => `${(i * 16).toString(16).padStart(6, '0')} ${row.match(/../g)!.join(' ')}`).join('\n')}\n`
}

describe('BMP', function () {
  this.timeout(60_000)
  const directory = temporaryDirectory('bmp')
  after(() => directory.remove())

  it('is what Wireshark reads, every type of message, with nothing malformed', async () => {
    // Route mirroring is no message of ours.
    const known = BMP_VECTORS.filter(({ message }) => message.kind !== 'unknown').map(({ hex }) =>
      fromHex(hex),
    )
    const messages = [...known, ...(await spoken())]
    const [dump, pcap] = [join(directory.path, 'bmp.txt'), join(directory.path, 'bmp.pcap')]
    writeFileSync(dump, messages.map(hexDump).join('\n'))
    await output('text2pcap', ['-q', '-T', `40000,${PORT}`, dump, pcap])
    const read = (...args: readonly string[]) =>
      output('tshark', ['-r', pcap, '-d', `tcp.port==${PORT},bmp`, ...args])
    expect(await read('-Y', '_ws.malformed || _ws.expert.severity == error')).to.equal('')
    const types = (await read('-T', 'fields', '-e', 'bmp.type')).trim().split('\n').map(Number)
    expect(types).to.deep.equal(messages.map((bytes) => bytes[5]))
    expect(new Set(types)).to.deep.equal(new Set([0, 1, 2, 3, 4, 5]))
  })

  describe('at pmacct’s collector', () => {
    const log = join(directory.path, 'log.json')
    let link: Link
    let collector: NamespaceProcess
    const said = (): readonly Record<string, unknown>[] =>
      readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line.endsWith('}'))
        .map((line) => JSON.parse(line) as Record<string, unknown>)
    const routes = () =>
      said()
        .filter(({ bmp_msg_type }) => bmp_msg_type === 'route_monitor')
        .map(
          (each) =>
            `${each.is_post === 1 ? 'post' : 'pre'} ${each.log_type} ${each.ip_prefix} ${each.as_path ?? ''}`,
        )

    before(() => {
      link = makeLink()
      const config = join(directory.path, 'pmbmpd.conf')
      const settings = {
        ...{ daemonize: false, bmp_daemon_ip: ADDRESS.theirs[4], bmp_daemon_port: PORT },
        ...{ bmp_daemon_msglog_file: log, bmp_daemon_msglog_output: 'json' },
      }
      const lines = Object.entries(settings).map(([name, value]) => `${name}: ${value}\n`)
      writeFileSync(config, lines.join(''))
      writeFileSync(log, '')
      collector = new NamespaceProcess(link.theirs, 'pmbmpd', ['-f', config])
    })
    after(async () => {
      await collector.stop()
      removeLink(link)
    })

    it('are sessions, routes before and after policy, figures, ends, and why it is told no more', async () => {
      const us = new Speaker({
        ...{ asn: 64512, routerId: '10.99.0.1', listen: { port: 179 } },
        transport: kernelTransport(link.ours),
      })
      const bmp = new Bmp(us, { sysName: 'node-1', sysDescr: 'a speaker' })
      const views = ['pre-policy', 'post-policy'] as const
      bmp.addCollector({ address: ADDRESS.theirs[4], port: PORT, views, statisticsInterval: 1 })
      us.addPeer({
        ...{ address: ADDRESS.theirs[4], asn: 64513, families: FAMILIES, passive: true },
        importPolicy: {
          rules: [{ name: 'not-this', match: { prefixes: [{ prefix: '10.2.0.0/16' }] }, verdict: 'reject' }],
          otherwise: 'accept',
        },
      })
      await us.start()
      const them = new Speaker({ asn: 64513, routerId: '10.99.0.2', transport: kernelTransport(link.theirs) })
      for (const prefix of ['10.1.0.0/16', '10.2.0.0/16', 'fd10::/48']) them.announce({ prefix })
      const nextHop = { ipv6: ADDRESS.theirs[6] }
      them.addPeer({ address: ADDRESS.ours[4], asn: 64512, families: FAMILIES, nextHop, connectRetryTime: 1 })
      await them.start()
      await eventually(routes, (all) => all.includes('post update fd10::/48 64513'))
      await eventually(said, (all) => all.some(({ bmp_msg_type }) => bmp_msg_type === 'stats'))
      them.withdraw('10.1.0.0/16')
      await eventually(routes, (all) => all.includes('post withdraw 10.1.0.0/16 '))
      await them.close()
      await eventually(said, (all) => all.some(({ bmp_msg_type }) => bmp_msg_type === 'peer_down'))
      await us.close()
      await bmp.close()
      await eventually(said, (all) => all.some(({ bmp_msg_type }) => bmp_msg_type === 'term'))

      const of = (type: string) => said().filter(({ bmp_msg_type }) => bmp_msg_type === type)
      expect(of('init')[0]).to.include({
        bmp_init_info_sysdescr: 'a speaker',
        bmp_init_info_sysname: 'node-1',
      })
      const peer = { peer_ip: ADDRESS.theirs[4], peer_asn: 64513 }
      expect(of('peer_up')).to.have.length(1)
      expect(of('peer_up')[0]).to.include({
        ...peer,
        bgp_id: '10.99.0.2',
        local_ip: ADDRESS.ours[4],
        local_port: 179,
      })
      expect(routes()).to.include.members([
        'pre update 10.1.0.0/16 64513',
        'pre update 10.2.0.0/16 64513',
        'pre update fd10::/48 64513',
        'post update 10.1.0.0/16 64513',
        'post withdraw 10.2.0.0/16 ',
        'pre withdraw 10.1.0.0/16 ',
      ])
      expect(of('stats').find((each) => each.counter_type === 7)).to.include({ ...peer, counter_value: 3 })
      expect(of('peer_down')[0]).to.include({ ...peer, reason_type: 3 })
      expect(of('term')[0]).to.include({ bmp_term_info_reason: 'Session administratively closed' })
    })
  })
})
