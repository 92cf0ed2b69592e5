import { systemClock } from '@podroute/reconcile/clock.ts'
import type { LogFields, Logger } from '@podroute/reconcile/log.ts'
import { Table } from '@podroute/reconcile/table.ts'
import { Speaker, type SpeakerEvents } from 'bgp-speaker-ts/speaker.ts'
import { makeSpeaker, type TestSpeaker } from 'bgp-speaker-ts/testing/pair.ts'
import { expect } from 'chai'
import { BgpInstance, INSTANCE } from './instance.ts'
import type { InstanceConfig } from './instance-config.ts'
import { BgpSessions } from './sessions.ts'

const HERE = '127.0.0.71'
const THERE = '127.0.0.72'
const config = (address: string): InstanceConfig => ({
  asn: 64512,
  routerId: address,
  listen: { addresses: [address], port: 0 },
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

describe('the BGP instance', () => {
  let there: TestSpeaker
  let instance: BgpInstance
  let sessions: BgpSessions
  let table: Table<typeof INSTANCE, InstanceConfig>
  let said: { message: string; fields: LogFields | undefined }[]
  let ended: number
  /** Called for every event of a session. */
  let onPeer: () => void
  const happens = async (holds: () => boolean) => {
    while (!holds())
      await new Promise<void>((resolve) => {
        onPeer = resolve
      })
  }
  const ofSessions = () => said.filter(({ message }) => message.toLowerCase().includes('session'))
  const become = async (wanted: InstanceConfig) => {
    table.set(INSTANCE, wanted)
    await table.flush()
  }

  beforeEach(async () => {
    there = await makeSpeaker(THERE, { asn: 64512 })
    said = []
    ended = 0
    onPeer = () => {}
    const say = (message: string, fields?: LogFields) => void said.push({ message, fields })
    const log: Logger = { debug() {}, info: say, warn: say, error: say }
    const created = (speaker: Speaker) => sessions.follow(speaker)
    instance = new BgpInstance(
      (wanted) => new Speaker({ ...wanted, log }),
      { created, ended: () => ended++ },
      log,
    )
    table = new Table(instance)
    table.watch()
    sessions = new BgpSessions({
      ...{ log, clock: systemClock },
      speaker: () => instance.speaker,
      nodeAt: (peer) => (peer === THERE ? 'there' : undefined),
      changed: () => onPeer(),
    })
    await become(config(HERE))
  })
  afterEach(async () => {
    await instance.close('over')
    await there.speaker.close()
  })

  for (const [when, graceful, kept] of [
    ['leaves its routes with peers that keep them', true, true],
    ['takes its routes along where that is off', false, false],
  ] as const) {
    it(`${when}, when the agent stops`, async () => {
      const { speaker } = instance
      const families = ['ipv4-unicast'] as const
      const gracefulRestart = { time: 60, forwarding: true }
      const common = { asn: 64512, families, ...(graceful ? { gracefulRestart } : {}) }
      const { port } = speaker!.listening()[0]!
      there.speaker.addPeer({ ...common, address: HERE, port, localAddress: THERE, passive: true })
      speaker!.announce({ prefix: '10.9.0.0/16' })
      speaker!.addPeer({ ...common, address: THERE, port: there.port, localAddress: HERE })
      const learned = () => [...there.speaker.routes()].map(({ prefix }) => prefix)
      const down = once(there.speaker, 'peer', ({ kind }) => kind === 'down')
      await once(there.speaker, 'best', () => learned().length > 0)
      await (graceful ? instance.abandon() : instance.close('agent stops'))
      await down
      await new Promise(setImmediate)
      expect(learned()).to.deep.equal(kept ? ['10.9.0.0/16'] : [])
    })
  }

  it('says that a session came up, and that it ended, once each, with the name of the node and the reason', async () => {
    const { speaker } = instance
    const families = ['ipv4-unicast'] as const
    const { port } = speaker!.listening()[0]!
    there.speaker.addPeer({ address: HERE, asn: 64512, port, localAddress: THERE, families, passive: true })
    speaker!.addPeer({ address: THERE, asn: 64512, port: there.port, localAddress: HERE, families })
    await happens(() => sessions.isEstablished(THERE))
    expect(ofSessions().map(({ message }) => message)).to.deep.equal(['BGP session up'])
    expect(ofSessions()[0]?.fields).to.deep.equal({ peer: THERE, node: 'there', routerId: THERE, families })
    said = []
    await there.speaker.close('maintenance')
    await happens(() => !sessions.isEstablished(THERE))
    expect(ofSessions().map(({ message }) => message)).to.deep.equal(['BGP session down'])
    expect(ofSessions()[0]?.fields).to.deep.include({ peer: THERE, node: 'there' })
    expect(ofSessions()[0]?.fields?.reason).to.include({
      kind: 'notification-received',
      communication: 'maintenance',
    })
  })

  it('stays the speaker that it is as long as nothing of it changes, and is another one after that', async () => {
    const { speaker } = instance
    await become(config(HERE))
    expect(instance.speaker).to.equal(speaker)
    expect(ended).to.equal(0)
    await become(config('127.0.0.73'))
    expect(instance.speaker).not.to.equal(speaker)
    expect(ended).to.equal(1)
    expect(said.map(({ message }) => message)).to.include(
      'the node is another one to its peers, all BGP sessions start anew',
    )
  })

  it('is the speaker that it is, with its sessions, where it listens on other addresses', async () => {
    const { speaker } = instance
    const both = { ...config(HERE), listen: { addresses: [HERE, '127.0.0.74'], port: 0 } }
    await become(both)
    expect(instance.speaker).to.equal(speaker)
    const at = () => speaker!.listening().map(({ address }) => address)
    expect([at(), ended]).to.deep.equal([[HERE, '127.0.0.74'], 0])
    await become({ ...both, listen: { addresses: ['192.0.2.1'], port: 0 } })
    expect([...table.failures()].map(([, { message }]) => message)[0]).to.match(
      /^cannot listen for BGP at 192/,
    )
    expect([instance.speaker === speaker, at()]).to.deep.equal([true, [HERE, '127.0.0.74']])
  })

  it('is what it was when it cannot be another one and need not any more', async () => {
    const occupied = { ...config(HERE), listen: { addresses: [THERE], port: there.port } }
    await become(occupied)
    expect([...table.failures()].map(([, { message }]) => message)[0]).to.match(
      new RegExp(`^cannot listen for BGP at ${THERE} port ${there.port}: .*names who has the port$`),
    )
    // Without a port it connects to its peers all the same (projectcalico/calico#7893).
    expect(instance.speaker?.listening()).to.deep.equal([])
    await become(config(HERE))
    expect(instance.speaker?.listening()[0]?.address).to.equal(HERE)
  })
})
