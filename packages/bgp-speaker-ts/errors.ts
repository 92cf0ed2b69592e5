// The package's errors. Each has a code; errors about messages carry the NOTIFICATION that the RFC names.

export type BgpErrorCode =
  | 'bad-config'
  | 'unknown-peer'
  | 'not-encodable'
  | 'not-decodable'
  | 'closed'
  | 'too-many-peers'

export class BgpError extends Error {
  readonly code: BgpErrorCode

  constructor(code: BgpErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'BgpError'
    this.code = code
  }
}

export interface ConfigProblem {
  /** Path of the field, such as `families[1]`. */
  readonly path: string
  readonly problem: string
}

/** A bad configuration, with all of its problems. */
export class BgpConfigError extends BgpError {
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super('bad-config', problems.map(({ path, problem }) => `${path}: ${problem}`).join('; '))
    this.name = 'BgpConfigError'
    this.problems = problems
  }
}

const NO_DATA = new Uint8Array(0)

/** A peer's fault that resets the session: carries the NOTIFICATION to answer with (RFC 4271 section 6). */
export class NotificationError extends Error {
  readonly code: number
  readonly subcode: number
  readonly data: Uint8Array

  constructor(code: number, subcode: number, message: string, data: Uint8Array = NO_DATA) {
    super(message)
    this.name = 'NotificationError'
    this.code = code
    this.subcode = subcode
    this.data = data
  }
}

/** Makes a switch over a union complete at compile time. */
export function assertNever(value: never): never {
  throw new TypeError(`unexpected ${JSON.stringify(value)}`)
}
