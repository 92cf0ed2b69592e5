import type { LogFields, Logger } from '@podroute/reconcile/log.ts'
import { expect } from 'chai'
import type { ApiReader, LineReader } from '../api/client.ts'
import { type ListPage, parseList } from '../api/json.ts'
import type { Query } from '../api/query.ts'
import { ApiStatusError, ClusterError } from '../errors.ts'
import { asFields, asText } from './objects.ts'
import { type ClientSource, type ResourceKind, ResourceWatch } from './resource-watch.ts'

const KIND: ResourceKind<string> = {
  name: 'things',
  path: '/api/v1/things',
  labelSelector: '!skip',
  trim: (object) => asText(asFields(asFields(object)?.spec)?.value) || undefined,
}

const thing = (name: string, version: number, value: string) => ({
  metadata: { namespace: 'ns', name, resourceVersion: String(version) },
  spec: { value },
})

type Answer = () => unknown
type Lines = () => AsyncIterable<string>

/** An API server that answers as told, one answer a request; the run ends when it has none left. */
class Script implements ApiReader {
  readonly server = 'https://test'
  readonly asked: Query[] = []
  readonly stop = new AbortController()
  readonly #answers: (Answer | Lines)[]
  constructor(...answers: (Answer | Lines)[]) {
    this.#answers = answers
  }
  getJson(): Promise<unknown> {
    return Promise.reject(new Error('unused'))
  }
  async getList(_path: string, query: Query): Promise<ListPage> {
    return parseList(JSON.stringify(await this.#next(query)))
  }
  async lines(_path: string, query: Query): Promise<LineReader> {
    const lines = this.#next(query) as AsyncIterable<string>
    return async (onLine) => {
      for await (const line of lines) onLine(line)
    }
  }
  #next(query: Query): unknown {
    const answer = this.#answers.shift()
    if (!answer) {
      this.stop.abort()
      throw new Error('script over')
    }
    this.asked.push(query)
    return answer()
  }
}

const list =
  (version: number, items: unknown[], next = '') =>
  () => ({
    metadata: { resourceVersion: String(version), continue: next },
    items,
  })
const events = (...all: unknown[]) =>
  async function* () {
    for (const event of all) yield JSON.stringify(event)
  }
const fails = (error: Error) => () => {
  throw error
}

async function run(script: Script, source: Partial<ClientSource> = {}, kind = KIND) {
  const told: string[] = []
  const logged: string[] = []
  const pauses: number[] = []
  const note = (message: string, fields?: LogFields) =>
    logged.push(`${message} ${fields?.object ?? ''}`.trim())
  const log: Logger = { debug: note, info: note, warn: note, error: note }
  const watch = new ResourceWatch(
    kind,
    {
      upsert(key, value) {
        if (value === 'poison') throw new Error('choked')
        told.push(`${key}=${value}`)
      },
      remove: (key) => told.push(`-${key}`),
      synced: () => told.push('synced'),
    },
    {
      log,
      random: () => 0,
      pageSize: 2,
      backoff: { first: 10, max: 80 },
      pause: async (ms, signal) => void (signal.aborted || pauses.push(ms)),
    },
  )
  const plain: ClientSource = { client: async () => script, failed() {} }
  await watch.run(Object.create(plain, Object.getOwnPropertyDescriptors(source)), script.stop.signal)
  return { told, logged, pauses, watch }
}

describe('resource watch', () => {
  it('lists in pages, then watches from the version of the list', async () => {
    const script = new Script(
      list(7, [thing('a', 1, 'x'), thing('b', 2, 'y')], 'more'),
      list(7, [thing('c', 3, 'z')]),
      events(
        { type: 'MODIFIED', object: thing('a', 8, 'x2') },
        { type: 'DELETED', object: thing('b', 9, 'y') },
      ),
    )
    const { told } = await run(script)
    expect(told).to.deep.equal(['ns/a=x', 'ns/b=y', 'ns/c=z', 'synced', 'ns/a=x2', '-ns/b'])
    expect(script.asked[0]).to.deep.equal({ labelSelector: '!skip', limit: '2' })
    expect(script.asked[1]).to.deep.include({ continue: 'more' })
    expect(script.asked[2]).to.deep.include({
      watch: 'true',
      resourceVersion: '7',
      allowWatchBookmarks: 'true',
    })
  })

  it('resumes from the last event or bookmark after the watch ended', async () => {
    const script = new Script(
      list(7, []),
      events({ type: 'ADDED', object: thing('a', 8, 'x') }),
      events({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '20' } } }),
      fails(new Error('connection reset')),
      events(),
    )
    await run(script)
    expect(script.asked.map((q) => q.resourceVersion)).to.deep.equal([undefined, '7', '8', '20', '20'])
  })

  it('lists again on 410 and tells only what is different', async () => {
    const script = new Script(
      list(7, [thing('a', 1, 'x'), thing('b', 2, 'y')]),
      events({ type: 'ERROR', object: { kind: 'Status', code: 410, message: 'too old' } }),
      list(30, [thing('a', 1, 'x'), thing('c', 29, 'z')]),
      fails(new ApiStatusError(410, 'gone')),
      list(31, [thing('a', 1, 'x'), thing('c', 29, 'z')]),
    )
    const { told } = await run(script)
    expect(told).to.deep.equal(['ns/a=x', 'ns/b=y', 'synced', 'ns/c=z', '-ns/b', 'synced', 'synced'])
  })

  it('takes nothing for gone when it is ended between two pages of a list', async () => {
    const script: Script = new Script(
      list(7, [thing('a', 1, 'x'), thing('b', 2, 'y')]),
      events({ type: 'ERROR', object: { kind: 'Status', code: 410, message: 'too old' } }),
      () => {
        script.stop.abort()
        return list(30, [thing('a', 1, 'x')], 'more')()
      },
    )
    expect((await run(script)).told).to.deep.equal(['ns/a=x', 'ns/b=y', 'synced'])
  })

  it('keeps what it knows while requests fail, and says so once', async () => {
    const timeout = fails(new Error('no answer from the API server'))
    const script = new Script(list(7, [thing('a', 1, 'x')]), timeout, timeout, timeout, events())
    const { told, logged, watch } = await run(script)
    expect(told).to.deep.equal(['ns/a=x', 'synced'])
    expect(logged).to.deep.equal(['watch failed, trying again', 'watch works again'])
    expect(watch.status).to.deep.include({ synced: true, objects: 1, failures: 3 })
  })

  it('leaves it to others to say that no server answers, and that one connection broke', async () => {
    const away = fails(new ClusterError('no-api-server', 'no API server answers'))
    const broken = fails(new Error('socket hang up'))
    const { logged, watch } = await run(new Script(list(7, []), broken, away, away, events()))
    expect(logged).to.deep.equal([])
    expect(watch.status.failures).to.equal(3)
  })

  it('says at once what the server refuses, once for each reason', async () => {
    const forbidden = fails(new ApiStatusError(403, 'things is forbidden'))
    const overload = fails(new ApiStatusError(429, 'too many requests'))
    const { logged } = await run(new Script(forbidden, forbidden, overload, list(7, []), events()))
    expect(logged).to.deep.equal([
      'watch failed, trying again',
      'watch failed, trying again',
      'watch works again',
    ])
  })

  it('does without an optional kind that is not served or not allowed, says so once, and asks ever less often', async () => {
    const absent = fails(new ApiStatusError(404, 'the server could not find the requested resource'))
    const forbidden = fails(new ApiStatusError(403, 'things is forbidden'))
    const refusals = Array.from({ length: 20 }, () => forbidden)
    const kind = { ...KIND, optional: true }
    const { told, logged, pauses, watch } = await run(new Script(absent, absent, ...refusals), {}, kind)
    expect(told).to.deep.equal(['synced'])
    expect(logged).to.deep.equal(Array(2).fill('doing without a kind of the API'))
    expect(pauses.slice(0, 3)).to.deep.equal([10, 20, 40])
    expect(pauses.at(-1)).to.equal(300_000)
    expect(watch.status).to.include({ synced: true, failures: 0, unavailable: 'forbidden' })
    expect(watch.status.lastError).to.match(/^things is forbidden: allow list and watch on things: apply/)
  })

  it('asks another API server at once, however long the pause: for an optional kind, and after a failure', async () => {
    for (const answer of [new ApiStatusError(404, 'not found'), new Error('socket hang up')]) {
      const abandon = new AbortController()
      const source = { abandoned: abandon.signal, failed: () => abandon.abort() }
      const script = new Script(fails(answer))
      const { pauses } = await run(script, source, { ...KIND, optional: true })
      expect(pauses, answer.message).to.deep.equal([])
    }
  })

  it('reads an optional kind once it is there, and keeps what it knows where that is not allowed any more', async () => {
    const absent = fails(new ApiStatusError(404, 'the server could not find the requested resource'))
    const forbidden = fails(new ApiStatusError(403, 'things is forbidden'))
    const script = new Script(absent, list(7, [thing('a', 1, 'x')]), events(), forbidden, events())
    const { told, watch } = await run(script, {}, { ...KIND, optional: true })
    expect(told).to.deep.equal(['synced', 'ns/a=x', 'synced'])
    expect(watch.status).to.include({ objects: 1 }).and.not.have.property('unavailable')
  })

  it('waits longer each time while watches open and break without an event', async () => {
    async function* garbage() {
      yield 'junk'
    }
    const again = [list(7, []), garbage]
    const { pauses } = await run(new Script(...again, ...again, ...again))
    expect(pauses).to.deep.equal([10, 20, 40])
  })

  it('skips an object of unknown shape, and one that somebody chokes on, without stopping', async () => {
    const script = new Script(
      list(7, [
        { metadata: { name: 'odd', resourceVersion: '1' } },
        { no: 'metadata' },
        thing('p', 2, 'poison'),
      ]),
      events({ type: 'ADDED', object: thing('a', 8, 'x') }),
    )
    const { told, logged, watch } = await run(script)
    expect(told).to.deep.equal(['synced', 'ns/a=x'])
    expect(logged).to.deep.equal([
      'an object of the API was skipped odd',
      'an object of the API was skipped ns/p',
    ])
    expect(watch.status.skipped).to.equal(2)
  })

  it('says once that an object is skipped, until it is good or gone', async () => {
    const bad = (version: number) => ({ type: 'MODIFIED', object: thing('p', version, 'poison') })
    const { logged, watch } = await run(
      new Script(
        list(7, [thing('p', 2, 'poison')]),
        events(bad(8), bad(9), { type: 'MODIFIED', object: thing('p', 10, 'cured') }, bad(11)),
        events({ type: 'DELETED', object: thing('p', 12, '') }, bad(13), bad(14)),
      ),
    )
    expect(logged).to.deep.equal(Array(3).fill('an object of the API was skipped ns/p'))
    expect(watch.status.skipped).to.equal(6)
  })

  it('lists again after an event that cannot be read', async () => {
    async function* garbage() {
      yield '{"type":"ADDED","obj'
    }
    const script = new Script(list(7, []), garbage, list(9, [thing('a', 8, 'x')]))
    const { told } = await run(script)
    expect(told).to.deep.equal(['synced', 'ns/a=x', 'synced'])
  })

  it('goes on at another server when its own is abandoned, from where it is, and calls that no failure', async () => {
    const abandon = new AbortController()
    const script = new Script(
      list(7, [thing('a', 1, 'x')]),
      events({ type: 'MODIFIED', object: thing('a', 8, 'y') }),
    )
    const first: ApiReader = {
      server: 'https://first',
      getJson: () => script.getJson(),
      getList: (path, query) => script.getList(path, query),
      lines: async (_path, _query, signal) => async () => {
        abandon.abort()
        signal.throwIfAborted()
      },
    }
    const { told, watch, pauses } = await run(script, {
      client: async () => (abandon.signal.aborted ? script : first),
      get abandoned() {
        return abandon.signal.aborted ? script.stop.signal : abandon.signal
      },
    })
    expect(told).to.deep.equal(['ns/a=x', 'synced', 'ns/a=y'])
    expect(script.asked.at(-1)).to.deep.include({ resourceVersion: '7' })
    expect([watch.status.lists, watch.status.failures, pauses]).to.deep.equal([1, 0, []])
  })
})
