// What can go wrong in the lab, as one line for the person who started it.

export type LabErrorCode =
  | 'missing-prerequisite'
  | 'command-failed'
  | 'timed-out'
  | 'not-running'
  | 'already-running'
  | 'bad-usage'
  | 'interrupted'
  | 'not-as-expected'
  | 'vm-ended'

/** An error whose message is all that a user needs; `cause` and the log files hold the rest. */
export class LabError extends Error {
  readonly code: LabErrorCode

  constructor(code: LabErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'LabError'
    this.code = code
  }
}
