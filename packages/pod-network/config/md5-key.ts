/** TCP-MD5 keys (RFC 2385) in the configuration, and in files that hold one. */
import type { SectionInput } from '@podroute/feature/section.ts'
import * as z from 'zod'
import type { RouterFault } from '../routers/router-settings.ts'

/** Bytes of a TCP-MD5 key that the kernel takes (TCP_MD5SIG_MAXKEYLEN of linux/tcp.h). */
const MAX_KEY_BYTES = 80
export const key = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= MAX_KEY_BYTES, {
    message: `a TCP-MD5 key has at most ${MAX_KEY_BYTES} bytes`,
  })

export function readKey(file: string, path: string, input: SectionInput): string | undefined {
  return checkKey(input.readSecret(file, path), file, path, input)
}

export function checkKey(
  text: string | undefined,
  file: string,
  path: string,
  input: SectionInput,
): string | undefined {
  const bytes = Buffer.byteLength(text ?? '')
  if (bytes > MAX_KEY_BYTES) input.problem(path, tooLong(file, bytes))
  return text
}

/** A key that cannot be used is a fault of the router that it is for, on the nodes that it selects: all else goes on. */
export function readKeyFile(
  file: string,
  path: string,
  input: SectionInput,
): { readonly key?: string; readonly fault?: RouterFault } {
  const found = input.trySecret(file)
  if ('problem' in found) return { fault: { path, message: found.problem } }
  const bytes = Buffer.byteLength(found.text)
  if (bytes <= MAX_KEY_BYTES) return { key: found.text }
  return { fault: { path, message: tooLong(file, bytes) } }
}

function tooLong(file: string, bytes: number): string {
  return `${file} has ${bytes} bytes: a TCP-MD5 key has at most ${MAX_KEY_BYTES}`
}
