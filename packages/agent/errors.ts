/** Errors of the agent. */

export type AgentErrorCode =
  | 'config'
  /** An address of the configuration cannot be had. */
  | 'listen'
  /** Another agent answers at the admin socket. */
  | 'another-agent'

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
