/** HTTP pages that a feature serves to the network, such as a proxy's health. */

export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** What of a request is looked at beside its path. */
export interface Request {
  /** The headers of these names. */
  readonly authorization?: string | undefined
  readonly accept?: string | undefined
  /** What stands behind the path's `?`. */
  readonly query?: Readonly<Record<string, string>>
}

/** The answer to a path; undefined: there is no such page. */
export type Handler = (path: string, request?: Request) => Answer | undefined | Promise<Answer | undefined>

export interface Listen {
  /** An IP address; `::` is every one of both families, `node` those of the node, `localhost` those of loopback. */
  readonly address: string
  /** 0: none. */
  readonly port: number
}

export interface Listener {
  /** Key of the configuration that says where: `serviceProxy.health`. */
  readonly setting: string
  readonly at: Listen
  readonly handler: Handler
}

/** What the first answers that knows the path. */
export function anyOf(...handlers: readonly Handler[]): Handler {
  return async (path, request) => {
    for (const handler of handlers) {
      const answer = await handler(path, request)
      if (answer) return answer
    }
    return undefined
  }
}

export const text = (body: string, status = 200): Answer => ({
  status,
  type: 'text/plain; charset=utf-8',
  body,
})

export const json = (value: unknown): Answer => ({
  status: 200,
  type: 'application/json',
  body: JSON.stringify(value),
})
