import { text } from '@podroute/feature/listener.ts'
import { silent } from '@podroute/reconcile/log.ts'
import { expect } from 'chai'
import { Reviews } from './reviews.ts'

/** Users by token, and who of them may. */
const USERS: Readonly<Record<string, string>> = { good: 'prometheus', other: 'somebody' }
const READERS = new Set(['prometheus'])

describe('who may read the metrics', () => {
  let now: number
  let asked: string[]
  let away: boolean
  let gate: Promise<void> | undefined
  let reviews: Reviews

  beforeEach(() => {
    now = 0
    asked = []
    away = false
    gate = undefined
    const client = {
      async postJson(path: string, body: unknown) {
        await gate
        if (away) throw new Error('connection refused')
        const kind = path.split('/').at(-1)!
        const { spec } = body as { spec: { token?: string; user?: string } }
        asked.push(kind)
        if (kind !== 'tokenreviews') return { status: { allowed: READERS.has(spec.user!) } }
        const username = USERS[spec.token!]
        return { status: username ? { authenticated: true, user: { username } } : { authenticated: false } }
      },
    }
    reviews = new Reviews({ client: async () => client, now: () => now, log: silent })
  })

  const get = async (authorization?: string) => {
    const answer = await reviews.guard(() => text('figures'))('/metrics', { authorization })
    return answer!.status
  }

  it('is who has a token that the API server knows, and may get the path', async () => {
    expect(await get('Bearer good')).to.equal(200)
    expect(await get('Bearer other')).to.equal(403)
    expect(await get('Bearer unknown')).to.equal(401)
    expect([await get(), await get('Basic good'), await get('Bearer ')]).to.deep.equal([401, 401, 401])
    expect(asked).to.have.length(5)
  })

  it('is asked once a minute, and refused ones every ten seconds', async () => {
    for (const token of ['good', 'unknown', 'good', 'unknown']) await get(`Bearer ${token}`)
    expect(asked).to.have.length(3)
    now = 10_000
    for (const token of ['good', 'unknown']) await get(`Bearer ${token}`)
    expect(asked).to.have.length(4)
    now = 60_000
    await get('Bearer good')
    expect(asked).to.have.length(6)
  })

  it('is forgotten when it lost the right', async () => {
    expect(await get('Bearer good')).to.equal(200)
    READERS.delete('prometheus')
    now = 60_000
    expect(await get('Bearer good')).to.equal(403)
    READERS.add('prometheus')
  })

  it('may go on for ten minutes while the API server is away, and nobody else', async () => {
    await get('Bearer good')
    away = true
    now = 599_000
    expect([await get('Bearer good'), await get('Bearer other')]).to.deep.equal([200, 503])
    now = 600_000
    expect(await get('Bearer good')).to.equal(503)
    away = false
    expect(await get('Bearer good')).to.equal(200)
  })

  it('costs the API server a few questions at one time, whatever is tried, and who is known goes on', async () => {
    await get('Bearer good')
    let open = () => {}
    gate = new Promise((resolve) => {
      open = resolve
    })
    const flood = Array.from({ length: 50 }, (_, i) => get(`Bearer guess-${i}`))
    expect(await get('Bearer good')).to.equal(200)
    open()
    const answers = await Promise.all(flood)
    expect(answers.filter((status) => status === 401)).to.have.length(4)
    expect(answers.filter((status) => status === 503)).to.have.length(46)
    expect(asked.filter((kind) => kind === 'tokenreviews')).to.have.length(5)
  })
})
