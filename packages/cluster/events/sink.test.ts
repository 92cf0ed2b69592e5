import { expect } from 'chai'
import { EventSink } from './sink.ts'

const event = (name: string) => ({ metadata: { namespace: 'shop' }, name })

function setup(answer: (count: number) => Promise<unknown>) {
  const posted: string[] = []
  const warnings: string[] = []
  let waited = 0
  const log = { warn: (text: string) => void warnings.push(text), info() {}, error() {}, debug() {} }
  const sink = new EventSink({
    log: log as never,
    client: async () => ({
      async postJson(path, body) {
        posted.push(`${path} ${(body as { name: string }).name}`)
        return answer(posted.length)
      },
    }),
    async pause(milliseconds) {
      waited += milliseconds
    },
  })
  const settled = () => new Promise((resolve) => setTimeout(resolve, 5))
  return { posted, warnings, sink, settled, waited: () => waited }
}

describe('EventSink', () => {
  it('posts each Event into its namespace, one after the other', async () => {
    const { sink, posted, settled, waited } = setup(async () => ({}))
    sink.add(event('a'))
    sink.add(event('b'))
    await settled()
    expect(posted).to.deep.equal([
      '/apis/events.k8s.io/v1/namespaces/shop/events a',
      '/apis/events.k8s.io/v1/namespaces/shop/events b',
    ])
    expect(waited()).to.equal(400)
  })

  it('tries again, then gives an Event up and says so once', async () => {
    const { sink, posted, warnings, settled } = setup(async (count) => {
      if (count !== 2) throw new Error('away')
    })
    sink.add(event('a'))
    await settled()
    expect([posted.length, warnings.length]).to.deep.equal([2, 0])
    sink.add(event('b'))
    sink.add(event('c'))
    await settled()
    expect([posted.length, warnings]).to.deep.equal([8, ['Events cannot be posted']])
  })

  it('drops what is too much', async () => {
    const { sink, posted, settled } = setup(async () => ({}))
    for (let index = 0; index < 1000; index++) sink.add(event('x'))
    await settled()
    expect(posted.length).to.equal(201)
  })
})
