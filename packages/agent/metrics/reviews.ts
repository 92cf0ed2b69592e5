/**
 * Who may read: whose token the API server knows (TokenReview) and whom it lets get a path (SubjectAccessReview), as kube-rbac-proxy does it
 * for others. What it said is believed for a while: scrapes cost it nothing, and go on while it is away.
 */
import { createHash } from 'node:crypto'
import { type Handler, text } from '@podroute/feature/listener.ts'
import type { Logger } from '@podroute/reconcile/log.ts'

/** What is used of the API server. */
export interface Reviewer {
  postJson(path: string, body: unknown, signal: AbortSignal): Promise<unknown>
}

export interface ReviewsOptions {
  client(): Promise<Reviewer>
  /** Milliseconds, that only grow. */
  now(): number
  readonly log: Logger
}

type Verdict =
  | { readonly kind: 'allowed' }
  /** @see RFC 9110 sections 15.5.2 and 15.5.4 */
  | { readonly kind: 'refused'; readonly status: 401 | 403; readonly reason: string }
  | { readonly kind: 'unknown'; readonly reason: string }

interface Known {
  readonly verdict: Verdict
  readonly at: number
}

/** Milliseconds. */
const ALLOWED_FOR = 60_000
const REFUSED_FOR = 10_000
/** For so long a token is good that the API server cannot be asked about. */
const ALLOWED_UNASKED = 600_000
const PATIENCE = 5000
/** Of each kind; whoever tries tokens pushes out refusals only. */
const MOST_KNOWN = 128
/** Questions at one time: a flood of tokens is not the API server's. */
const MOST_ASKED = 4

export class Reviews {
  readonly #options: ReviewsOptions
  readonly #allowed = new Map<string, Known>()
  readonly #refused = new Map<string, Known>()
  readonly #asking = new Map<string, Promise<Verdict>>()
  #away = false

  constructor(options: ReviewsOptions) {
    this.#options = options
  }

  /** Puts itself before a page. */
  guard(handler: Handler): Handler {
    return async (path, asked) => {
      const verdict = await this.#judge(path, asked?.authorization)
      if (verdict.kind === 'allowed') return handler(path, asked)
      return text(`${verdict.reason}\n`, verdict.kind === 'refused' ? verdict.status : 503)
    }
  }

  async #judge(path: string, authorization: string | undefined): Promise<Verdict> {
    const token = /^Bearer ([^\s]+)$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) return refused(401, 'a bearer token is needed')
    const key = createHash('sha256').update(`${path} ${token}`).digest('base64')
    const now = this.#options.now()
    const good = this.#allowed.get(key)
    if (good && now - good.at < ALLOWED_FOR) return good.verdict
    const bad = this.#refused.get(key)
    if (bad && now - bad.at < REFUSED_FOR) return bad.verdict
    const verdict = await this.#askOnce(key, token, path)
    const usable = verdict.kind === 'unknown' && good && now - good.at < ALLOWED_UNASKED
    return usable ? good.verdict : verdict
  }

  #askOnce(key: string, token: string, path: string): Promise<Verdict> {
    const asking = this.#asking.get(key)
    if (asking) return asking
    if (this.#asking.size >= MOST_ASKED)
      return Promise.resolve({ kind: 'unknown', reason: 'too many tokens are being reviewed: try again' })
    const asked = this.#ask(token, path)
      .then((verdict) => this.#keep(key, verdict))
      .finally(() => this.#asking.delete(key))
    this.#asking.set(key, asked)
    return asked
  }

  #keep(key: string, verdict: Verdict): Verdict {
    if (verdict.kind === 'unknown') return verdict
    this.#allowed.delete(key)
    this.#refused.delete(key)
    const known = verdict.kind === 'allowed' ? this.#allowed : this.#refused
    known.set(key, { verdict, at: this.#options.now() })
    if (known.size > MOST_KNOWN) known.delete(known.keys().next().value!)
    return verdict
  }

  async #ask(token: string, path: string): Promise<Verdict> {
    try {
      const client = await this.#options.client()
      const verdict = await review(client, token, path)
      this.#away = false
      return verdict
    } catch (error) {
      if (!this.#away) this.#options.log.warn('tokens cannot be reviewed', { error, do: REMEDY })
      this.#away = true
      return { kind: 'unknown', reason: 'the token cannot be reviewed now' }
    }
  }
}

const REMEDY = 'the ServiceAccount needs system:auth-delegator: kubectl apply -f deploy/metrics-reader.yaml'

interface TokenReview {
  readonly status?: {
    readonly authenticated?: boolean
    readonly user?: { readonly username?: string; readonly uid?: string; readonly groups?: readonly string[] }
  }
}

async function review(client: Reviewer, token: string, path: string): Promise<Verdict> {
  const known = (await client.postJson(
    '/apis/authentication.k8s.io/v1/tokenreviews',
    { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } },
    AbortSignal.timeout(PATIENCE),
  )) as TokenReview
  const user = known.status?.user
  if (known.status?.authenticated !== true || !user?.username)
    return refused(401, 'the API server does not know the token')
  const nonResourceAttributes = { path, verb: 'get' }
  const spec = { user: user.username, uid: user.uid, groups: user.groups, nonResourceAttributes }
  const access = (await client.postJson(
    '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec },
    AbortSignal.timeout(PATIENCE),
  )) as { readonly status?: { readonly allowed?: boolean } }
  if (access.status?.allowed === true) return { kind: 'allowed' }
  const role = path === '/metrics' ? 'podroute-metrics-reader' : 'podroute-zpages-reader'
  return refused(403, `${user.username} may not get ${path}: bind the ClusterRole ${role}`)
}

function refused(status: 401 | 403, reason: string): Verdict {
  return { kind: 'refused', status, reason }
}
