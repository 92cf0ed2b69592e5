/** Errors of the agent. */

export type AgentErrorCode = 'config' | 'listen' | 'no-api-server' | 'api-status' | 'api-decode'

export class AgentError extends Error {
  readonly code: AgentErrorCode
  constructor(code: AgentErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'AgentError'
    this.code = code
  }
}

/** A configuration that cannot be used; `problems` names every one with its path. */
export class ConfigError extends AgentError {
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super('config', `configuration: ${problems.join('; ')}`)
    this.problems = problems
  }
}

/** An answer of the API server other than 200; `status` is the HTTP status, or the code of a watch's ERROR event. */
export class ApiStatusError extends AgentError {
  readonly status: number
  constructor(status: number, message: string) {
    super('api-status', message)
    this.status = status
  }

  /** The resource version is too old: list again (HTTP 410). */
  get expired(): boolean {
    return this.status === 410
  }
}
