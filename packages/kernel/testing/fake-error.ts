/** What a fake refuses something with, as the kernel would. */
export class FakeError extends Error {
  readonly code: string

  constructor(code: string, message = code) {
    super(message)
    this.name = 'FakeError'
    this.code = code
  }
}
