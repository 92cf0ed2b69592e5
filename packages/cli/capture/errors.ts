/** What cannot be read as a capture. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError'
  readonly code = 'CAPTURE'
}
