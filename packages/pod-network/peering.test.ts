import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { LogFields, Logger } from '@podroute/reconcile/log.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { makeSpeaker, type TestSpeaker } from 'bgp-speaker-ts/testing/pair.ts'
import { expect } from 'chai'
import { Peering } from './peering.ts'
import { testSettings } from './testing/fixtures.ts'

const HERE = '127.0.0.71'
const THERE = '127.0.0.72'
/** Not as an API server would have it: a Node has no loopback address. */
const local = (addresses: readonly string[]): ClusterNode => ({
  ...{ name: 'here', ready: true, podCidrs: [], zone: '', leaving: false, created: 0, problems: [] },
  addresses: addresses.map((text) => ({ family: 4, text })),
})

describe('peering', () => {
  let there: TestSpeaker
  let peering: Peering
  let said: { message: string; fields: LogFields | undefined }[]
  let replaced: number
  /** Called for every event of a session. */
  let onPeer: () => void
  const happens = async (holds: () => boolean) => {
    while (!holds())
      await new Promise<void>((resolve) => {
        onPeer = resolve
      })
  }
  const ofSessions = () => said.filter(({ message }) => message.toLowerCase().includes('session'))

  beforeEach(async () => {
    there = await makeSpeaker(THERE, { asn: 64512 })
    said = []
    replaced = 0
    onPeer = () => {}
    const say = (message: string, fields?: LogFields) => void said.push({ message, fields })
    const log: Logger = { debug() {}, info: say, warn: say, error: say }
    peering = new Peering(
      (config) => new Speaker({ ...config, log }),
      () => ({ ...testSettings, port: 0 }),
      {
        onBest() {},
        onPeer: () => onPeer(),
        nodeAt: (peer) => (peer === THERE ? 'there' : undefined),
        onReplaced: () => replaced++,
      },
      log,
    )
  })
  afterEach(async () => {
    await peering.close('over')
    await there.speaker.close()
  })

  it('says that a session came up, and that it ended, once each, with the name of the node and the reason', async () => {
    await peering.ensure(local([HERE]))
    const { speaker } = peering
    const families = ['ipv4-unicast'] as const
    const { port } = speaker!.listening()[0]!
    there.speaker.addPeer({ address: HERE, asn: 64512, port, localAddress: THERE, families, passive: true })
    speaker!.addPeer({ address: THERE, asn: 64512, port: there.port, localAddress: HERE, families })
    await happens(() => peering.isEstablished(THERE))
    expect(ofSessions().map(({ message }) => message)).to.deep.equal(['BGP session up'])
    expect(ofSessions()[0]?.fields).to.deep.equal({ peer: THERE, node: 'there', routerId: THERE, families })
    said = []
    await there.speaker.close('maintenance')
    await happens(() => !peering.isEstablished(THERE))
    expect(ofSessions().map(({ message }) => message)).to.deep.equal(['BGP session down'])
    expect(ofSessions()[0]?.fields).to.deep.include({ peer: THERE, node: 'there' })
    expect(ofSessions()[0]?.fields?.reason).to.include({
      kind: 'notification-received',
      communication: 'maintenance',
    })
  })

  it('goes on while the node has no address, and has no problem once it is back', async () => {
    await peering.ensure(local([]))
    expect(peering.problem).to.equal('the Node has no address')
    await peering.ensure(local([HERE]))
    const { speaker } = peering
    await peering.ensure(local([]))
    expect(peering.problem).to.equal(undefined)
    await peering.ensure(local([HERE]))
    expect(peering.speaker).to.equal(speaker)
    expect(replaced).to.equal(0)
    await peering.ensure(local([THERE.replace('72', '73')]))
    expect(peering.speaker).not.to.equal(speaker)
    expect([replaced, peering.problem]).to.deep.equal([1, undefined])
  })
})
