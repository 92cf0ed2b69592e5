import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { LogFields, Logger } from '@podroute/reconcile/log.ts'
import { Speaker, type SpeakerEvents } from 'bgp-speaker-ts/speaker.ts'
import { makeSpeaker, type TestSpeaker } from 'bgp-speaker-ts/testing/pair.ts'
import { expect } from 'chai'
import type { PodNetworkSettings } from '../settings.ts'
import { testSettings } from '../testing/fixtures.ts'
import { Peering } from './instance.ts'

const HERE = '127.0.0.71'
const THERE = '127.0.0.72'
/** Not as an API server would have it: a Node has no loopback address. */
const local = (addresses: readonly string[]): ClusterNode => ({
  ...{ name: 'here', ready: true, podCidrs: [], zone: '', leaving: false, created: 0, problems: [] },
  addresses: addresses.map((text) => ({ family: 4, text })),
})

/** Resolves at the first event for which `holds`. */
function once<K extends keyof SpeakerEvents>(
  speaker: Speaker,
  event: K,
  holds: (...args: SpeakerEvents[K]) => boolean,
): Promise<void> {
  return new Promise((resolve) => {
    const listener = (...args: unknown[]) => {
      if (holds(...(args as SpeakerEvents[K]))) resolve()
    }
    speaker.on(event, listener as never)
  })
}

describe('peering', () => {
  let there: TestSpeaker
  let peering: Peering
  let makePeering: (settings: PodNetworkSettings) => Peering
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
    makePeering = (settings) =>
      new Peering(
        (config) => new Speaker({ ...config, log }),
        () => settings,
        {
          onBest() {},
          onPeer: () => onPeer(),
          nodeAt: (peer) => (peer === THERE ? 'there' : undefined),
          onReplaced: () => replaced++,
        },
        log,
      )
    peering = makePeering({ ...testSettings, port: 0 })
  })
  afterEach(async () => {
    await peering.close('over')
    await there.speaker.close()
  })

  for (const [when, restartTime, kept] of [
    ['leaves its routes with peers that keep them', 90, true],
    ['takes its routes along where that is off', undefined, false],
  ] as const) {
    it(`${when}, when the agent stops`, async () => {
      await peering.close('of another kind')
      const { restartTime: _, ...settings } = testSettings
      peering = makePeering({ ...settings, port: 0, ...(restartTime === undefined ? {} : { restartTime }) })
      await peering.ensure(local([HERE]))
      const { speaker } = peering
      const families = ['ipv4-unicast'] as const
      const gracefulRestart = { time: 60, forwarding: true }
      const common = { asn: 64512, families, ...(restartTime === undefined ? {} : { gracefulRestart }) }
      const { port } = speaker!.listening()[0]!
      there.speaker.addPeer({ ...common, address: HERE, port, localAddress: THERE, passive: true })
      speaker!.announce({ prefix: '10.9.0.0/16' })
      speaker!.addPeer({ ...common, address: THERE, port: there.port, localAddress: HERE })
      const learned = () => [...there.speaker.routes()].map(({ prefix }) => prefix)
      const down = once(there.speaker, 'peer', ({ kind }) => kind === 'down')
      await once(there.speaker, 'best', () => learned().length > 0)
      await peering.leave('agent stops')
      await down
      await new Promise(setImmediate)
      expect(learned()).to.deep.equal(kept ? ['10.9.0.0/16'] : [])
    })
  }

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
