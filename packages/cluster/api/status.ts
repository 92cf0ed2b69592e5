/** What the API server says where it does not do what it was asked. */
import { ApiStatusError, ConflictError } from '../errors.ts'

/** @param text the answer's body: a meta/v1 Status, or what a proxy on the way says */
export function statusError(status: number, text: string): ApiStatusError {
  const { message, reason } = readStatus(text)
  const told = message ?? `HTTP ${status}`
  // 409 is also said where a name is taken already, which no second look changes.
  if (status === 409 && reason !== 'AlreadyExists') return new ConflictError(told, reason)
  return new ApiStatusError(status, told, reason)
}

function readStatus(text: string): { readonly message: string | undefined; readonly reason: string } {
  try {
    const status: unknown = JSON.parse(text)
    if (typeof status !== 'object' || status === null) return { message: undefined, reason: '' }
    const { message, reason } = status as Record<string, unknown>
    return { message: message === undefined ? undefined : String(message), reason: String(reason ?? '') }
  } catch {
    return { message: text.slice(0, 200) || undefined, reason: '' }
  }
}
