import { expect } from 'chai'
import type { ApiClient, Query } from '../api/client.ts'
import { ApiStatusError } from '../errors.ts'
import type { LogFields, Logger } from '../log.ts'
import { asFields, asText } from './objects.ts'
import { type ResourceKind, ResourceWatch } from './resource-watch.ts'

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
class Script implements ApiClient {
  readonly server = 'https://test'
  readonly asked: Query[] = []
  readonly stop = new AbortController()
  readonly #answers: (Answer | Lines)[]
  constructor(...answers: (Answer | Lines)[]) {
    this.#answers = answers
  }
  async getJson(_path: string, query: Query): Promise<unknown> {
    return this.#next(query)
  }
  async lines(_path: string, query: Query): Promise<AsyncIterable<string>> {
    return this.#next(query) as AsyncIterable<string>
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

async function run(script: Script) {
  const told: string[] = []
  const logged: string[] = []
  const note = (message: string, fields?: LogFields) =>
    logged.push(`${message} ${fields?.object ?? ''}`.trim())
  const log: Logger = { debug: note, info: note, warn: note, error: note }
  const watch = new ResourceWatch(
    KIND,
    {
      upsert(key, value) {
        if (value === 'poison') throw new Error('choked')
        told.push(`${key}=${value}`)
      },
      remove: (key) => told.push(`-${key}`),
      synced: () => told.push('synced'),
    },
    { log, random: () => 0, pageSize: 2, backoff: { first: 1, max: 1 } },
  )
  await watch.run({ client: async () => script, failed() {} }, script.stop.signal)
  return { told, logged, watch }
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

  it('keeps what it knows while the server is away, and says so once', async () => {
    const away = fails(new Error('connect ECONNREFUSED'))
    const script = new Script(list(7, [thing('a', 1, 'x')]), away, away, away, events())
    const { told, logged, watch } = await run(script)
    expect(told).to.deep.equal(['ns/a=x', 'synced'])
    expect(logged).to.deep.equal(['watch failed, trying again', 'watch works again'])
    expect(watch.status).to.deep.include({ synced: true, objects: 1, failures: 3 })
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
      'API object of unknown shape skipped odd',
      'API object could not be used ns/p',
    ])
    expect(watch.status.skipped).to.equal(2)
  })

  it('lists again after an event that cannot be read', async () => {
    async function* garbage() {
      yield '{"type":"ADDED","obj'
    }
    const script = new Script(list(7, []), garbage, list(9, [thing('a', 8, 'x')]))
    const { told } = await run(script)
    expect(told).to.deep.equal(['synced', 'ns/a=x', 'synced'])
  })
})
