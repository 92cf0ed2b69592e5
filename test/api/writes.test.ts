import { setTimeout } from 'node:timers/promises'
import type { ApiClient } from '@podroute/cluster/api/client.ts'
import { onlyVersion, type Patch } from '@podroute/cluster/api/patch.ts'
import { type ApiStatusError, ConflictError } from '@podroute/cluster/errors.ts'
import { makeEvent, regardingNode } from '@podroute/cluster/events/event.ts'
import { EventRecorder } from '@podroute/cluster/events/recorder.ts'
import { EventSink } from '@podroute/cluster/events/sink.ts'
import { Lease } from '@podroute/cluster/lease/lease.ts'
import { systemClock } from '@podroute/reconcile/clock.ts'
import { silent } from '@podroute/reconcile/log.ts'
import { expect } from 'chai'
import { startApiServer, type TestApiServer } from '../support/api-server.ts'
import { eventually } from '../support/eventually.ts'

interface Stored {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string }
  readonly data?: Readonly<Record<string, string>>
}

const never = new AbortController().signal

/** The error that the API answers with. */
async function refusal(request: Promise<unknown>): Promise<ApiStatusError> {
  return request.then(
    () => expect.fail('it was taken'),
    (error: unknown) => error as ApiStatusError,
  )
}

describe('what is written to the API server', function () {
  this.timeout(90_000)
  let server: TestApiServer
  let client: ApiClient
  before(async () => {
    server = await startApiServer('writes')
    client = server.client
  })
  after(() => server?.[Symbol.asyncDispose]())

  describe('an object', () => {
    const MAPS = '/api/v1/namespaces/default/configmaps'
    const MAP = `${MAPS}/m`
    const read = async () => (await client.getJson(MAP, {}, never)) as Stored
    const object = (data: object, more: object = {}) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'm', ...more },
      data,
    })

    beforeEach(async () => {
      await client.postJson(MAPS, object({ a: '1' }), never)
    })
    afterEach(async () => {
      await client.deleteJson(MAP, {}, never).catch(() => {})
    })

    it('is created once', async () => {
      const error = await refusal(client.postJson(MAPS, object({}), never))
      expect([error.alreadyExists, error instanceof ConflictError]).to.deep.equal([true, false])
    })

    it('is replaced in the version that was read, and in no other', async () => {
      const { resourceVersion } = (await read()).metadata
      await client.putJson(MAP, object({ a: '2' }, { resourceVersion }), never)
      const error = await refusal(client.putJson(MAP, object({ a: '3' }, { resourceVersion }), never))
      expect(error).to.be.instanceOf(ConflictError)
      expect((await read()).data).to.deep.equal({ a: '2' })
    })

    const PATCHES: readonly [Patch, object][] = [
      [
        { kind: 'merge', body: { data: { b: '2' } } },
        { a: '1', b: '2' },
      ],
      [{ kind: 'json', operations: [{ op: 'replace', path: '/data/a', value: '5' }] }, { a: '5' }],
      [
        {
          ...{ kind: 'apply', manager: 'test', force: true },
          body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' }, data: { c: '3' } },
        },
        { a: '1', c: '3' },
      ],
    ]
    for (const [patch, data] of PATCHES) {
      it(`is changed by a ${patch.kind} patch in the version that was read, and in no other`, async () => {
        const { resourceVersion } = (await read()).metadata
        await client.patchJson(MAP, onlyVersion(patch, resourceVersion), never)
        expect((await read()).data).to.deep.equal(data)
        await client.patchJson(MAP, { kind: 'merge', body: { data: { x: 'y' } } }, never)
        const error = await refusal(client.patchJson(MAP, onlyVersion(patch, resourceVersion), never))
        expect(error).to.be.instanceOf(ConflictError)
        await client.patchJson(MAP, patch, never)
      })
    }

    it("is another manager's conflict, unless it is forced", async () => {
      const patch = (manager: string, value: string): Patch => ({
        ...{ kind: 'apply', manager },
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' }, data: { z: value } },
      })
      await client.patchJson(MAP, patch('one', '1'), never)
      expect(await refusal(client.patchJson(MAP, patch('two', '2'), never))).to.be.instanceOf(ConflictError)
    })

    it('is deleted if it is the one that is meant', async () => {
      const { uid } = (await read()).metadata
      const other = await refusal(client.deleteJson(MAP, { uid: 'another' }, never))
      expect(other).to.be.instanceOf(ConflictError)
      await client.deleteJson(MAP, { uid }, never)
      expect((await refusal(client.getJson(MAP, {}, never))).notFound).to.equal(true)
    })
  })

  describe('an Event', () => {
    const reporter = { controller: 'podroute.io/agent', instance: 'node-1' }
    const statement = (note: string) => ({
      regarding: { apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'kubernetes' },
      ...({ reason: 'InvalidField', note, type: 'Warning', action: 'ProxyService' } as const),
    })
    const events = async () => {
      const { stdout } = await server.control.kubectl(['get', 'events', '-o', 'json'])
      const { items } = JSON.parse(stdout) as {
        items: {
          reason: string
          message: string
          involvedObject: { name: string }
          series?: { count: number }
        }[]
      }
      return items.filter(({ reason }) => reason === 'InvalidField' || reason === 'ServicesUnavailable')
    }

    it('is one of a few for sixty bad patches, the last of which says how many they were', async () => {
      const sink = new EventSink({
        client: async () => client,
        log: silent,
        pause: (ms) => setTimeout(ms / 10),
      })
      const recorder = new EventRecorder({
        ...{ sink, reporter, clock: systemClock, wall: () => new Date() },
        perReason: { burst: 3, first: 300, max: 300 },
      })
      for (let patch = 1; patch <= 60; patch++) recorder.record(statement(`bad ${patch}`))
      await eventually(async () => (await events()).length === 4, 10_000)
      const counts = (await events()).map(({ message, series }) => [message, series?.count])
      expect(counts).to.have.deep.members([
        ['bad 1', undefined],
        ['bad 2', undefined],
        ['bad 3', undefined],
        ['bad 60', 57],
      ])
      recorder[Symbol.dispose]()
    })

    it('is taken about a Node, and with texts that are as long as they may be', async () => {
      const long = {
        ...statement('ä'.repeat(5000)),
        regarding: regardingNode('node-1'),
        reason: 'ServicesUnavailable',
      }
      const path = '/apis/events.k8s.io/v1/namespaces/default/events'
      await client.postJson(path, makeEvent(long, reporter, new Date()), never)
      const [event] = (await events()).filter(({ reason }) => reason === 'ServicesUnavailable')
      expect(event!.involvedObject.name).to.equal('node-1')
    })
  })

  describe('a Lease', () => {
    const LEASE = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/podroute'
    const spec = async () =>
      ((await client.getJson(LEASE, {}, never)) as { spec: Record<string, unknown> }).spec

    it('is held by one of two, renewed, taken over when it is given back, and free in the end', async () => {
      const told: string[] = []
      const lease = (identity: string) =>
        new Lease({
          ...{ namespace: 'kube-system', name: 'podroute', identity, log: silent },
          ...{ duration: 2000, renewDeadline: 1500, retryPeriod: 200 },
          client: async () => client,
          clock: systemClock,
          wall: () => new Date(),
          random: Math.random,
          acquired: () => void told.push(`${identity} acquired`),
          lost: () => void told.push(`${identity} lost`),
        })
      const one = lease('one')
      one.start()
      await eventually(() => one.held)
      const two = lease('two')
      two.start()
      const first = (await spec()).renewTime
      await eventually(async () => (await spec()).renewTime !== first)
      await eventually(() => two.holder === 'one')
      expect(two.held).to.equal(false)
      await one[Symbol.asyncDispose]()
      await eventually(() => two.held)
      expect(told).to.deep.equal(['one acquired', 'one lost', 'two acquired'])
      expect(await spec()).to.deep.include({ holderIdentity: 'two', leaseDurationSeconds: 2 })
      await two[Symbol.asyncDispose]()
      expect((await spec()).holderIdentity ?? '').to.equal('')
    })
  })
})
